from lenszoo import data as data
from lenszoo import evaluation as evaluation
from lenszoo import simulation as simulation
from lenszoo import survey as survey
from lenszoo import training as training
from lenszoo import vetting as vetting
from lenszoo._version import __version__ as __version__
from lenszoo.inference import embed as embed
from lenszoo.inference import predict as predict
from lenszoo.inference.exporting import export as export
from lenszoo.inference.upscaling import upscale as upscale
from lenszoo.models.registry import list_models as list_models
from lenszoo.models.registry import model_info as model_info
from lenszoo.pretrained.imported.vit_keras import from_vit_keras as from_vit_keras
from lenszoo.pretrained.loading import build_model as build_model
from lenszoo.pretrained.loading import load_model as load_model
from lenszoo.pretrained.manifest import list_weights as list_weights
from lenszoo.pretrained.store import fetch_weights as fetch_weights
from lenszoo.simulation import sample as sample
from lenszoo.tasks.evaluate import evaluate as evaluate
from lenszoo.tasks.find_lenses.realism import realism as realism
from lenszoo.tasks.find_lenses.selection import completeness as completeness
from lenszoo.training import train as train

__all__ = [
    "__version__",
    "build_model",
    "completeness",
    "data",
    "embed",
    "evaluate",
    "evaluation",
    "export",
    "fetch_weights",
    "from_vit_keras",
    "list_models",
    "list_weights",
    "load_model",
    "model_info",
    "predict",
    "realism",
    "sample",
    "simulation",
    "survey",
    "train",
    "training",
    "upscale",
    "vetting",
]
