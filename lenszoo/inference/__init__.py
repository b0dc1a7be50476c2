"""Images or candidates in, a table out: predict and embed, on any backend."""

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.listing import as_index
from lenszoo.inference.candidates import list_inputs
from lenszoo.inference.loaded_model import OpenedModel, open_model
from lenszoo.inference.predictor import embed, embedding_table, predict
from lenszoo.inference.tables import provenance_of, write_features, write_table

__all__ = [
    "Catalogue",
    "OpenedModel",
    "as_index",
    "embed",
    "embedding_table",
    "list_inputs",
    "open_model",
    "predict",
    "provenance_of",
    "write_features",
    "write_table",
]
