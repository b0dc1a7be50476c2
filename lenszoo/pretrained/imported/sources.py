"""Table of weights that others published: for each row of the registry, by tag."""

from dataclasses import dataclass

from lenszoo.models.applications import APPLICATIONS
from lenszoo.pretrained.hub import hub_folder


@dataclass(frozen=True)
class Source:
    """One published file.

    Attributes:
        repository: where it stands on the Hugging Face hub; ``HF_ENDPOINT`` names a mirror.
        address: full address of a file that stands elsewhere.
        files: its names there, best first: not every repository has safetensors.
        scaling: mean and deviation of the pixels that its network was trained on, where they are
            not those of the row.
    """

    repository: str = ""
    address: str = ""
    files: tuple[str, ...] = ("model.safetensors", "pytorch_model.bin")
    scaling: tuple[float, float] | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Names of the file in the cache, and where each may be had."""
        where = self.address or hub_folder(self.repository)
        owner = (self.repository or self.address.partition("://")[2]).replace("/", "--")
        return {f"{owner}--{file}": f"{where}/{file}" for file in self.files}


def _zoobot(size: str) -> Source:
    """An encoder of Zoobot, which takes pixels in [0, 1] as they are."""
    return Source(f"mwalmsley/zoobot-encoder-convnext_{size}", scaling=(0.0, 1.0))


_GOOGLE = "https://storage.googleapis.com/vit_models/imagenet21k"

# None stands for keras.applications, which fetches its own files
_HUB_AND_OTHERS: dict[str, dict[str, Source | None]] = {
    "resnet18": {"imagenet": Source("microsoft/resnet-18")},
    "resnet34": {"imagenet": Source("microsoft/resnet-34")},
    "mobilevit_xxs": {"imagenet": Source("apple/mobilevit-xx-small")},
    "mobilevit_xs": {"imagenet": Source("apple/mobilevit-x-small")},
    "mobilevit_s": {"imagenet": Source("apple/mobilevit-small")},
    "convnext_atto": {"imagenet": Source("timm/convnext_atto.d2_in1k")},
    "convnext_nano": {
        "imagenet": Source("timm/convnext_nano.d1h_in1k"),
        "zoobot": _zoobot("nano"),
    },
    "convnext_tiny": {"imagenet": Source("timm/convnext_tiny.fb_in1k")},
    "convnext_small": {
        "imagenet": Source("timm/convnext_small.fb_in1k"),
        "zoobot": _zoobot("small"),
    },
    "convnext_base": {
        "imagenet": Source("timm/convnext_base.fb_in1k"),
        "zoobot": _zoobot("base"),
    },
    "dinov2_s14": {"lvd142m": Source("facebook/dinov2-small")},
    "dinov2_b14": {"lvd142m": Source("facebook/dinov2-base")},
    "dinov2_s14_reg": {"lvd142m": Source("facebook/dinov2-with-registers-small")},
    "dinov2_b14_reg": {"lvd142m": Source("facebook/dinov2-with-registers-base")},
    "vit_ti16": {"imagenet": Source("WinKawaks/vit-tiny-patch16-224")},
    "vit_s16": {"imagenet": Source("WinKawaks/vit-small-patch16-224")},
    "vit_b16": {
        "imagenet": Source("google/vit-base-patch16-224"),
        "imagenet21k": Source(address=_GOOGLE, files=("ViT-B_16.npz",)),
    },
    "beit_b16": {
        "imagenet": Source("microsoft/beit-base-patch16-224"),
        "imagenet21k": Source("microsoft/beit-base-patch16-224-pt22k-ft22k"),
    },
}
SOURCES = _HUB_AND_OTHERS | {row: {"imagenet": None} for row in APPLICATIONS}
