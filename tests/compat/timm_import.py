"""timm, imported beside any build of PyTorch."""

import sys

import torch

try:
    import timm
except RuntimeError as error:  # torchvision from PyPI is built for CUDA, this torch for CPUs
    if "torchvision::" not in str(error):
        raise
    for name in [name for name in sys.modules if name.partition(".")[0] in ("timm", "torchvision")]:
        del sys.modules[name]
    _operators = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):  # of detectors; no classifier calls them
        _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm

__all__ = ["timm"]
