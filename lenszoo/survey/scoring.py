"""Score the objects of a part: cutouts of a tile, answers of each member, one Parquet file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.checks import OnBad, apply_policy, check_policy
from lenszoo.data.dataset import as_inputs
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.sky import SkyMethod, check_sky, subtract_sky
from lenszoo.errors import LenszooError
from lenszoo.inference.answers import answer
from lenszoo.inference.loaded_model import OpenedModel, open_model
from lenszoo.inference.parts import write_part
from lenszoo.inference.predictor import feature_model
from lenszoo.inference.tables import FEATURES, KEY
from lenszoo.inference.trained_inputs import as_trained, judge_scale
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import Tile

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
        batch_size: images a step.
        features: whether the vectors of the first member are kept, in half precision.
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


class Outcome(NamedTuple):
    """Outcome of a part: objects, those with an answer, and why its tile could not be read."""

    rows: int
    scored: int
    failure: str | None


class Members:
    """The models of a search.

    Attributes:
        opened: the models.
        names: their names.
        width: numbers of a vector; 0 where none are asked for.

    Args:
        weights: names or paths.
        lens_class: the class that is searched for.
        features: whether the first member gives its vectors too.

    Raises:
        LenszooError: weights that cannot be loaded, that look at no images, do not tell
            ``lens_class``, or differ in images, columns, bands or pixel scale.
    """

    def __init__(self, weights: Sequence[str], lens_class: str, features: bool = False) -> None:
        if not weights:
            raise LenszooError("A search needs weights: a name of `lenszoo weights list`.")
        self.opened = [open_model(name) for name in weights]
        self.names = tuple(opened.name for opened in self.opened)
        first = self.opened[0]
        for opened in self.opened:
            shape = opened.takes.get("images")
            if shape is None or None in shape:
                raise LenszooError(f"{opened.name} does not look at images of one size.")
            if lens_class not in opened.classes:
                raise LenszooError(
                    f"{opened.name} tells {', '.join(opened.classes)} apart, not {lens_class!r}; "
                    "name the class to search for with lens_class=."
                )
            for noun in ("takes", "columns", "bands", "pixel_scale"):
                if getattr(opened, noun) != getattr(first, noun):
                    raise LenszooError(
                        f"The members differ: {opened.name} and {first.name} have "
                        f"{getattr(opened, noun)} and {getattr(first, noun)} ({noun})."
                    )
        if len(set(self.names)) < len(self.names):
            raise LenszooError("The weights of a search name a member twice.")
        self._models = [opened.model for opened in self.opened]
        self.width = 0
        if features:
            vectors = feature_model(first.model).output
            self.width = int(vectors.shape[-1])
            self._models[0] = keras.Model(first.model.input, [first.model.output, vectors])
        self._places = [opened.classes.index(lens_class) for opened in self.opened]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Image size and bands (H, W, bands)."""
        height, width, bands = self.opened[0].takes["images"]
        return height, width, bands

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the models look at beside images."""
        first = self.opened[0]
        if "table" not in first.takes:
            return ()
        if len(first.columns) != first.takes["table"][0]:
            raise LenszooError(f"{first.name} does not know the names of its columns.")
        return first.columns

    def answer(self, inputs: Any, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (n, members) float64 log-odds of the class, and vectors (n, d) if asked for."""
        logits, features = [], None
        for model, opened, place in zip(self._models, self.opened, self._places, strict=True):
            values = answer(model, inputs, size)
            if isinstance(values, list):
                values, features = values
            values = opened.logits(values)
            others = np.delete(values, place, axis=1)
            top = others.max(1)
            rest = top + np.log(np.exp(others - top[:, None]).sum(1))
            logits.append(values[:, place] - rest)
        return np.stack(logits, axis=1), features

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions and backend, and a list of each fact of the weights, one item a member."""
        facts = dict(self.opened[0].provenance)
        for name in ("model", "weights", "weights_sha256", "recipe", "seed"):
            facts[name] = [opened.provenance.get(name) for opened in self.opened]
        return facts


def trained_settings(opened: OpenedModel, catalogue: str, settings: Settings) -> Settings:
    """Take zero point, mask value and sky from the model's training, where nothing is chosen."""
    check_policy(settings.on_bad)
    check_sky(settings.sky)
    if settings.on_bad == "raise":
        raise LenszooError("A search goes on past bad pixels: on_bad is skip, zero or fill.")
    if settings.batch_size < 1:
        raise LenszooError(f"batch_size must be at least 1, not {settings.batch_size}.")
    chosen = Catalogue(
        catalogue, bands=settings.bands, zero_point=settings.zero_point,
        mask_value=settings.mask_value, sky=settings.sky,
    )  # fmt: skip
    learned = as_trained(opened, chosen)
    target = ZERO_POINT if opened.zero_point is None else opened.zero_point
    return replace(
        settings, zero_point=learned.zero_point, mask_value=learned.mask_value, sky=learned.sky,
        target=target,
    )  # fmt: skip


def prepared(images: np.ndarray, settings: Settings) -> np.ndarray:
    """Mask cutouts (n, H, W, bands) and subtract their sky, in place."""
    if settings.mask_value is not None:
        images[images == np.float32(settings.mask_value)] = np.nan
    if settings.sky is not None:
        subtract_sky(images, settings.sky)
    return images


def check_scale(
    members: Members,
    settings: Settings,
    samples: Iterable[tuple[pa.Table, Tile]],
    any_scale: bool,
) -> None:
    """Compare noise and sky of some cutouts with those that each member learned on.

    Args:
        members, settings: of the search.
        samples: a few objects of some tiles.
        any_scale: go on, with a warning, where they are far from what a member knows.

    Raises:
        LenszooError: they are, and ``any_scale`` is False.
    """
    cutouts = []
    for objects, tile in samples:
        ra, dec = (objects[name].to_numpy() for name in ("ra", "dec"))
        try:
            with TileCutter(
                tile, members.shape[:2], settings.pixel_scale, settings.target
            ) as cutter:
                cutouts.append(prepared(cutter.cut(ra, dec), settings))
        except LenszooError:  # scoring will tell
            continue
    images = np.concatenate(cutouts) if cutouts else np.empty((0, *members.shape))
    images = images[np.isfinite(images).all((1, 2, 3))]
    for opened in members.opened:
        judge_scale(opened, images, f"{len(images)} cutouts that were looked at", any_scale)


class Scorer:
    """Scores parts with loaded models and writes their answers.

    Args:
        settings: of the search.
        folder: where the answers of parts go.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.members = Members(settings.weights, settings.lens_class, settings.features)
        self._facts = self.members.provenance | {
            "lens_class": settings.lens_class,
            "bands": settings.bands,
            "on_bad": settings.on_bad,
            "zero_point": settings.zero_point,
            "mask_value": settings.mask_value,
            "sky": settings.sky,
            "pixel_scale": settings.pixel_scale,
        }

    def run(self, key: str, objects: pa.Table, tile: Tile) -> Outcome:
        """Score the objects of a part and write them as ``KEY.parquet``.

        Raises:
            LenszooError: the answers cannot be written.
        """
        table, failure = self.score(objects, tile)
        facts = self._facts | {"tile": tile.name} | ({FAILED: failure} if failure else {})
        write_part(self.folder / f"{key}.parquet", table, facts)
        return Outcome(len(table), len(table) - table["logit"].null_count, failure)

    def score(self, objects: pa.Table, tile: Tile) -> tuple[pa.Table, str | None]:
        """Return the answers to the objects of a tile, and why the tile could not be read."""
        n = len(objects)
        logits = np.full((n, len(self.members.names)), np.nan)
        bad = np.full(n, -1)
        errors = np.full(n, None, object)
        vectors: list[tuple[np.ndarray, np.ndarray]] = []
        failure = None
        try:
            for rows, images in self._cutouts(objects, tile):
                self._answer(objects, rows, images, logits, bad, errors, vectors)
        except LenszooError as error:
            failure = f"tile {tile.name}: {error}"
            errors[bad < 0] = failure
        table = self._table(objects, tile, logits, bad, errors)
        if self.settings.features:
            column = _vector_column(vectors, logits, self.members.width)
            table = table.append_column(FEATURES, column)
        return table, failure

    def _cutouts(self, objects: pa.Table, tile: Tile) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and their cutouts (n, H, W, bands); the next are cut while some are in use."""
        ra, dec = (objects[name].to_numpy() for name in ("ra", "dec"))
        step = self.settings.batch_size
        scale, shape = self.settings.pixel_scale, self.members.shape[:2]
        target = self.settings.target
        with TileCutter(tile, shape, scale, target) as cutter, ThreadPoolExecutor(1) as pool:
            order = cutter.order(ra, dec)
            batches = [order[i : i + step] for i in range(0, len(order), step)]
            ahead = pool.submit(cutter.cut, ra[batches[0]], dec[batches[0]])
            for rows, following in zip(batches, [*batches[1:], None], strict=True):
                images = ahead.result()
                if following is not None:
                    ahead = pool.submit(cutter.cut, ra[following], dec[following])
                yield rows, images

    def _answer(
        self,
        objects: pa.Table,
        rows: np.ndarray,
        images: np.ndarray,
        logits: np.ndarray,
        bad: np.ndarray,
        errors: np.ndarray,
        vectors: list[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        """Score a batch of cutouts into logits, counts of bad pixels, errors and vectors."""
        settings = self.settings
        images = prepared(images, settings)
        ids = [""] * len(rows)
        keep, counts = apply_policy(images, ids, settings.on_bad)
        bad[rows] = counts
        errors[rows[~keep]] = "NaN, infinite or constant pixels"
        rows, images = rows[keep], images[keep]
        if not len(rows):
            return
        table = None
        if self.members.columns:
            columns = [objects[name].to_numpy()[rows] for name in self.members.columns]
            table = np.stack(columns, axis=1).astype(np.float32)
        values, features = self.members.answer(as_inputs(images, table), settings.batch_size)
        finite = np.isfinite(values).all(1)
        if features is not None:
            vectors.append((rows, features))
        errors[rows[~finite]] = "the model's answer is not finite"
        logits[rows[finite]] = values[finite]

    def _table(
        self,
        objects: pa.Table,
        tile: Tile,
        logits: np.ndarray,
        bad: np.ndarray,
        errors: np.ndarray,
    ) -> pa.Table:
        lacking = np.isnan(logits).any(1)
        columns: dict[str, Any] = {name: objects[name] for name in ("id", "ra", "dec")}
        columns["tile"] = pa.array([tile.name] * len(objects), pa.string())
        scores = [("", logits.mean(1))]
        if len(self.members.names) > 1:
            scores += [(f"_{n}", logits[:, k]) for k, n in enumerate(self.members.names)]
        for ending, values in scores:
            with np.errstate(over="ignore", invalid="ignore"):
                probability = 1 / (1 + np.exp(-values))
            columns[f"logit{ending}"] = pa.array(values.astype(np.float32), mask=lacking)
            columns[f"prob{ending}"] = pa.array(probability.astype(np.float32), mask=lacking)
        columns["bad_pixels"] = pa.array(bad.astype(np.int32), mask=bad < 0)
        columns["error"] = pa.array(errors.tolist(), pa.string())
        return pa.table(columns)


def _vector_column(
    vectors: Sequence[tuple[np.ndarray, np.ndarray]], logits: np.ndarray, width: int
) -> pa.Array:
    """Return a column of vectors in half precision; null for rows without a score."""
    rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in vectors)])
    values = np.concatenate([np.empty((0, width)), *(values for _, values in vectors)])
    limit = np.finfo(np.float16).max
    half = np.clip(values, -limit, limit).astype(np.float16)
    at = np.full(len(logits), -1)
    at[rows] = np.arange(len(rows))
    at[np.isnan(logits).any(1)] = -1
    column = pa.FixedSizeListArray.from_arrays(pa.array(half.reshape(-1)), width)
    return column.take(pa.array(at, mask=at < 0))


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
