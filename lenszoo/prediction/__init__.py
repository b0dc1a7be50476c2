"""Images in, a table out: predict, embed and evaluate with any classifier, on any backend."""

from lenszoo.prediction.evaluation import evaluate
from lenszoo.prediction.inputs import as_index
from lenszoo.prediction.opened import OpenedModel, open_model
from lenszoo.prediction.predictor import embed, embedding_table, predict
from lenszoo.prediction.tables import provenance_of, write_features, write_table

__all__ = [
    "OpenedModel",
    "as_index",
    "embed",
    "embedding_table",
    "evaluate",
    "open_model",
    "predict",
    "provenance_of",
    "write_features",
    "write_table",
]
