"""Images or candidates in, a table out: predict, embed and evaluate, on any backend."""

from lenszoo.data.listing import as_index
from lenszoo.prediction.candidates import list_inputs
from lenszoo.prediction.catalogue import Catalogue
from lenszoo.prediction.evaluation import evaluate, simulated
from lenszoo.prediction.opened import OpenedModel, open_model
from lenszoo.prediction.predictor import embed, embedding_table, predict
from lenszoo.prediction.tables import provenance_of, write_features, write_table

__all__ = [
    "Catalogue",
    "OpenedModel",
    "as_index",
    "embed",
    "embedding_table",
    "evaluate",
    "list_inputs",
    "open_model",
    "predict",
    "provenance_of",
    "simulated",
    "write_features",
    "write_table",
]
