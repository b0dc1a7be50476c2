"""Controls: images of known truth among the candidates, by which a grader is measured."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lenszoo.data.table import is_table_file
from lenszoo.errors import LenszooError, one_line
from lenszoo.files import has_file, has_folder, write_bytes
from lenszoo.vetting.images import Frame

FILE = "controls.npz"
COUNT = 40
"""Controls, unless told otherwise: half lenses, half others."""

_SEED = 20261128


class Controls:
    """Images of known truth.

    Attributes:
        images: (n, H, W, bands) float32, the first row at the bottom.
        lenses: (n,) bool.
        bands: names of the bands.
        ids: their names.
        source: the preset or catalogue that they are from.
        scale: arcsec a pixel; None where unknown.
    """

    widest = 1

    def __init__(
        self,
        images: np.ndarray,
        lenses: np.ndarray,
        bands: Sequence[str],
        source: str,
        scale: float | None = None,
    ) -> None:
        self.images, self.lenses = images, lenses.astype(bool)
        self.bands, self.source, self.scale = tuple(bands), source, scale
        self.ids = tuple(f"control/{source}/{k}" for k in range(len(images)))

    def __len__(self) -> int:
        return len(self.images)

    def read(self, row: int, field: int = 1) -> np.ndarray:
        """Return an image (H, W, bands)."""
        return self.images[row]

    def frame(self, row: int) -> Frame:
        """Return the scale; there is no place on the sky."""
        return Frame(self.scale)


def open_controls(
    folder: Path, source: str | os.PathLike[str] | None, count: int, bands: Sequence[str]
) -> Controls | None:
    """Return the controls of a folder of grades, made once.

    Args:
        folder: where they are kept, so that they stay the same.
        source: a simulated sky of lenses and others such as ``"lens_finding_hard"``, or a catalogue
            with a column ``label`` and images that are called like its ids; None: those kept.
        count: how many to draw, half of them lenses.
        bands: names of the bands of the candidates.

    Returns:
        The controls; None where there are none.

    Raises:
        LenszooError: unknown source, images of other bands, or another source than those kept.
    """
    file = folder / FILE
    if file.exists():
        kept = _load(file)
        if source is not None and os.fspath(source) != kept.source:
            raise LenszooError(
                f"{file}: holds controls of {kept.source}, not of {source}; remove it for new ones."
            )
        return kept
    if source is None:
        return None
    drawn = _draw(os.fspath(source), count, bands)
    stream = io.BytesIO()
    np.savez(
        stream,
        images=drawn.images,
        lenses=drawn.lenses,
        bands=np.array(drawn.bands, str),
        source=np.array(drawn.source),
        scale=np.array(np.nan if drawn.scale is None else drawn.scale),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(file, stream.getvalue())
    return drawn


def _load(file: Path) -> Controls:
    try:
        with np.load(file, allow_pickle=False) as kept:
            scale = float(kept["scale"])
            return Controls(
                kept["images"],
                kept["lenses"],
                kept["bands"].tolist(),
                str(kept["source"]),
                scale if np.isfinite(scale) else None,
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise LenszooError(
            f"{file}: damaged ({one_line(error)}); remove it for new controls."
        ) from error


def _draw(source: str, count: int, bands: Sequence[str]) -> Controls:
    if count < 2:
        raise LenszooError("Controls are at least 2, one of them a lens.")
    if has_file(source) and is_table_file(source):
        from lenszoo.data import read_catalogue

        pool = read_catalogue(source, bands=bands or None, label="label")
        images, labels, names = pool.images, pool.known_labels(), tuple(pool.bands or bands)
    elif has_folder(source):
        raise LenszooError(f"{source}: is a folder; give the catalogue that labels its images.")
    else:
        from lenszoo.simulation import sample_cutouts  # imports Keras

        pool = sample_cutouts(source, 2 * count, seed=_SEED, bands=bands or None, columns=[])
        images, labels, names = pool.images, pool.labels, tuple(pool.bands)
    if images is None:
        raise LenszooError(f"{source}: holds no images.")
    order = np.random.default_rng(_SEED).permutation(len(labels))
    lenses, others = (order[labels[order] == label] for label in (1, 0))
    if not len(lenses) or not len(others):
        raise LenszooError(f"{source}: controls need lenses and others; it has one kind.")
    rows = np.concatenate([lenses[: count // 2], others[: count - count // 2]])
    scale = pool.provenance.get("pixel_scale")
    chosen = np.ascontiguousarray(images[rows])
    return Controls(chosen, labels[rows] == 1, names, source, scale)
