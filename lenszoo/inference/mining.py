"""Mine hard negatives: objects that a lens finder takes for lenses and that are none."""

import logging
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from lenszoo.data.checks import OnBad
from lenszoo.data.columns import is_lens
from lenszoo.errors import LenszooError, counted
from lenszoo.inference.candidates import PredictInputs
from lenszoo.inference.loaded_model import ModelLike, open_model
from lenszoo.inference.predictor import BATCH_SIZE, Progress, predict
from lenszoo.inference.preparing import Preparing

log = logging.getLogger("lenszoo")

KIND = "mined"
_COLUMNS = ("id", "path")


def mine(
    model: ModelLike,
    inputs: PredictInputs,
    n: int = 500,
    *,
    label: str | None = None,
    on_bad: OnBad | None = "skip",
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    **preparing: Unpack[Preparing],
) -> pa.Table:
    """Score objects with a lens finder and keep the hardest false positives, for its next training.

    Nearly all objects of a survey are no lenses, so that nearly all that score high are false
    positives; look through them all the same, a lens among the negatives teaches the wrong thing.
    The table serves as ``data.real.catalogue`` of a recipe, and its column ``kind`` as a part of
    ``data.negatives`` beside galaxies to paint on.

    Args:
        model: a lens finder, as for :func:`lenszoo.predict`.
        inputs: the objects, likewise.
        n: the most objects to keep.
        label: column of the inputs' table that says which objects are lenses, which are left out;
            an empty cell is no lens. None: no lens among them is known.
        on_bad, batch_size, progress: as for :func:`lenszoo.predict`.
        **preparing: likewise, how images are prepared.

    Returns:
        ``id``, ``path``, ``kind`` ("mined"), ``logit_lens`` and ``prob_lens``, hardest first; then
        other columns of the inputs' table.

    Raises:
        LenszooError: n below 1, a model that finds no lenses, no such column, a label that is none,
            no object that was scored, or what :func:`lenszoo.predict` raises.

    Example:
        >>> from lenszoo.inference.mining import mine
        >>> from lenszoo.simulation import sample_cutouts
        >>> sky = sample_cutouts("lens_finding_cfhtls", 6, 1)
        >>> hard = mine("lens_finder.hard_sim_image", sky, 2, any_scale=True)
        >>> hard.column_names[:4], len(hard)
        (['id', 'path', 'kind', 'logit_lens'], 2)
    """
    if n < 1:
        raise LenszooError(f"Mine at least one object, not {n}.")
    opened = open_model(model)
    if not opened.finds_lenses:
        raise LenszooError(f"{opened.name} finds no lenses: mine with a lens finder.")
    table = predict(
        opened, inputs, on_bad=on_bad, batch_size=batch_size, progress=progress, **preparing
    )
    scores = table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()
    scores = np.where(np.isfinite(scores), scores, -np.inf)
    if label is not None:
        if label not in table.column_names:
            raise LenszooError(f"No column {label!r} in the inputs' table, to leave out lenses by.")
        scores[is_lens(table[label].to_pylist(), label)] = -np.inf
    order = np.argsort(-scores, kind="stable")[: min(n, int(np.isfinite(scores).sum()))]
    if not len(order):
        raise LenszooError("No object was scored that is no lens: there is nothing to mine.")
    hardest = table.take(pa.array(order))
    log.info("%s mined of %s", counted(len(order), "object"), f"{len(table):,}")
    own = [*_COLUMNS, "logit_lens", "prob_lens"]
    columns: dict[str, Any] = {name: hardest[name] for name in own[:2]}
    columns["kind"] = pa.array([KIND] * len(order))
    columns |= {
        "logit_lens": pa.array(scores[order], pa.float32()),
        "prob_lens": hardest["prob_lens"],
    }
    made = {"predicted", "prob_nonlens", "logit_nonlens", "bad_pixels", "error", *columns}
    beside = {name: hardest[name] for name in hardest.column_names if name not in made}
    return pa.table(columns | beside).replace_schema_metadata(table.schema.metadata)
