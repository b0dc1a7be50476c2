"""predict and embed: from images to a table of answers, in batches of one shape."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Unpack

import keras
import numpy as np
import pyarrow as pa

from lenszoo.data.checks import OnBad
from lenszoo.data.cutting import Cutout
from lenszoo.data.readers import image_name
from lenszoo.errors import LenszooError, counted
from lenszoo.inference.candidates import Candidates, PredictInputs, open_inputs
from lenszoo.inference.inputs import Batch
from lenszoo.inference.loaded_model import ModelLike, OpenedModel, open_model
from lenszoo.inference.preparing import Preparing
from lenszoo.inference.tta import AugmentedModel
from lenszoo.layers import NonFiniteGuard

Progress = Callable[[int, int], None]
BATCH_SIZE = 128
FEATURES = "features"
METADATA = b"lenszoo"


def predict(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    progress: Progress | None = None,
    **preparing: Unpack[Preparing],
) -> pa.Table:
    """Classify images or lens candidates and return a table, a row each, in their order.

    The columns: ``id``; ``path`` (null for arrays); ``predicted``, a class name;
    ``prob_<class>`` and ``logit_<class>`` (float32; the softmax of a row's logits, divided by the
    temperature that was fitted to the weights, is its probabilities, with tta and for ensembles
    too; rank on logits, which do not saturate);
    ``bad_pixels``, NaN or infinite pixels or those of a constant band; ``error``, why a row holds
    no answer, else null; then the other columns of the inputs' table, such as ``ra`` and ``dec``,
    but for those of the names above. The table's metadata under ``lenszoo`` (see
    :func:`lenszoo.inference.provenance_of`) names version, backend, weights, sha256, recipe, seed,
    ``temperature`` (1 where none was fitted) and ``notes``, the warnings about these inputs.

    A lens finder's classes are ``nonlens`` and ``lens``. Its logits are divided by the temperature
    that was fitted on its validation data, so ``prob_lens`` is calibrated for objects like those,
    of which as many were lenses; where one in 1,000 is a lens, far fewer candidates of a given
    probability are.

    Args:
        model: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file; a list of
            them, for their ensemble; or a model.
        inputs: an image file, a list of them, a folder (with all below it), a table with a
            column ``path``, an :class:`lenszoo.data.listing.ImageTable` (which may cut its images
            out of large ones, at positions of the table), a ``DatasetIndex``, or an array
            (n, H, W, bands) or (n, H, W); also a tensor, a list of images, or a ``Sample`` of a
            simulated sky. For a model that looks at a table: ``Cutouts``, a
            :class:`lenszoo.inference.Catalogue`, or its table. Its columns, and bands where both
            sides name them, are found by name; a missing value is NaN. A table is a file (CSV,
            Parquet, FITS, VOTable, ECSV) or one in memory (pandas, astropy, or pyarrow, such as an
            earlier answer).
        batch_size: images a step; the last batch is padded, so that the model compiles once.
        on_bad: "raise" stops at the first bad image; "zero" sets bad pixels to 0, "fill" to the
            median of their band; "skip" leaves rows without an answer for images that are bad,
            missing, unreadable or of another size. By default that of the catalogue's layout, else
            "raise".
        classes: names of the classes, where the weights do not know them.
        resize: interpolate images of another size bilinearly; this changes their pixel scale.
        bands: positions of the bands to give to the model, such as ``[0]``.
        tta: answer with the mean over the quarter turns and flips of each image
            (:func:`lenszoo.evaluation.tta_logits`), in eight times the time.
        progress: is told (images done, images in all).
        **preparing: how images are prepared, see :class:`lenszoo.inference.preparing.Preparing`:
            ``crop``, ``sky``, ``zero_point``, ``scaling``, and ``any_scale``. Where the weights
            know them, noise and sky level of the images are compared with those of the training.

    Raises:
        LenszooError: in one line, for weights that cannot be loaded, no inputs, a column or band
            that is not there, and images that cannot be read, are bad, or have another size or
            number of bands than the model takes, or whose noise or sky is far from what it learned
            on (not with any_scale); with tta, for images that are not square.
        PredictionStopped: after Ctrl-C, a ``KeyboardInterrupt`` whose ``table`` holds the rows that
            were answered.

    Example:
        >>> from lenszoo import predict
        >>> from lenszoo.simulation import sample
        >>> sky = sample("common_test_sim", 3, seed=3)
        >>> predict("resnet18_slim.common_test_sim_v2", sky)["predicted"].to_pylist()
        ['no', 'sphere', 'vort']
    """
    opened = open_model(model, classes)
    augmented = AugmentedModel(opened) if tta else None
    candidates = open_inputs(opened, inputs, on_bad, resize, bands, preparing=preparing)

    def table_of(answers: Answers) -> pa.Table:
        return _answer_table(opened, candidates, answers, augmented is not None)

    try:
        return table_of(run(augmented or opened.model, candidates, batch_size, progress))
    except PredictionStopped as stop:
        stop.table = table_of(stop.answers).slice(0, stop.done)
        raise


def _answer_table(
    opened: OpenedModel, candidates: Candidates, answers: "Answers", tta: bool
) -> pa.Table:
    """Put the answers of a classifier into a table, see :func:`predict`."""
    kept = answers.kept
    logits = np.zeros((len(candidates), len(opened.classes)))
    logits[kept] = answers.values[kept] if tta else opened.logits(answers.values[kept])
    probabilities = opened.probabilities(logits)
    names = [
        opened.classes[k] if ok else None for k, ok in zip(logits.argmax(1), kept, strict=True)
    ]
    columns: dict[str, Any] = {"predicted": pa.array(names, pa.string())}
    for kind, values in (("prob", probabilities), ("logit", logits)):
        for k, name in enumerate(opened.classes):
            column = values[:, k].astype(np.float32)
            columns[f"{kind}_{name}"] = pa.array(column, mask=~kept)
    facts = {"tta": tta, "temperature": opened.temperature}
    return _table(opened, candidates, answers, columns, facts)


def embed(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    progress: Progress | None = None,
    **preparing: Unpack[Preparing],
) -> np.ndarray:
    """Return each image's feature vector: the last layer of a classifier before its head.

    Args:
        model, inputs, batch_size, on_bad, resize, bands, progress, preparing: as in
            :func:`predict`; not an ensemble, whose members have features each of their own.

    Returns:
        The output of the layer ``features``, float32 (n, d), in the order of the inputs; a row of
        NaN for each image that on_bad="skip" passed over.

    Raises:
        LenszooError: as :func:`predict`, and when the model has no layer ``features``.

    Example:
        >>> from lenszoo import embed
        >>> from lenszoo.simulation import sample
        >>> sky = sample("common_test_sim", 3, seed=1)
        >>> embed("resnet18_slim.common_test_sim_v2", sky.images).shape
        (3, 128)
    """
    return _features(model, inputs, batch_size, on_bad, resize, bands, progress, preparing)[
        2
    ].values


def embedding_table(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    progress: Progress | None = None,
    **preparing: Unpack[Preparing],
) -> pa.Table:
    """As :func:`embed`, as a table: ``id``, ``path``, ``features``, ``bad_pixels``, ``error``."""
    opened, candidates, answers = _features(
        model, inputs, batch_size, on_bad, resize, bands, progress, preparing
    )
    width = answers.values.shape[1]
    flat = pa.array(answers.values[answers.kept].reshape(-1), pa.float32())
    vectors = pa.FixedSizeListArray.from_arrays(flat, width)
    at = np.where(answers.kept, np.cumsum(answers.kept) - 1, 0)
    column = vectors.take(pa.array(at, pa.int64(), mask=~answers.kept))
    return _table(opened, candidates, answers, {FEATURES: column})


def _features(
    model: ModelLike,
    inputs: PredictInputs,
    batch_size: int,
    on_bad: OnBad | None,
    resize: bool,
    bands: Sequence[int] | None,
    progress: Progress | None,
    preparing: Preparing,
) -> "tuple[OpenedModel, Candidates, Answers]":
    """Return the opened model, its inputs, and the features of each."""
    opened = open_model(model)
    candidates = open_inputs(opened, inputs, on_bad, resize, bands, preparing=preparing)
    return opened, candidates, run(feature_model(opened.model), candidates, batch_size, progress)


def features_of(table: pa.Table) -> np.ndarray:
    """Return the vectors of an :func:`embedding_table`, float32 (n, d), NaN where there is none."""
    column = table[FEATURES].combine_chunks()
    features = np.full((len(table), column.type.list_size), np.nan, np.float32)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    features[there] = column.drop_null().flatten().to_numpy().reshape(-1, features.shape[1])
    return features


class Answers(NamedTuple):
    """Answers of a model: ``values`` (n, d) float32, NaN where ``kept`` (n,) is False."""

    values: np.ndarray
    kept: np.ndarray
    bad_pixels: list[int | None]
    errors: list[str | None]


class PredictionStopped(KeyboardInterrupt):
    """Ctrl-C during a prediction.

    Attributes:
        done: rows that were answered.
        table: of :func:`predict`, the table of these rows.
    """

    def __init__(self, answers: Answers, done: int) -> None:
        super().__init__(f"stopped after {counted(done, 'row')}")
        self.answers, self.done = answers, done
        self.table: pa.Table | None = None


def run(
    model: keras.Model | AugmentedModel,
    candidates: Candidates,
    batch_size: int,
    progress: Progress | None = None,
    collect: Callable[[np.ndarray, Batch], None] | None = None,
) -> Answers:
    """Run a model over its inputs; ``collect(rows, batch)`` is given all that was read.

    Raises:
        LenszooError: an image is bad, or the model's answer to a good one is not finite; the latter
            leaves a row without an answer under on_bad="skip".
        PredictionStopped: after Ctrl-C, with the answers until then.
    """
    total = len(candidates)
    if batch_size < 1:
        raise LenszooError(f"batch_size must be at least 1, not {batch_size}.")
    size = min(batch_size, total)
    values = np.full((total, model.output_shape[-1]), np.nan, np.float32)
    bad_pixels: list[int | None] = []
    errors: list[str | None] = []
    try:
        for batch in candidates.batches(size):
            rows, reasons = batch.rows[batch.kept], list(batch.errors)
            if collect is not None:
                collect(rows, batch)
            if len(rows):
                values[rows] = answer(model, batch.inputs, size)
                for row, reason in _not_finite(candidates, rows, values):
                    reasons[row - int(batch.rows[0])] = reason
            bad_pixels += batch.bad_pixels
            errors += reasons
            if progress is not None:
                progress(len(errors), total)
    except KeyboardInterrupt as stop:
        done = min(len(errors), len(bad_pixels))
        values[done:] = np.nan
        raise PredictionStopped(_answers(values, bad_pixels[:done], errors[:done]), done) from stop
    return _answers(values, bad_pixels, errors)


def _not_finite(
    candidates: Candidates, rows: np.ndarray, values: np.ndarray
) -> Iterator[tuple[int, str]]:
    """Yield the rows whose answers are not finite, with the reason; blank the answers."""
    for row in map(int, rows[~np.isfinite(values[rows]).all(axis=1)]):
        reason = (
            f"{candidates.name(row)}: the model's answer is not finite; are its pixels scaled as "
            "the model expects?"
        )
        if candidates.on_bad != "skip":
            raise LenszooError(reason)
        values[row] = np.nan
        yield row, reason


def _answers(values: np.ndarray, bad_pixels: list[int | None], errors: list[str | None]) -> Answers:
    spare = [None] * (len(values) - len(errors))
    kept = np.asarray(np.isfinite(values).all(axis=1))
    return Answers(values, kept, [*bad_pixels, *spare], [*errors, *spare])


def answer(model: keras.Model | AugmentedModel, inputs: Any, size: int) -> np.ndarray:
    """Answer to a batch padded to ``size``: every backend then compiles one shape only."""

    def padded(array: np.ndarray) -> np.ndarray:
        spare = size - len(array)
        return np.pad(array, [(0, spare)] + [(0, 0)] * (array.ndim - 1)) if spare else array

    count = len(keras.tree.flatten(inputs)[0])
    return np.asarray(model.predict_on_batch(keras.tree.map_structure(padded, inputs)))[:count]


def feature_model(model: keras.Model) -> keras.Model:
    """The part of a classifier up to its layer ``features``."""
    if FEATURES not in [layer.name for layer in model.layers]:
        raise LenszooError(
            f"Model {model.name!r} has no layer named {FEATURES!r} to take vectors from."
        )
    features = model.get_layer(FEATURES).output
    guard = next((each for each in model.layers if isinstance(each, NonFiniteGuard)), None)
    if guard is not None:
        features = NonFiniteGuard(name="features_guard")(features, guard.input[1])
    return keras.Model(model.input, features, name=model.name)


def _table(
    opened: OpenedModel,
    candidates: Candidates,
    answers: Answers,
    columns: dict[str, Any],
    facts: dict[str, Any] | None = None,
) -> pa.Table:
    paths = [None] * len(candidates) if candidates.paths is None else map(_path, candidates.paths)
    facts = (
        opened.provenance
        | {"classes": list(opened.classes), "on_bad": candidates.on_bad}
        | (facts or {})
    )
    if candidates.images is not None:
        fit = candidates.images.fit
        facts |= {"resize": "bilinear" if fit.resize else None, "bands": fit.bands}
        facts |= fit.preparation.facts()
    if candidates.table is not None:
        facts["columns"] = list(opened.columns)
    facts["notes"] = [] if candidates.images is None else list(candidates.images.notes)
    if candidates.cutouts is not None:
        facts["data"] = candidates.cutouts.provenance
        facts["notes"] += candidates.cutouts.notes
    table = pa.table(
        {
            "id": pa.array(candidates.ids, pa.string()),
            "path": pa.array(paths, pa.string()),
            **columns,
            "bad_pixels": pa.array(answers.bad_pixels, pa.int64()),
            "error": pa.array(answers.errors, pa.string()),
        }
    )
    table = _with_columns(table, candidates.beside)
    return table.replace_schema_metadata({METADATA: json.dumps(facts, default=str)})


def _with_columns(table: pa.Table, beside: pa.Table | None) -> pa.Table:
    """Put the columns of a catalogue behind the answers; those of the same names are left out."""
    if beside is None:
        return table
    for field, column in zip(beside.schema, beside.columns, strict=True):
        if field.name not in table.column_names:
            table = table.append_column(field, column)
    return table


def _path(path: Any) -> str | None:
    """Name an image by its file; of a cutout the position stands in columns of its own."""
    if isinstance(path, Cutout):
        return path.file
    return None if path is None else image_name(path)
