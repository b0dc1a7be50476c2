"""Registry of the models, one row each: a new model is one factory in ``models/`` and a row here.

The rows are in one module, not beside their factories, because it must import neither a backend nor
numpy: listing models is instant.
"""

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

from lenszoo.errors import unknown


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


_HE = "He et al. 2016, arXiv:1512.03385"
_HUANG = "Huang et al. 2017, arXiv:1608.06993"
_TAN = "Tan & Le 2019, arXiv:1905.11946"
_LEDIG = "Ledig et al. 2017, arXiv:1609.04802"
_DEIT = "Touvron et al. 2021, arXiv:2012.12877"
_RESNET = "lenszoo.models.resnet:resnet"
_VIT = "lenszoo.models.vit:vit"


def _application(name: str, paper: str, summary: str, min_size: int = 32) -> ModelSpec:
    """A classifier of keras.applications."""
    return ModelSpec(
        name=name,
        task="classify",
        factory=f"lenszoo.models.applications:{name}",
        paper=paper,
        summary=f"{summary}, of keras.applications.",
        min_size=min_size,
    )


def _mobilevit(size: str, millions: str, **options: Any) -> ModelSpec:
    """A MobileViT in Apple's layout."""
    return ModelSpec(
        name=f"mobilevit_{size}",
        task="classify",
        factory="lenszoo.models.mobilevit:mobilevit",
        paper="Mehta & Rastegari 2021, arXiv:2110.02178",
        summary=f"Inverted bottlenecks and transformers by turns; {millions} M parameters.",
        options=options,
    )


def _super_resolver(
    name: str,
    factory: str,
    paper: str,
    summary: str,
    warm_starts: tuple[str, ...] = (),
    **options: Any,
) -> ModelSpec:
    """A network from coarse images to fine ones, of any size."""
    return ModelSpec(
        name=name,
        task="super_resolve",
        factory=f"lenszoo.models.{factory}:{factory}",
        paper=paper,
        summary=summary,
        input_shape=(None, None, 1),
        min_size=1,
        options=options,
        warm_starts=warm_starts,
    )


def _srresnet(blocks: int, thousands: int) -> ModelSpec:
    plural = "s" if blocks > 1 else ""
    return _super_resolver(
        f"srresnet_{blocks}",
        "srresnet",
        _LEDIG,
        f"{blocks} residual block{plural} and pixel shuffle; {thousands} k parameters.",
        blocks=blocks,
    )


def _esrn(blocks: int, millions: str) -> ModelSpec:
    plural = "s" if blocks > 1 else ""
    return _super_resolver(
        f"esrn_{blocks}",
        "esrn",
        "Wang et al. 2018, arXiv:1809.00219",
        f"ESRGAN's generator of {blocks} block{plural}, no adversary; {millions} M parameters.",
        blocks=blocks,
    )


_ROWS = (
    ModelSpec(
        name="simple_cnn",
        task="classify",
        factory="lenszoo.models.simple_cnn:simple_cnn",
        paper="LeCun et al. 1998, doi:10.1109/5.726791",
        summary="Four rounds of convolution and pooling, the baseline; 0.4 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="cnn_attention",
        task="classify",
        factory="lenszoo.models.cnn_attention:cnn_attention",
        paper="Vaswani et al. 2017, arXiv:1706.03762",
        summary="Four rounds of convolution, then self-attention; 0.7 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="equivariant_transformer",
        task="classify",
        factory="lenszoo.models.equivariant:equivariant_transformer",
        paper="Cohen & Welling 2016, arXiv:1602.07576; Dosovitskiy et al. 2021, arXiv:2010.11929",
        summary="Blind to quarter turns: rotational convolutions, a transformer; 0.6 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="resnet18",
        task="classify",
        factory=_RESNET,
        paper=_HE,
        summary="18-layer residual network in torchvision's layout; 11 M parameters.",
    ),
    ModelSpec(
        name="resnet18_slim",
        task="classify",
        factory=_RESNET,
        paper=_HE,
        summary="The same at a quarter of the width; 0.7 M parameters, trains on a CPU.",
        options={"width": 16, "stem": "fine"},
    ),
    ModelSpec(
        name="resnet34",
        task="classify",
        factory=_RESNET,
        paper=_HE,
        summary="34-layer residual network in torchvision's layout; 21 M parameters.",
        options={"blocks": (3, 4, 6, 3)},
    ),
    _application("resnet50", _HE, "50-layer residual network; 24 M parameters"),
    _application("resnet101", _HE, "101-layer residual network; 43 M parameters"),
    _application(
        "xception",
        "Chollet 2017, arXiv:1610.02357",
        "Depthwise separable convolutions; 21 M parameters",
        min_size=71,
    ),
    _application("densenet121", _HUANG, "Densely connected network; 7 M parameters"),
    _application("densenet169", _HUANG, "Densely connected network; 13 M parameters"),
    _application("densenet201", _HUANG, "Densely connected network; 18 M parameters"),
    _application("efficientnet_b2", _TAN, "Scaled inverted bottlenecks; 8 M parameters"),
    _application("efficientnet_b3", _TAN, "Scaled inverted bottlenecks; 11 M parameters"),
    _application("efficientnet_b4", _TAN, "Scaled inverted bottlenecks; 18 M parameters"),
    _application("efficientnet_b5", _TAN, "Scaled inverted bottlenecks; 29 M parameters"),
    _application(
        "mobilenet_v3_small",
        "Howard et al. 2019, arXiv:1905.02244",
        "Inverted bottlenecks for telephones; 0.9 M parameters",
    ),
    _mobilevit(
        "mini",
        "0.3",
        channels=(16, 16, 24, 24, 32, 40, 160),
        dims=(32, 48, 64),
        expansion=2,
    ),
    _mobilevit(
        "xxs",
        "1.3",
        channels=(16, 16, 24, 48, 64, 80, 320),
        dims=(64, 80, 96),
        expansion=2,
        transformer_dropout=0.05,
    ),
    _mobilevit("xs", "2.3", channels=(16, 32, 48, 64, 80, 96, 384), dims=(96, 120, 144)),
    _mobilevit("s", "5.6"),
    ModelSpec(
        name="vit_ti16",
        task="classify",
        factory=_VIT,
        paper=_DEIT,
        summary="Vision transformer, patches of 16 pixels, tiny; 5.5 M parameters.",
        min_size=16,
        options={"dim": 192, "heads": 3, "mlp_dim": 768},
    ),
    ModelSpec(
        name="vit_s16",
        task="classify",
        factory=_VIT,
        paper=_DEIT,
        summary="Vision transformer, patches of 16 pixels, small; 22 M parameters.",
        min_size=16,
        options={"dim": 384, "heads": 6, "mlp_dim": 1536},
    ),
    ModelSpec(
        name="vit_b16",
        task="classify",
        factory=_VIT,
        paper="Dosovitskiy et al. 2021, arXiv:2010.11929",
        summary="Vision transformer, patches of 16 pixels, base; 86 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="beit_b16",
        task="classify",
        factory="lenszoo.models.beit:beit",
        paper="Bao et al. 2021, arXiv:2106.08254",
        summary="Vision transformer with relative positions, base; 85 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="lens_finder",
        task="find_lenses",
        factory="lenszoo.models.lens_finder:lens_finder",
        paper="Vaswani et al. 2017, arXiv:1706.03762; Metcalf et al. 2019, arXiv:1802.03609",
        summary="Images and a table through one self-attention; 0.1 M parameters and a backbone.",
        input_shape=(64, 64, 4),
        min_size=8,
    ),
    _super_resolver(
        "srcnn",
        "srcnn",
        "Dong et al. 2014, arXiv:1501.00092",
        "Three convolutions on the bicubic image; 8 k parameters.",
    ),
    _srresnet(1, 270),
    _srresnet(2, 344),
    _srresnet(3, 418),
    _esrn(1, "0.9"),
    _esrn(4, "3.1"),
    _esrn(8, "6.0"),
    _super_resolver(
        "srgan",
        "srgan",
        _LEDIG,
        "srresnet_1 and the discriminator that taught it, spectrally normalised; 5 M parameters.",
        warm_starts=("srresnet_1", "srresnet_2", "srresnet_3"),
    ),
)

CATALOG: dict[str, ModelSpec] = {row.name: row for row in _ROWS}


def list_models(pattern: str = "*", task: str | None = None) -> list[str]:
    """List the models whose name matches ``pattern``, in natural order.

    Args:
        pattern: a name with shell wildcards, such as ``"resnet*"``.
        task: keep only the models of this task, such as ``"classify"``.

    Raises:
        LenszooError: no model has that task.

    >>> list_models("resnet*")
    ['resnet18', 'resnet18_slim', 'resnet34', 'resnet50', 'resnet101']
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
