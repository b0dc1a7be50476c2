"""Super-resolution: a network of the zoo on a simulated sky of pairs or on files."""

import logging
import os
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset, make_pairs, normalise, read_pairs
from lenszoo.data.input_scale import measure_scale
from lenszoo.errors import LenszooError, counted
from lenszoo.files import has_file, read_json
from lenszoo.inference.upscaling.upscaler import Upscaler, open_upscaler
from lenszoo.metrics import image_quality
from lenszoo.models.in_batches import in_batches
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model, load_model
from lenszoo.simulation import Sample
from lenszoo.tasks.base import Options, Task
from lenszoo.tasks.checks import check_answers, images_shape
from lenszoo.tasks.compute import precision
from lenszoo.tasks.grow import grow_from
from lenszoo.tasks.recipes import validate
from lenszoo.tasks.sources import TrainingData, as_dataset
from lenszoo.tasks.super_resolve.adversarial import AdversarialModel
from lenszoo.tasks.super_resolve.data import open_pairs
from lenszoo.tasks.super_resolve.losses import feature_extractor, image_loss
from lenszoo.tasks.super_resolve.recipe import PairData, SuperResolveRecipe
from lenszoo.tasks.super_resolve.report import SuperResolutionReport, super_resolution_report

log = logging.getLogger("lenszoo")

PREDICT_BATCH = 16
SCALE_OF = 256  # images that noise, sky and peak are measured on
DATA_RANGE = 1.0  # coarse images are scaled to [0, 1], fine ones by the same map


class SuperResolveTask(Task):
    """Training and score of a super-resolution network; see :class:`lenszoo.tasks.base.Task`."""

    monitor = "val_psnr"
    noun = "pairs"
    scenes = 1500
    published = (
        "n", "scale", "data_range", "psnr", "ssim", "mse", "share_of_way", "truth", "flux_error",
        "ring_flux_error", "chi_square", "power_spectrum_ratio",
    )  # fmt: skip
    intervals = ("psnr", "ssim")
    baselines = ("bicubic", "floor")

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

    def build(self) -> keras.Model:
        """The network; with its discriminator and its average beside it where it is judged."""
        recipe, source = self.recipe, self.source
        options = {"scale": source.scale, **recipe.options}
        if options["scale"] != source.scale:
            raise LenszooError(
                f"The recipe's options.scale {options['scale']} is not that of the pairs, "
                f"{source.scale}; leave it out to take the pairs' own."
            )
        images_shape(recipe.input_shape, source.image_shape)
        shape = (None, None, source.image_shape[2])  # patches train, whole images validate
        with precision(recipe.mixed_precision):
            model = build_model(recipe.model, input_shape=shape, weights=recipe.weights, **options)
            if recipe.grow is not None:
                grow_from(recipe.grow, model, recipe.seed)
            if recipe.adversarial is None:
                return model
            return AdversarialModel(model, recipe.adversarial)

    def loss(self) -> dict[str, Any]:
        """Image loss of the recipe."""
        recipe, maps = self.recipe, None
        if recipe.perceptual is not None:
            maps = feature_extractor(load_model(recipe.perceptual))
        return {"loss": image_loss(recipe.loss, data_range=DATA_RANGE, perceptual=maps)}

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        return self.source.epoch(epoch)

    def answers(self, model: keras.Model) -> keras.Model:
        """The network; of an adversarial training the average of its generator."""
        return model.averaged() if isinstance(model, AdversarialModel) else model

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Mean PSNR (dB, data range 1) and SSIM against the fine images."""
        held = self.validation
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
            "inputs": self._inputs(),
            "data": self.source.describe,
        }

    def _inputs(self) -> dict[str, Any] | None:
        """Measure noise, sky level and peak of some coarse images; None without noise."""
        scale = measure_scale(self.validation.images[:SCALE_OF])
        return None if scale is None else asdict(scale)

    @classmethod
    def score(cls, model: keras.Model, data: Dataset, **about: Any) -> SuperResolutionReport:
        """Score a network on pairs, beside bicubic interpolation and the noise floor."""
        return super_resolution_report(
            data.images,
            data.targets,
            super_resolve(model, data.images),
            truth=(data.truth or {}).get("noiseless"),
            variance=(data.truth or {}).get("target_variance"),
            data_range=DATA_RANGE,
            ids=data.ids,
            **about,
        )

    @classmethod
    def figure(cls, model: keras.Model, data: Dataset) -> float:
        """Mean PSNR, dB."""
        made = super_resolve(model, data.images)
        return float(np.mean(image_quality.psnr(data.targets, made, data_range=DATA_RANGE)))

    @classmethod
    def evaluate(
        cls, model: Any, data: Any, options: Options, **about: Any
    ) -> SuperResolutionReport:
        """Score a network on a sample of pairs, or on a folder of images.

        The folder holds ``low`` and ``high`` with files of the same names, or fine images, of
        which coarse ones are made as in the run's training; where it made none, blocks of
        ``scale`` by ``scale`` pixels are averaged.
        """
        options.refuse("super-resolves images", "classes", "tta", "resize", "bands", "preparing")
        upscaler = open_upscaler(model)
        held, origin = _read(data, upscaler, options)
        more = about.get("provenance") or {}
        about["title"] = about.get("title") or f"{upscaler.name} on {len(held.ids):,} pairs"
        about["provenance"] = upscaler.facts | {"data": origin} | more
        return cls.score(upscaler.model, held, **about)


def _read(data: Any, upscaler: Upscaler, options: Options) -> tuple[Dataset, str]:
    """Return pairs in [0, 1], and where they come from."""
    origin, on_bad = "a simulated sample", options.on_bad or "raise"
    if isinstance(data, Sample):
        data = as_dataset(data, tuple(map(str, range(len(data.images)))))
    elif not isinstance(data, Dataset):
        if not isinstance(data, str | os.PathLike):
            raise LenszooError(
                f"A super-resolution network is not scored on a {type(data).__name__}: give a "
                "folder, or lenszoo.data.Dataset(ids, images, targets=targets)."
            )
        where = PairData.from_path(os.fspath(data))
        if "low" in where:
            pairs = read_pairs(where["low"], where["high"], on_bad)
        else:
            how = _degraded(upscaler)
            pairs = make_pairs(where["high"], **how, seed=options.seed, on_bad=on_bad)
            where["low"] = _told(**how)
        images, targets = normalise(pairs.images, pairs.targets)
        data, origin = replace(pairs, images=images, targets=targets), str(where)
    if data.images is None or data.targets is None:
        raise LenszooError(
            "A super-resolution network is scored on pairs: a sky of pairs such as sr_75_150, or a "
            "folder."
        )
    (height, width, bands), fine = data.images.shape[1:], data.targets.shape[1:3]
    if fine != (upscaler.scale * height, upscaler.scale * width) or bands != upscaler.bands:
        raise LenszooError(
            f"{upscaler.name} makes {upscaler.scale} times the pixels, of "
            f"{counted(upscaler.bands, 'band')}; the coarse images are {height} x {width} of "
            f"{counted(bands, 'band')}, the fine ones "
            f"{fine[0]} x {fine[1]}: give pairs of that scale."
        )
    return data, origin


def _degraded(upscaler: Upscaler) -> dict[str, Any]:
    """Return how coarse images are made of fine ones: as in the run's training, else by means."""
    plain = {"factor": upscaler.scale, "psf_fwhm": 0.0, "noise": 0.0}
    file = None if upscaler.run_dir is None else upscaler.run_dir / "recipe.json"
    if file is None or not has_file(file):
        return plain
    data = validate(read_json(file), str(file)).data
    if data.high is None or data.low is not None:
        return plain
    how = data.degrade.model_dump()
    log.info("Coarse images are made as in training: %s.", _told(**how))
    return how


def _told(factor: int, psf_fwhm: float, noise: float) -> str:
    """Say how coarse images are made of fine ones."""
    steps = [f"means of {factor} x {factor} pixels"]
    steps += [f"blurred first (FWHM of {psf_fwhm:g} fine pixels)"] * bool(psf_fwhm)
    steps += [f"noise of {noise:g} added"] * bool(noise)
    return ", ".join(steps)


def super_resolve(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(n, scale * h, scale * w, bands) float32 of (n, h, w, bands) images of one size."""
    return in_batches(model, images, PREDICT_BATCH)
