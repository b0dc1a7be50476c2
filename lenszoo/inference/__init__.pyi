from lenszoo.data.catalogue import Catalogue as Catalogue
from lenszoo.data.listing import as_index as as_index
from lenszoo.inference.candidates import list_inputs as list_inputs
from lenszoo.inference.loaded_model import OpenedModel as OpenedModel
from lenszoo.inference.loaded_model import open_model as open_model
from lenszoo.inference.mining import mine as mine
from lenszoo.inference.predictor import embed as embed
from lenszoo.inference.predictor import embedding_table as embedding_table
from lenszoo.inference.predictor import predict as predict
from lenszoo.inference.tables import provenance_of as provenance_of
from lenszoo.inference.tables import sort_table as sort_table
from lenszoo.inference.tables import write_features as write_features
from lenszoo.inference.tables import write_table as write_table

__all__ = [
    "Catalogue",
    "OpenedModel",
    "as_index",
    "embed",
    "embedding_table",
    "list_inputs",
    "mine",
    "open_model",
    "predict",
    "provenance_of",
    "sort_table",
    "write_features",
    "write_table",
]
