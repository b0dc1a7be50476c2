"""Score the objects of a part: cutouts, answers of each member, one Parquet file."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.checks import check_policy
from lenszoo.data.dataset import as_inputs
from lenszoo.data.flux_units import check_zero_point
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.sky import check_sky
from lenszoo.errors import LenszooError, whole_number
from lenszoo.inference.answers import answer
from lenszoo.inference.engines.opening import COST, EngineName, Precision, open_engine
from lenszoo.inference.features import logits_and_features, whole_model
from lenszoo.inference.inputs import Batch
from lenszoo.inference.loaded_model import OpenedModel, open_model
from lenszoo.inference.parts import write_part
from lenszoo.inference.tables import FEATURES
from lenszoo.inference.trained_inputs import as_trained, judge_scale, prepared_as_trained
from lenszoo.survey.cutout_parts import PATH
from lenszoo.survey.footprints import Tile
from lenszoo.survey.reading import as_images, read_batches
from lenszoo.survey.ready_cutouts import PixelSource, ReadyCutouts
from lenszoo.survey.settings import FAILED, Outcome, Settings


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
        engine, precision: what runs them, see :func:`lenszoo.inference.engines.open_engine`.

    Raises:
        LenszooError: weights that cannot be loaded, that look at no images, do not tell
            ``lens_class``, or differ in images, columns, bands or pixel scale; an engine or
            precision that cannot be had.
    """

    def __init__(
        self,
        weights: Sequence[str],
        lens_class: str,
        features: bool = False,
        engine: EngineName = "keras",
        precision: Precision = "auto",
    ) -> None:
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
        parts = [logits_and_features if features else whole_model]
        parts += [whole_model] * (len(self.opened) - 1)
        self._engines = [
            open_engine(opened, engine, precision, part)
            for opened, part in zip(self.opened, parts, strict=True)
        ]
        self.width = int(self._engines[0].model.output_shape[1][-1]) if features else 0
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
        for engine, opened, place in zip(self._engines, self.opened, self._places, strict=True):
            values = answer(engine.model, inputs, size)
            if isinstance(values, list):
                values, features = values
            values = opened.logits(values) / opened.temperature
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
        facts |= self._engines[0].facts
        if COST in facts:
            facts[COST] = [engine.facts[COST] for engine in self._engines]
        return facts


def trained_settings(opened: OpenedModel, catalogue: str, settings: Settings) -> Settings:
    """Take zero point, mask value and sky from the model's training, where nothing is chosen."""
    check_policy(settings.on_bad)
    check_sky(settings.sky)
    if settings.on_bad == "raise":
        raise LenszooError("A search goes on past bad pixels: on_bad is skip, zero or fill.")
    whole_number("batch_size", settings.batch_size)
    check_zero_point(settings.zero_point)
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


def of_cutouts(opened: OpenedModel, settings: Settings) -> Settings:
    """Prepare cutouts that are made already as :func:`lenszoo.predict` does."""
    check_sky(settings.sky)
    learned = prepared_as_trained(opened, {"crop": settings.crop})
    return replace(
        settings, crop=learned.get("crop"), scaling=learned.get("scaling"),
        reads_headers=settings.zero_point is None and opened.zero_point is not None,
    )  # fmt: skip


def check_scale(
    members: Members,
    settings: Settings,
    samples: Iterable[tuple[pa.Table, PixelSource]],
    any_scale: bool,
) -> None:
    """Compare noise and sky of some cutouts with those that each member learned on.

    Args:
        members, settings: of the search.
        samples: a few objects of some tiles, or cutouts.
        any_scale: go on, with a warning, where they are far from what a member knows.

    Raises:
        LenszooError: they are, and ``any_scale`` is False; or none of the files of cutouts can be
            read and fits the weights.
    """
    images = [np.empty((0, *members.shape), np.float32)]
    sound, faults = replace(settings, on_bad="skip"), list[LenszooError]()
    ready = readable = 0
    for objects, source in samples:
        try:
            if isinstance(source, ReadyCutouts):
                strict = replace(settings, on_bad="fill")
                ready += len(objects)
                readable += _readable(source, objects, members.shape, strict, faults)
            batches = read_batches(source, objects, members.shape, sound)
            images += [batch.images for batch in batches if batch.images is not None]
        except LenszooError as error:  # scoring will tell
            faults.append(error)
    if ready and not readable:
        raise faults[0]
    looked_at = np.concatenate(images)
    if settings.scaling is not None:
        return
    for opened in members.opened:
        judge_scale(opened, looked_at, f"{len(looked_at)} cutouts that were looked at", any_scale)


def _readable(
    source: ReadyCutouts,
    objects: pa.Table,
    shape: tuple[int, int, int],
    settings: Settings,
    faults: list[LenszooError],
) -> int:
    """Count the cutouts that can be read and fit; collect what is wrong with the others."""
    images = as_images(source, objects, shape, settings, strict=True)
    count = len(images)
    for row in range(count):
        try:
            images.read(row)
        except LenszooError as error:
            faults.append(error)
            count -= 1
    return count


class Scorer:
    """Scores parts with loaded models and writes their answers.

    Args:
        settings: of the search.
        folder: where the answers of parts go.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.members = Members(
            settings.weights, settings.lens_class, settings.features, settings.engine,
            settings.precision,
        )  # fmt: skip
        self._facts = self.members.provenance | {
            "lens_class": settings.lens_class,
            "bands": settings.bands,
            "on_bad": settings.on_bad,
            "zero_point": settings.zero_point,
            "mask_value": settings.mask_value,
            "sky": settings.sky,
            "pixel_scale": settings.pixel_scale,
        }

    def run(self, key: str, objects: pa.Table, source: PixelSource) -> Outcome:
        """Score the objects of a part and write them as ``KEY.parquet``.

        Raises:
            LenszooError: the answers cannot be written.
        """
        table, failure = self.score(objects, source)
        facts = self._facts | {FAILED: failure} if failure else self._facts
        facts = facts | {"tile" if isinstance(source, Tile) else "cutouts": source.label}
        write_part(self.folder / f"{key}.parquet", table, facts)
        return Outcome(len(table), len(table) - table["logit"].null_count, failure)

    def score(self, objects: pa.Table, source: PixelSource) -> tuple[pa.Table, str | None]:
        """Return the answers to the objects of a part, and why its pixels could not be read."""
        n = len(objects)
        logits = np.full((n, len(self.members.names)), np.nan)
        bad = np.full(n, -1)
        errors = np.full(n, None, object)
        seen = np.zeros(n, bool)
        vectors: list[tuple[np.ndarray, np.ndarray]] = []
        failure = None
        try:
            for batch in read_batches(source, objects, self.members.shape, self.settings):
                seen[batch.rows] = True
                bad[batch.rows] = [-1 if count is None else count for count in batch.bad_pixels]
                errors[batch.rows] = batch.errors
                self._answer(objects, batch, logits, errors, vectors)
        except LenszooError as error:
            failure = f"{source.label}: {error}"
            errors[~seen] = failure
        table = self._table(objects, source, logits, bad, errors)
        if self.settings.features:
            column = _vector_column(vectors, logits, self.members.width)
            table = table.append_column(FEATURES, column)
        return table, failure

    def _answer(
        self,
        objects: pa.Table,
        batch: Batch,
        logits: np.ndarray,
        errors: np.ndarray,
        vectors: list[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        """Score a batch of cutouts into logits, errors and vectors."""
        rows = batch.rows[batch.kept]
        if not len(rows):
            return
        table = None
        if self.members.columns:
            columns = [objects[name].to_numpy()[rows] for name in self.members.columns]
            table = np.stack(columns, axis=1).astype(np.float32)
        inputs = as_inputs(batch.images, table)
        values, features = self.members.answer(inputs, self.settings.batch_size)
        finite = np.isfinite(values).all(1)
        if features is not None:
            vectors.append((rows, features))
        errors[rows[~finite]] = "the model's answer is not finite"
        logits[rows[finite]] = values[finite]

    def _table(
        self,
        objects: pa.Table,
        source: PixelSource,
        logits: np.ndarray,
        bad: np.ndarray,
        errors: np.ndarray,
    ) -> pa.Table:
        lacking = np.isnan(logits).any(1)
        columns: dict[str, Any] = {"id": objects["id"]}
        for name in ("ra", "dec"):
            values = objects[name].to_numpy()
            columns[name] = pa.array(values, mask=np.isnan(values))
        if isinstance(source, Tile):
            columns["tile"] = pa.array([source.name] * len(objects), pa.string())
        else:
            columns[PATH] = objects[PATH]
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
