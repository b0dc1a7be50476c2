"""predict and embed: from images to a table of answers, in memory or in a file."""

import os
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from lenszoo.data.checks import OnBad
from lenszoo.data.cutting import Cutout
from lenszoo.data.readers import image_name
from lenszoo.data.scaling import ImageScaling
from lenszoo.data.sky import SkyMethod
from lenszoo.inference.answers import Answers, Progress
from lenszoo.inference.candidates import Candidates, PredictInputs, open_inputs
from lenszoo.inference.carried import carried
from lenszoo.inference.engines.opening import EngineName, Precision, open_engine
from lenszoo.inference.features import feature_model
from lenszoo.inference.loaded_model import ModelLike, OpenedModel, open_model
from lenszoo.inference.preparing import Preparing, preparing_of
from lenszoo.inference.streaming import Output, Prediction
from lenszoo.inference.tables import FEATURES
from lenszoo.inference.taken import TAKEN, taken_facts
from lenszoo.inference.tta import AugmentedModel

BATCH_SIZE = 128
VECTORS = (".parquet", ".npy")
"""Endings of files of vectors."""


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
    engine: EngineName = "keras",
    precision: Precision = "auto",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> Any:
    """Classify images or lens candidates and return a table, a row each, in their order.

    With ``out`` the table is written to a file instead, batch by batch, in memory that does not
    grow with the number of images. Finished rows are kept in the folder ``OUT.parts`` until all are
    done, and the same call goes on from them after Ctrl-C or when the process was killed.

    The columns: ``id``; ``path`` (null for arrays); ``predicted``, a class name;
    ``prob_<class>`` and ``logit_<class>`` (float32; the softmax of a row's logits, divided by the
    temperature that was fitted to the weights, is its probabilities, with tta and for ensembles
    too; rank on logits, which do not saturate);
    ``bad_pixels``, NaN or infinite pixels or those of a constant band; ``error``, why a row holds
    no answer, else null; then the other columns of the inputs' table, such as ``ra`` and ``dec``,
    but for those of the names above and those of an earlier prediction. The table's metadata under
    ``lenszoo`` (see :func:`lenszoo.inference.provenance_of`) names version, backend, weights,
    sha256, recipe, seed, ``temperature`` (1 where none was fitted) and ``notes``, the warnings
    about these inputs.

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
        engine: what runs the network: ``keras``; ``onnx`` (ONNX Runtime) or ``openvino``, for
            which it is converted once; see
            :func:`lenszoo.inference.engines.open_engine`.
        precision: ``float32``; ``bfloat16``, which processors that have it compute in faster, and
            which is refused where it costs more than 1e-4 of AUC on the weights' simulated sky; or
            ``auto``, that of the model: float32, unless Keras has another dtype policy.
        out: a ``.parquet``, ``.csv``, ``.fits`` or ``.ecsv`` file to write, whose path is returned.
        overwrite: replace a file that is there, and finished rows of another prediction.
        progress: is told (images done, images in all).
        crop: pixels a side of the central square that is cut out, before anything else.
        sky: subtract the sky level of each band, measured by "border" or "median".
        zero_point: AB magnitude of flux 1 in the images; fluxes are multiplied so that it becomes
            that of the model's training (25 where the model does not know). By default what the
            FITS header says, where the model knows its own.
        scaling: "minmax" maps each image to [0, 1], "zscale" each of its bands by IRAF's limits,
            and (low, high) those two values to 0 and 1.
        any_scale: go on, with a warning, where noise or sky level of the images are far from those
            of the training, which are compared where the weights know them.

    Returns:
        The ``pyarrow.Table``; with ``out`` the path of its file.

    Raises:
        LenszooError: in one line, for weights that cannot be loaded, no inputs, a column or band
            that is not there, and images that cannot be read, are bad, or have another size or
            number of bands than the model takes, or whose noise or sky is far from what it learned
            on (not with any_scale); with tta, for images that are not square; with ``out``, for a
            file that is there or cannot be written, and finished rows of another prediction.
        PredictionStopped: after Ctrl-C, a ``KeyboardInterrupt`` whose ``table`` holds the rows that
            were answered, without ``out``.

    Example:
        >>> from lenszoo import predict
        >>> from lenszoo.simulation import sample
        >>> sky = sample("common_test_sim", 3, seed=3)
        >>> predict("resnet18_slim.common_test_sim_v2", sky)["predicted"].to_pylist()
        ['no', 'sphere', 'vort']
    """
    output = None if out is None else Output(out, overwrite)
    if output is not None:
        output.check(_each(model, inputs))
    work = prediction(
        model, inputs, batch_size=batch_size, on_bad=on_bad, classes=classes, resize=resize,
        bands=bands, tta=tta, engine=engine, precision=precision,
        **preparing_of(crop, sky, zero_point, scaling, any_scale),
    )  # fmt: skip
    return work.table(progress) if output is None else work.write(output, progress).path


def prediction(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    engine: EngineName = "keras",
    precision: Precision = "auto",
    **preparing: Unpack[Preparing],
) -> Prediction:
    """Open model and inputs for :func:`predict`, whose arguments these are."""
    opened = open_model(model)
    answering = open_engine(opened, engine, precision)
    opened = open_model(opened, classes)
    augmented = AugmentedModel(opened, answering.model) if tta else None
    candidates = open_inputs(opened, inputs, on_bad, resize, bands, preparing=preparing)

    beside, notes = carried(candidates.beside)

    def table_of(answers: Answers, start: int) -> pa.Table:
        columns = _answer_columns(opened, answers, augmented is not None)
        return _table(candidates, answers, start, columns, beside)

    facts = _facts(opened, candidates, notes) | {"tta": tta, "temperature": opened.temperature}
    facts |= answering.facts
    return Prediction(augmented or answering.model, candidates, batch_size, table_of, facts)


def _each(model: Any, inputs: Any) -> list[Any]:
    """Return weights and inputs one by one, files and folders among them."""
    lists = [each if isinstance(each, list | tuple) else [each] for each in (model, inputs)]
    return [each for one in lists for each in one]


def _answer_columns(opened: OpenedModel, answers: Answers, tta: bool) -> dict[str, Any]:
    """Put the answers of a classifier into columns, see :func:`predict`."""
    kept = answers.kept
    logits = np.zeros((len(kept), len(opened.classes)))
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
    return columns


def embed(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    engine: EngineName = "keras",
    precision: Precision = "auto",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> Any:
    """Return each image's feature vector: the last layer of a classifier before its head.

    Args:
        model, inputs, batch_size, on_bad, resize, bands: as in :func:`predict`; not an ensemble,
            whose members have features each of their own.
        tta: the mean over the quarter turns and flips of each image, in eight times the time; worth
            it before a head that learns from few labels, see ``docs/results/label_efficiency.md``.
        engine, precision, overwrite, progress: as in :func:`predict`.
        crop, sky, zero_point, scaling, any_scale: likewise.
        out: a file to write batch by batch, as :func:`predict` does, whose path is returned:
            ``.parquet``, or ``.npy`` with the vectors alone.

    Returns:
        The output of the layer ``features``, float32 (n, d), in the order of the inputs; a row of
        NaN for each image that on_bad="skip" passed over. With ``out`` the path of the file.

    Raises:
        LenszooError: as :func:`predict`, and when the model has no layer ``features``.

    Example:
        >>> from lenszoo import embed
        >>> from lenszoo.simulation import sample
        >>> sky = sample("common_test_sim", 3, seed=1)
        >>> embed("resnet18_slim.common_test_sim_v2", sky.images).shape
        (3, 128)
    """
    output = None if out is None else Output(out, overwrite)
    if output is not None:
        output.check(_each(model, inputs), VECTORS)
    work = embedding(
        model, inputs, batch_size=batch_size, on_bad=on_bad, resize=resize, bands=bands,
        tta=tta, engine=engine, precision=precision,
        **preparing_of(crop, sky, zero_point, scaling, any_scale),
    )  # fmt: skip
    return work.answers(progress).values if output is None else work.write(output, progress).path


def embedding_table(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    engine: EngineName = "keras",
    precision: Precision = "auto",
    progress: Progress | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> pa.Table:
    """As :func:`embed`, as a table: ``id``, ``path``, ``features``, ``bad_pixels``, ``error``."""
    return embedding(
        model, inputs, batch_size=batch_size, on_bad=on_bad, resize=resize, bands=bands,
        tta=tta, engine=engine, precision=precision,
        **preparing_of(crop, sky, zero_point, scaling, any_scale),
    ).table(progress)  # fmt: skip


def embedding(
    model: ModelLike,
    inputs: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    engine: EngineName = "keras",
    precision: Precision = "auto",
    **preparing: Unpack[Preparing],
) -> Prediction:
    """Open model and inputs for :func:`embed`, whose arguments these are."""
    opened = open_model(model)
    answering = open_engine(opened, engine, precision, feature_model)
    answerer = AugmentedModel(opened, answering.model, features=True) if tta else answering.model
    candidates = open_inputs(opened, inputs, on_bad, resize, bands, preparing=preparing)

    beside, notes = carried(candidates.beside)

    def table_of(answers: Answers, start: int) -> pa.Table:
        flat = pa.array(answers.values[answers.kept].reshape(-1), pa.float32())
        vectors = pa.FixedSizeListArray.from_arrays(flat, answers.values.shape[1])
        at = np.where(answers.kept, np.cumsum(answers.kept) - 1, 0)
        column = vectors.take(pa.array(at, pa.int64(), mask=~answers.kept))
        return _table(candidates, answers, start, {FEATURES: column}, beside)

    facts = _facts(opened, candidates, notes) | {"output": FEATURES, "tta": tta} | answering.facts
    return Prediction(answerer, candidates, batch_size, table_of, facts)


def _facts(opened: OpenedModel, candidates: Candidates, notes: Sequence[str]) -> dict[str, Any]:
    """Return the provenance of a table of answers, with notes on its columns."""
    facts = opened.provenance | {"classes": list(opened.classes), "on_bad": candidates.on_bad}
    if candidates.images is not None:
        fit = candidates.images.fit
        facts |= {"resize": "bilinear" if fit.resize else None, "bands": fit.bands}
        facts |= fit.preparation.facts()
        before = None if candidates.cutouts is None else candidates.cutouts.provenance
        facts[TAKEN] = taken_facts(fit, before)
    if candidates.table is not None:
        facts["columns"] = list(opened.columns)
    facts["notes"] = [*notes, *([] if candidates.images is None else candidates.images.notes)]
    if candidates.cutouts is not None:
        facts["data"] = candidates.cutouts.provenance
        facts["notes"] += candidates.cutouts.notes
    return facts


def _table(
    candidates: Candidates,
    answers: Answers,
    start: int,
    columns: dict[str, Any],
    beside: pa.Table | None,
) -> pa.Table:
    """Put columns between the names of the objects from the row ``start`` on and their table."""
    n = len(answers.kept)
    paths: list[str | None] = [None] * n
    if candidates.paths is not None:
        paths = [_path(path) for path in candidates.paths[start : start + n]]
    table = pa.table(
        {
            "id": pa.array(candidates.ids[start : start + n], pa.string()),
            "path": pa.array(paths, pa.string()),
            **columns,
            "bad_pixels": pa.array(answers.bad_pixels, pa.int64()),
            "error": pa.array(answers.errors, pa.string()),
        }
    )
    return _with_columns(table, None if beside is None else beside.slice(start, n))


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
