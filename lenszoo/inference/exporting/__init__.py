"""Models for other runtimes: ONNX, SavedModel, OpenVINO, LiteRT and PyTorch files."""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
