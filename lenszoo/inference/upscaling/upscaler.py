"""A super-resolution model together with what upscaling must know of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling.receptive_field import Reach, find_reach
from lenszoo.models.build import model_config
from lenszoo.pretrained.loading import build_model, load_sources
from lenszoo.pretrained.origin import recall
from lenszoo.pretrained.saving import broken_weights
from lenszoo.pretrained.source import WeightsName, WeightsSource, resolve
from lenszoo.provenance import provenance
from lenszoo.trained_scale import InputScale

# Sides of the images that tell a scale from a fixed size of the output.
_SIDES = (16, 24)
_MAX_COMPILED = 8


@dataclass(frozen=True, eq=False)
class Upscaler:
    """A super-resolution model that is ready to work; see :func:`open_upscaler`.

    Attributes:
        model: from (batch, H, W, bands) to (batch, scale * H, scale * W, bands).
        name: the weights' name or path, or the model's own name when it was made in memory.
        scale: how many times finer the output's pixels are.
        bands: bands of input and output.
        size: (height, width) where the model takes one size only, else (None, None).
        reach: how far the model looks.
        facts: lenszoo's version and backend, weights and their sha256 (None where unknown).
        pixel_scale: arcsec a pixel of the coarse images of its training; None where unknown.
        inputs: noise and sky level of these images, in [0, 1]; None where unknown.
        run_dir: the run folder that the weights lie in; None where they lie in none.
    """

    model: keras.Model
    name: str
    scale: int
    bands: int
    size: tuple[int | None, int | None]
    reach: Reach
    facts: dict[str, Any] = field(default_factory=dict)
    pixel_scale: float | None = None
    inputs: InputScale | None = None
    run_dir: Path | None = None
    _compiled: dict[tuple[int, ...], keras.Model] = field(default_factory=dict, repr=False)

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Upscale float32 (batch, H, W, bands); every new shape is compiled once.

        Each shape has a network of its own: after the second shape TensorFlow would trace one for
        any size, in which Keras' bicubic ``UpSampling2D`` does not work.
        """
        if batch.shape not in self._compiled:
            if len(self._compiled) == _MAX_COMPILED:
                self._compiled.pop(next(iter(self._compiled)))
            images = keras.Input(batch_shape=batch.shape)
            network = keras.Model(images, self.model(images, training=False))
            self._compiled[batch.shape] = network
        return np.asarray(self._compiled[batch.shape].predict_on_batch(batch))


UpscalerLike: TypeAlias = keras.Model | Upscaler | WeightsName | WeightsSource


def open_upscaler(source: UpscalerLike, scale: int | None = None) -> Upscaler:
    """Load a super-resolution model and find its scale, bands and reach.

    A model of the zoo that was built for one image size is built again for any.

    Args:
        source: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file, a model in
            memory, or what this function returned before.
        scale: refuse a model of another scale.

    Raises:
        LenszooError: the model cannot be loaded, does not upscale, or has another scale.
    """
    if isinstance(source, Upscaler):
        _check_scale(source.name, source.scale, scale)
        return source
    if isinstance(source, keras.Model):
        model, sources = source, recall(source) or []
    else:
        sources = [resolve(source)]
        model = load_sources(sources, one=True)
    name = sources[0].label if len(sources) == 1 else model.name
    sha256 = sources[0].sha256 if len(sources) == 1 else None
    factor = _find_scale(model, name)
    _check_scale(name, factor, scale)
    if broken := broken_weights(model):
        raise LenszooError(
            f"{name}: {len(broken)} of its weights hold NaN or a negative variance ({broken[0]}), "
            "so no answer means anything: the training diverged. Go back to weights from before."
        )
    model = _for_any_size(model)
    _, height, width, bands = model.input_shape
    facts = provenance() | {"weights": name, "weights_sha256": sha256}
    one = sources[0] if len(sources) == 1 else None
    return Upscaler(
        model,
        name,
        factor,
        bands,
        (height, width),
        find_reach(model),
        facts,
        pixel_scale=None if one is None else one.pixel_scale,
        inputs=None if one is None else one.inputs,
        run_dir=None if one is None else one.run_dir,
    )


def _check_scale(name: str, scale: int, expected: int | None) -> None:
    if expected is not None and expected != scale:
        raise LenszooError(
            f"{name} upscales by {scale}, not by {expected}: choose weights of that scale."
        )


def _find_scale(model: keras.Model, name: str) -> int:
    """Return how many times larger a model's output is.

    Raises:
        LenszooError: input or output are no images of equal bands, or the ratio of their sizes is
            not one whole number.
    """
    coarse = getattr(model, "input_shape", None)
    if isinstance(coarse, tuple) and len(coarse) == 4 and isinstance(coarse[3], int):
        scales = set()
        for side in _SIDES:
            height, width = coarse[1] or side, coarse[2] or side
            fine = _output_shape(model, (1, height, width, coarse[3]))
            if len(fine) != 4 or fine[3] != coarse[3] or not fine[1] or not fine[2]:
                break
            scales |= {fine[1] / height, fine[2] / width}
        else:
            if len(scales) == 1 and (scale := scales.pop()) == int(scale):
                return int(scale)
    raise LenszooError(
        f"{name} is no super-resolution model: it takes {coarse} and gives "
        f"{getattr(model, 'output_shape', None)}, "
        "not the same bands and a whole number of times the pixels; "
        "`lenszoo models --task super_resolve` lists those that are."
    )


def _output_shape(model: keras.Model, shape: tuple[int, ...]) -> tuple[int | None, ...]:
    try:
        result = model.compute_output_shape(shape)
    except Exception:  # a model that cannot take an image of this size
        return ()
    return tuple(result) if isinstance(result, list | tuple) else ()


def _for_any_size(model: keras.Model) -> keras.Model:
    """Rebuild a model of the zoo that was built for one image size; leave others as they are."""
    if model.input_shape[1:3] == (None, None):
        return model
    try:
        config = model_config(model)
        shape = (None, None, model.input_shape[3])
        rebuilt = build_model(config["model"], input_shape=shape, **config["options"])
        rebuilt.set_weights(model.get_weights())
    except (LenszooError, ValueError):  # no model of the zoo, or one that needs its size
        return model
    return rebuilt
