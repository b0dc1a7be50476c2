"""Recipe of the pretext task: learning from images without labels."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lenszoo.tasks.recipe_tables import FILES, SIMULATED, DataTable, Strict
from lenszoo.tasks.recipes import RecipeBase


class PoolData(DataTable):
    """Where images without labels come from. Give exactly one of preset and images_in."""

    sources: ClassVar = {"preset": SIMULATED, "images_in": FILES}

    images_in: str | None = Field(
        None, description="Folder with images in it or below, or CSV with a column path."
    )

    @classmethod
    def from_path(cls, path: str) -> dict[str, str]:
        """A folder of images, or a CSV with a column of paths."""
        return {"images_in": path}


class Denoising(Strict):
    """Strengths of the noise that the network tells apart."""

    levels: int = Field(8, ge=2, description="Strengths to tell apart, evenly spaced in the log.")
    weakest: float = Field(
        0.03, gt=0, description="Deviation of the weakest noise, in units of the image's own."
    )
    strongest: float = Field(1.0, gt=0, description="Deviation of the strongest, likewise.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.weakest >= self.strongest:
            raise ValueError("weakest is not below strongest")
        return self


class TwoViews(Strict):
    """Fields of methods that compare two views of an image."""

    projection: int = Field(64, ge=2, description="Length of the vectors that are compared.")
    strength: float = Field(
        1.0,
        gt=0,
        description="Strength of a view, see `lenszoo.layers.LensAugmentation`.",
    )


class Contrastive(TwoViews):
    """Views of one image are drawn together, those of two images apart."""

    loss: Literal["margin", "nt_xent"] = Field(
        "margin",
        description="margin: squared distance of a pair, squared hinge for others (Hadsell et al. "
        "2006, doi:10.1109/CVPR.2006.100); nt_xent: cross-entropy of cosine similarities (Chen et "
        "al. 2020, arXiv:2002.05709).",
    )
    margin: float = Field(
        1.0, gt=0, le=2, description="Distance on the unit sphere beyond which others do no harm."
    )
    temperature: float = Field(0.2, gt=0, description="Divides the cosines of nt_xent.")

    @model_validator(mode="after")
    def _of_the_loss(self) -> Self:
        self.check_effects({"margin": ("margin",), "nt_xent": ("temperature",)}, self.loss)
        return self


class SimSiam(TwoViews):
    """A view predicts the other's vector, without others (Chen & He 2021, arXiv:2011.10566)."""

    bottleneck: int = Field(16, ge=1, description="Width of the predictor's inner layer.")


class PretextRecipe(RecipeBase):
    """Train a backbone on images without labels."""

    task: Literal["pretext"]
    data: PoolData = Field(description="Where images come from; labels are not looked at.")
    method: Literal["rotation", "denoising", "contrastive", "simsiam"] = Field(
        description="rotation: by which quarter turn was the image turned? (Gidaris et al. 2018, "
        "arXiv:1803.07728); denoising: how strong is the noise that was added?; contrastive and "
        "simsiam: two views of an image have the same vector.",
    )
    denoising: Denoising | None = Field(None, description="Of method denoising: its defaults.")
    contrastive: Contrastive | None = Field(None, description="Of method contrastive, likewise.")
    simsiam: SimSiam | None = Field(None, description="Of method simsiam, likewise.")

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        for name in ("denoising", "contrastive", "simsiam"):
            if name != self.method and getattr(self, name) is not None:
                raise ValueError(f"a table {name} is for that method, not for {self.method}")
        if self.batch_size < 2 and self.method in ("contrastive", "simsiam"):
            raise ValueError(f"{self.method} compares images: batch_size is 1")
        return self
