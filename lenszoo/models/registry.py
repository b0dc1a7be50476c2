"""Registry of the models, one row each: a new model is one factory in ``models/`` and a row here.

The rows are in one module, not beside their factories, because it must import neither a backend nor
numpy: listing models is instant.
"""

import fnmatch
import functools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lenszoo.errors import unknown


@functools.cache
def _parameter_counts() -> dict[str, int]:
    """Read the parameter counts of the models that were built by default."""
    return json.loads(Path(__file__).with_name("parameters.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ModelSpec:
    """Description of a model before it is built: task, factory, defaults, paper.

    Attributes:
        name: name of the model, as in ``build_model(name)``.
        task: ``"classify"``, ``"find_lenses"`` or ``"super_resolve"``.
        factory: its factory, as ``"package.module:function"``.
        paper: paper of the architecture, with its arXiv number where there is one.
        summary: one line for lists.
        input_shape: default ``(height, width, bands)``; None where any size is legal.
        min_size: smallest legal height and width [pixels].
        options: options of the factory that this row sets.
        warm_starts: other rows whose weights can start this model.
    """

    name: str
    task: str
    factory: str
    paper: str
    summary: str
    input_shape: tuple[int | None, int | None, int] = (150, 150, 1)
    min_size: int = 32
    options: dict[str, Any] = field(default_factory=dict)
    warm_starts: tuple[str, ...] = ()

    @property
    def parameters(self) -> int | None:
        """Parameters of the model at its default input, with three classes; None if not counted.

        ``tools/count_parameters.py`` counts them on the built model.
        """
        return _parameter_counts().get(self.name)

    @property
    def classifies(self) -> bool:
        """Whether the model turns images into logits of classes."""
        return self.task == "classify"

    @property
    def finds_lenses(self) -> bool:
        """Whether the model turns a candidate into the logit of a lens."""
        return self.task == "find_lenses"


_HE = "He et al. 2016, arXiv:1512.03385"
_HUANG = "Huang et al. 2017, arXiv:1608.06993"
_TAN = "Tan & Le 2019, arXiv:1905.11946"
_LEDIG = "Ledig et al. 2017, arXiv:1609.04802"
_DEIT = "Touvron et al. 2021, arXiv:2012.12877"
_WANG = "Wang et al. 2018, arXiv:1809.00219"
_LIU = "Liu et al. 2022, arXiv:2201.03545"
_OQUAB = "Oquab et al. 2023, arXiv:2304.07193"
_DARCET = f"{_OQUAB}; Darcet et al. 2023, arXiv:2309.16588"
_MEHTA = "Mehta & Rastegari 2021, arXiv:2110.02178"


def _classifier(
    name: str, paper: str, summary: str, factory: str = "", min_size: int = 32, **options: Any
) -> ModelSpec:
    """A classifier; by default its factory and the module of that have the row's name."""
    path = f"lenszoo.models.{factory or f'{name}:{name}'}"
    return ModelSpec(name, "classify", path, paper, summary, min_size=min_size, options=options)


def _application(
    name: str, paper: str, summary: str, min_size: int = 32, factory: str = "", **options: Any
) -> ModelSpec:
    """A classifier of keras.applications, or one made of it with another name and options."""
    path = f"applications:{factory or name}"
    return _classifier(name, paper, f"{summary}, of keras.applications.", path, min_size, **options)


def _convnext(name: str, size: str, depths: tuple[int, ...], dims: tuple[int, ...]) -> ModelSpec:
    """A ConvNeXt."""
    summary = f"Convolutions in the proportions of a transformer, {size}."
    return _classifier(name, _LIU, summary, "convnext:convnext", depths=depths, dims=dims)


def _dinov2(name: str, paper: str, summary: str, **options: Any) -> ModelSpec:
    """A vision transformer of DINOv2, in ImageNet's scaling."""
    shared = {"patch": 14, "layer_scale": 1e-5, "mean": 0.449, "std": 0.226}
    return _classifier(
        name,
        paper,
        f"Vision transformer of DINOv2, patches of 14 pixels, {summary}.",
        "vit:vit",
        14,
        **shared,
        **options,
    )


def _super_resolver(
    name: str,
    paper: str,
    summary: str,
    family: str,
    warm_starts: tuple[str, ...] = (),
    **options: Any,
) -> ModelSpec:
    """A network from coarse images to fine ones, of any size."""
    path, shape = f"lenszoo.models.{family}:{family}", (None, None, 1)
    return ModelSpec(name, "super_resolve", path, paper, summary, shape, 1, options, warm_starts)


_SMALL = {"dim": 384, "heads": 6, "mlp_dim": 1536}  # a small vision transformer

# fmt: off
_ROWS = (
    _classifier("simple_cnn", "LeCun et al. 1998, doi:10.1109/5.726791",
                "Four rounds of convolution and pooling, the baseline.", min_size=16),
    _classifier("cnn_attention", "Vaswani et al. 2017, arXiv:1706.03762",
                "Four rounds of convolution, then self-attention.", min_size=16),
    _classifier("equivariant_transformer",
                "Cohen & Welling 2016, arXiv:1602.07576; "
                "Dosovitskiy et al. 2021, arXiv:2010.11929",
                "Equivariant to quarter turns: rotational convolutions, a transformer.",
                "equivariant:equivariant_transformer", 16),
    _classifier("resnet18", _HE, "18-layer residual network in torchvision's layout.",
                "resnet:resnet"),
    _classifier("resnet18_slim", _HE, "ResNet-18 at a quarter of the width; trains on a CPU.",
                "resnet:resnet", width=16, stem="fine"),
    _classifier("resnet34", _HE, "34-layer residual network in torchvision's layout.",
                "resnet:resnet", blocks=(3, 4, 6, 3)),
    _application("resnet50", _HE, "50-layer residual network"),
    _application("resnet50_slim", _HE, "ResNet-50 at a quarter of the width", factory="resnet50",
                 alpha=0.25),
    _application("resnet101", _HE, "101-layer residual network"),
    _application("xception", "Chollet 2017, arXiv:1610.02357",
                 "Depthwise separable convolutions", 71),
    _application("densenet121", _HUANG, "Densely connected network of 121 layers"),
    _application("densenet169", _HUANG, "Densely connected network of 169 layers"),
    _application("densenet201", _HUANG, "Densely connected network of 201 layers"),
    _application("efficientnet_b2", _TAN, "Scaled inverted bottlenecks"),
    _application("efficientnet_b3", _TAN, "Scaled inverted bottlenecks"),
    _application("efficientnet_b4", _TAN, "Scaled inverted bottlenecks"),
    _application("efficientnet_b5", _TAN, "Scaled inverted bottlenecks"),
    _application("mobilenet_v3_small", "Howard et al. 2019, arXiv:1905.02244",
                 "Inverted bottlenecks for telephones"),
    _classifier("mobilevit_mini", _MEHTA, "Convolutions and transformers by turns; the smallest.",
                "mobilevit:mobilevit", channels=(16, 16, 24, 24, 32, 40, 160), dims=(32, 48, 64),
                expansion=2),
    _classifier("mobilevit_xxs", _MEHTA, "Convolutions and transformers by turns; tiny.",
                "mobilevit:mobilevit", channels=(16, 16, 24, 48, 64, 80, 320), dims=(64, 80, 96),
                expansion=2, transformer_dropout=0.05),
    _classifier("mobilevit_xs", _MEHTA, "Convolutions and transformers by turns; small.",
                "mobilevit:mobilevit", channels=(16, 32, 48, 64, 80, 96, 384),
                dims=(96, 120, 144)),
    _classifier("mobilevit_s", _MEHTA, "Convolutions and transformers by turns; the largest.",
                "mobilevit:mobilevit"),
    _convnext("convnext_atto", "the smallest", (2, 2, 6, 2), (40, 80, 160, 320)),
    _convnext("convnext_nano", "nano", (2, 2, 8, 2), (80, 160, 320, 640)),
    _convnext("convnext_tiny", "tiny", (3, 3, 9, 3), (96, 192, 384, 768)),
    _convnext("convnext_small", "small", (3, 3, 27, 3), (96, 192, 384, 768)),
    _convnext("convnext_base", "base", (3, 3, 27, 3), (128, 256, 512, 1024)),
    _classifier("vit_ti16", _DEIT, "Vision transformer, patches of 16 pixels, tiny.",
                "vit:vit", 16, dim=192, heads=3, mlp_dim=768),
    _classifier("vit_s16", _DEIT, "Vision transformer, patches of 16 pixels, small.",
                "vit:vit", 16, **_SMALL),
    _classifier("vit_b16", "Dosovitskiy et al. 2021, arXiv:2010.11929",
                "Vision transformer, patches of 16 pixels, base.", "vit:vit", 16),
    _dinov2("dinov2_s14", _OQUAB, "small", **_SMALL),
    _dinov2("dinov2_b14", _OQUAB, "base"),
    _dinov2("dinov2_s14_reg", _DARCET, "small, with registers", registers=4, **_SMALL),
    _dinov2("dinov2_b14_reg", _DARCET, "base, with registers", registers=4),
    _classifier("beit_b16", "Bao et al. 2021, arXiv:2106.08254",
                "Vision transformer with relative positions, base.", "beit:beit", 16),
    ModelSpec("lens_finder", "find_lenses", "lenszoo.models.lens_finder:lens_finder",
              "Vaswani et al. 2017, arXiv:1706.03762; Metcalf et al. 2019, arXiv:1802.03609",
              "Images and a table through one self-attention, on a backbone of choice.",
              (64, 64, 4), 8),
    _super_resolver("srcnn", "Dong et al. 2014, arXiv:1501.00092",
                    "Three convolutions on the bicubic image.", "srcnn"),
    *(_super_resolver(f"srresnet_{n}", _LEDIG, f"Residual blocks ({n}) and pixel shuffle.",
                      "srresnet", blocks=n) for n in (1, 2, 3)),
    *(_super_resolver(f"esrn_{n}", _WANG, f"ESRGAN's generator, no adversary; blocks: {n}.",
                      "esrn", blocks=n) for n in (1, 4, 8)),
    _super_resolver("srgan", _LEDIG,
                    "srresnet_1 with the spectrally normalised discriminator of its training.",
                    "srgan", ("srresnet_1", "srresnet_2", "srresnet_3")),
)
# fmt: on

CATALOG: dict[str, ModelSpec] = {row.name: row for row in _ROWS}


def list_models(pattern: str = "*", task: str | None = None) -> list[str]:
    """List the models whose name matches ``pattern``, in natural order.

    Args:
        pattern: a name with shell wildcards, such as ``"resnet*"``.
        task: keep only the models of this task, such as ``"classify"``.

    Raises:
        LenszooError: no model has that task.

    >>> list_models("resnet*")
    ['resnet18', 'resnet18_slim', 'resnet34', 'resnet50', 'resnet50_slim', 'resnet101']
    """
    tasks = {row.task for row in CATALOG.values()}
    if task is not None and task not in tasks:
        raise unknown("task", task, tasks)
    names = (
        name
        for name, row in CATALOG.items()
        if fnmatch.fnmatchcase(name, pattern) and task in (None, row.task)
    )
    return sorted(names, key=natural)


def model_info(name: str) -> ModelSpec:
    """Return the registry's row of a model: task, defaults, paper.

    Raises:
        LenszooError: no such model; the message lists the nearest names.

    >>> model_info("resnet18").task, model_info("resnet18").paper
    ('classify', 'He et al. 2016, arXiv:1512.03385')
    """
    if name not in CATALOG:
        raise unknown("model", name, CATALOG)
    return CATALOG[name]


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts ``resnet18`` before ``resnet101``."""
    parts = re.findall(r"\d+|\D+", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]
