"""The super-resolution task: a network of the zoo on a sky of pairs or on files."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset
from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality
from lenszoo.models.in_batches import in_batches
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model, load_model, model_config
from lenszoo.provenance import provenance
from lenszoo.tasks.checks import check_answers
from lenszoo.tasks.compute import jit, precision
from lenszoo.tasks.grow import grow_from
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.recipes import SuperResolveRecipe
from lenszoo.tasks.sources import TrainingData
from lenszoo.tasks.super_resolve.adversarial import AdversarialModel
from lenszoo.tasks.super_resolve.data import open_pairs
from lenszoo.tasks.super_resolve.losses import feature_extractor, image_loss
from lenszoo.tasks.super_resolve.report import super_resolution_report

PREDICT_BATCH = 16
DATA_RANGE = 1.0  # coarse images are scaled to [0, 1], fine ones by the same map


class SuperResolveTask:
    """See :class:`lenszoo.tasks.base.Task`."""

    monitor = "val_psnr"
    phases: tuple[int, ...] = (0,)

    def __init__(self, recipe: SuperResolveRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        if model_info(recipe.model).task != "super_resolve":
            raise LenszooError(
                f"{recipe.model} makes no images: task 'super_resolve' needs one of "
                "`lenszoo models --task super_resolve`."
            )
        self.source = source or open_pairs(recipe)
        images_a_step = recipe.batch_size // recipe.data.patches
        self.steps_per_epoch = -(-self.source.train_images // images_a_step)
        self._validation: Dataset | None = None

    def build(self) -> keras.Model:
        """The network; with its discriminator and its average beside it where it is judged."""
        recipe, source = self.recipe, self.source
        options = {"scale": source.scale, **recipe.options}
        if options["scale"] != source.scale:
            raise LenszooError(
                f"The recipe's options.scale {options['scale']} is not that of the pairs, "
                f"{source.scale}; leave it out to take the pairs' own."
            )
        shape = recipe.input_shape or (None, None, source.image_shape[2])
        with precision(recipe.mixed_precision):
            model = build_model(recipe.model, input_shape=shape, weights=recipe.weights, **options)
            if recipe.grow is not None:
                grow_from(recipe.grow, model, recipe.seed)
            if recipe.adversarial is None:
                return model
            return AdversarialModel(model, recipe.adversarial)

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Compile for the whole run; there is one phase."""
        recipe = self.recipe
        maps = None
        if recipe.perceptual is not None:
            maps = feature_extractor(load_model(recipe.perceptual))
        model.compile(
            optimizer=build_optimizer(recipe.optimizer, recipe.epochs, self.steps_per_epoch),
            loss=image_loss(recipe.loss, data_range=DATA_RANGE, perceptual=maps),
            jit_compile=jit(recipe.jit_compile),
        )

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        return self.source.epoch(epoch)

    def answers(self, model: keras.Model) -> keras.Model:
        """The network; of an adversarial training the average of its generator."""
        return model.averaged() if isinstance(model, AdversarialModel) else model

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Mean PSNR (dB, data range 1) and SSIM against the fine images."""
        if self._validation is None:
            self._validation = self.source.validation()
        held = self._validation
        made = super_resolve(model, held.images)
        check_answers(made)
        psnr = image_quality.psnr(held.targets, made, data_range=DATA_RANGE)
        ssim = image_quality.ssim(held.targets, made, data_range=DATA_RANGE)
        scores = {"val_psnr": float(np.mean(psnr)), "val_ssim": float(np.mean(ssim))}
        if held.truth is not None:
            true = image_quality.psnr(held.truth["noiseless"], made, data_range=DATA_RANGE)
            scores["val_psnr_truth"] = float(np.mean(true))
        return scores

    def identity(self) -> dict[str, Any]:
        """Scale and data, for ``run.json``."""
        return {
            "task": "super_resolve",
            "scale": self.source.scale,
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "data": self.source.describe,
        }

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Report on the test pairs, or on the validation pairs where there are none."""
        split = "test" if self.source.test else "validation"
        held = self.source.test() if self.source.test else self.source.validation()
        report = super_resolution_report(
            held.images,
            held.targets,
            super_resolve(model, held.images),
            truth=(held.truth or {}).get("noiseless"),
            variance=(held.truth or {}).get("target_variance"),
            data_range=DATA_RANGE,
            ids=held.ids,
            history=history,
            title=f"{self.recipe.model} on {len(held.ids):,} {split} pairs",
            provenance=provenance(self.recipe.seed)
            | {"model": model_config(model)["model"], "data": self.source.describe, "split": split},
            seed=self.recipe.seed,
        )
        report.save(folder)
        return report.metrics


def super_resolve(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(n, scale * h, scale * w, bands) float32 of (n, h, w, bands) images of one size."""
    return in_batches(model, images, PREDICT_BATCH)
