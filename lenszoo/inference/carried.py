"""Columns of the inputs' table that are carried along beside the answers."""

import logging
from typing import Any

from lenszoo.inference.tables import FACTS

_SCORES = ("prob_", "logit_")

log = logging.getLogger("lenszoo")


def carried(table: Any) -> tuple[Any, list[str]]:
    """Leave out what would pass for an answer of this prediction, or for its provenance.

    These are columns named like the provenance in a CSV, and those of an earlier prediction that
    hold the probability and the logit of a class.

    Args:
        table: a ``pyarrow.Table``, or None.

    Returns:
        The other columns, and a note that names those left out.
    """
    names = [] if table is None else table.column_names
    scored = set.intersection(*({n[len(p) :] for n in names if n.startswith(p)} for p in _SCORES))
    scores = {f"{prefix}{label}" for prefix in _SCORES for label in scored}
    left_out = [name for name in names if name in scores or name in FACTS]
    if not left_out:
        return table, []
    note = (
        f"Columns of the inputs' table that are named like those of a prediction are left out: "
        f"{', '.join(left_out)}. Rename them to keep them."
    )
    log.warning("%s", note)
    return table.drop_columns(left_out), [note]
