"""Settings of a search, and the outcome of a part: what its processes tell each other."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.data.checks import OnBad
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.scaling import ImageScaling
from lenszoo.data.sky import SkyMethod
from lenszoo.inference.tables import KEY

if TYPE_CHECKING:  # a process that only hands out work needs no network
    from lenszoo.inference.engines.opening import EngineName, Precision

FAILED = "failed"
"""Key in the metadata of a part whose tile could not be read; such a part is done again."""


@dataclass(frozen=True)
class Settings:
    """Settings of a search that change its answers.

    Attributes:
        weights: the members of the ensemble, names or paths.
        lens_class: the class that is searched for.
        bands: names of the bands, in the order that the weights take them.
        pixel_scale: arcsec a pixel to resample to; None cuts pixels as they are.
        on_bad: what happens to cutouts with NaN, infinite or constant bands.
        zero_point: AB magnitude of flux 1 of tiles that name none; None leaves fluxes.
        mask_value: pixel value that marks masked pixels.
        sky: way to measure the sky level that is subtracted; None where it is subtracted.
        target: AB magnitude of flux 1 that the weights learned on.
        reads_headers: whether the zero points of cutouts that are made already come from the
            headers of their files where ``zero_point`` names none.
        batch_size: images a step.
        features: whether the vectors of the first member are kept, in half precision.
        crop, resize, planes, scaling: of cutouts that are made already: pixels of the central
            square, interpolation to the weights' size, positions of the bands to take, and values
            that become 0 and 1, as for :func:`lenszoo.predict`.
        engine, precision: what runs the networks, see
            :func:`lenszoo.inference.engines.open_engine`.
    """

    weights: tuple[str, ...]
    lens_class: str = "lens"
    bands: tuple[str, ...] = ()
    pixel_scale: float | None = None
    on_bad: OnBad = "skip"
    zero_point: float | None = None
    mask_value: float | None = None
    sky: SkyMethod | None = None
    target: float = ZERO_POINT
    batch_size: int = 128
    features: bool = False
    crop: int | None = None
    resize: bool = False
    planes: tuple[int, ...] | None = None
    reads_headers: bool = False
    scaling: ImageScaling | None = None
    engine: "EngineName" = "keras"
    precision: "Precision" = "auto"

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that tell a search from another, without options that are left alone."""
        facts = asdict(self)
        del facts["batch_size"]
        ready = ("crop", "resize", "planes", "scaling", "reads_headers")
        return {k: v for k, v in facts.items() if k not in ready or v not in (None, False)}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """Return the settings of values that came as JSON."""
        lists = {name: tuple(v) for name, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **lists})


class Outcome(NamedTuple):
    """Outcome of a part: objects, those with an answer, and why its tile could not be read."""

    rows: int
    scored: int
    failure: str | None


def read_outcome(path: Path) -> Outcome | None:
    """Return the outcome of a finished part from its file; None where there is no sound one."""
    try:
        with pq.ParquetFile(path) as file:
            facts = json.loads((file.schema_arrow.metadata or {}).get(KEY, b"{}"))
            rows = file.metadata.num_rows
            scored = rows - file.read(["logit"])["logit"].null_count
    except (OSError, pa.ArrowException, ValueError):
        return None
    return Outcome(rows, scored, facts.get(FAILED))
