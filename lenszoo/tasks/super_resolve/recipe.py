"""Recipe of the super-resolution task."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from lenszoo.files import expanded
from lenszoo.tasks.recipe_tables import FILES, SIMULATED, DataTable, Strict
from lenszoo.tasks.recipes import RecipeBase


class Degrade(Strict):
    """How a coarser camera would have seen fine images, see `lenszoo.data.degrade`."""

    factor: Literal[2, 4] = Field(2, description="Fine pixels a side of a coarse one.")
    psf_fwhm: float = Field(0.0, ge=0, description="Further blur first, FWHM in fine pixels.")
    noise: float = Field(
        0.0, ge=0, description="Standard deviation of the noise added last, in the images' units."
    )


class PairData(DataTable):
    """Where pairs of coarse and fine images come from. Give exactly one of preset and high."""

    sources: ClassVar = {"preset": SIMULATED, "high": (*FILES, "low", "degrade", "pixel_scale")}
    partners: ClassVar = ("low",)

    high: str | None = Field(None, description="Folder of the fine images.")
    low: str | None = Field(
        None, description="Folder of the coarse images of the same names; by default made of high."
    )
    degrade: Degrade = Field(
        default_factory=Degrade, description="How coarse images are made where low is not given."
    )
    pixel_scale: float | None = Field(
        None, gt=0, description="Arcsec a pixel of the coarse images of files, for the record."
    )
    patch: int | None = Field(
        24, ge=1, description="Side of the training patches, in coarse pixels; none: whole images."
    )
    patches: int = Field(4, ge=1, description="Patches of each image.")

    @model_validator(mode="before")
    @classmethod
    def _whole_images(cls, values: Any) -> Any:
        """TOML has no null: `patch = "none"` stands for whole images."""
        if isinstance(values, dict) and values.get("patch", 0) in ("none", None):
            return {"patches": 1, **values, "patch": None}
        return values

    @model_validator(mode="after")
    def _no_stray_values(self) -> Self:
        if self.low is not None and self.degrade != Degrade():
            raise ValueError("degrade makes coarse images, which low holds: give one of the two")
        if self.patch is None and self.patches != 1:
            raise ValueError(
                f"patches {self.patches}: whole images (patch none) are one patch each"
            )
        return self

    @classmethod
    def from_path(cls, path: str) -> dict[str, str]:
        """A folder of fine images, or of the folders ``low`` and ``high``."""
        pair = {name: expanded(path) / name for name in ("low", "high")}
        if all(folder.is_dir() for folder in pair.values()):
            return {name: str(folder) for name, folder in pair.items()}
        return {"high": path}


class Adversarial(Strict):
    """A discriminator that learns beside the network and judges it (Goodfellow et al. 2014)."""

    loss: Literal["relativistic", "hinge"] = Field(
        "relativistic",
        description="Relativistic average (Jolicoeur-Martineau 2018, arXiv:1807.00734) or hinge "
        "(Lim & Ye 2017, arXiv:1705.02894).",
    )
    weight: float = Field(1e-3, gt=0, description="Weight of the adversarial loss.")
    average: float = Field(
        0.999, ge=0, lt=1, description="Memory of the average of the generator's weights, a step."
    )


class SuperResolveRecipe(RecipeBase):
    """Train a super-resolution network on pairs of coarse and fine images."""

    grows: ClassVar = True

    task: Literal["super_resolve"]
    data: PairData = Field(description="Where pairs come from.")
    batch_size: int = Field(32, ge=1, description="Patches a step.")
    loss: dict[str, float] = Field(
        default_factory=lambda: {"mse": 1.0},
        description="Weights of mse, mae, ssim (1 - SSIM) and perceptual; or the name of one.",
    )
    perceptual: str | None = Field(
        None, description="Classifier, by name or path, whose maps the perceptual loss compares."
    )
    adversarial: Adversarial | None = Field(None, description="For srgan, and only there.")

    @field_validator("loss", mode="before")
    @classmethod
    def _one_or_mixture(cls, value: Any) -> Any:
        return {value: 1.0} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.batch_size % self.data.patches:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of data.patches {self.data.patches}"
            )
        if (self.model == "srgan") != (self.adversarial is not None):
            raise ValueError("a table adversarial belongs to srgan, and srgan needs one")
        if ("perceptual" in self.loss) != (self.perceptual is not None):
            raise ValueError("loss.perceptual and perceptual, its classifier, go together")
        return self
