"""Render a batch of scenes: trace, shine -> blur -> noise, compiled per preset and point count."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.data.aligned import aligned_empty
from lenszoo.simulation import shine
from lenszoo.simulation.observe import Instrument, binned, minmax, signal_to_noise
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.scene import Scene, stack
from lenszoo.simulation.trace import source_plane

# scenes a compiled call renders; always padded to this, so that a scene's pixels never depend on
# its batch
TILE = 16


def compiled(function: Callable) -> Callable:
    """Compile a function of tensors with the running backend's compiler."""
    if keras.backend.backend() == "tensorflow":
        return _TensorFlowProgram(function)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


class _TensorFlowProgram:
    """A function compiled by XLA, once for all tensors of the same names, shapes and types.

    ``tf.function`` does so too, but it takes up to a millisecond to look the program up.
    """

    def __init__(self, function: Callable) -> None:
        import tensorflow as tf

        self._function = tf.function(
            lambda *tensors: function(*tensors), jit_compile=True, autograph=False
        )
        self._programs: dict[Any, Callable] = {}

    def __call__(self, *tensors: Any) -> Any:
        signature = _signature(tensors)
        if signature not in self._programs:
            self._programs[signature] = self._function.get_concrete_function(*tensors)
        return self._programs[signature](*tensors)


def _signature(tensors: Any) -> Any:
    if isinstance(tensors, Mapping):
        return tuple((name, _signature(part)) for name, part in tensors.items())
    if isinstance(tensors, list | tuple):
        return tuple(map(_signature, tensors))
    return tuple(tensors.shape), tensors.dtype


def lensed_brightness(arrays: Mapping[str, Any], preset: Preset):
    """Brightness of the lensed source on the sub-grid, (batch, supersampling^2 * pixels^2)."""
    x, y = (ops.convert_to_tensor(g.reshape(1, -1)) for g in preset.instrument.grid())
    return brightness_at(x, y, arrays, preset.lens)


def brightness_at(x, y, arrays: Mapping[str, Any], lens: str):
    """Brightness of the lensed source (batch, n) at positions (batch or 1, n) [arcsec]."""
    bx, by = source_plane(x, y, arrays, lens)
    return source_brightness(bx, by, arrays)


def source_brightness(bx, by, arrays: Mapping[str, Any]):
    """Brightness of the source (batch, n) at source-plane positions (batch, n) [arcsec]."""
    return shine.sersic(
        bx - arrays["source_x"],
        by - arrays["source_y"],
        arrays["source_amplitude"],
        arrays["source_r_eff"],
        arrays["source_index"],
        arrays["source_e1"],
        arrays["source_e2"],
    )


def blurred(brightness, arrays: Mapping[str, Any], preset: Preset):
    """Blur brightness by the camera's PSF: signal (batch, pixels^2)."""
    del arrays  # the camera is the same for all
    assert isinstance(preset.instrument, Instrument)
    return preset.instrument.observe(brightness)


def with_noise(signal, arrays: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """Add noise: images and signal (batch, pixels^2), and signal_to_noise (batch,).

    Of a sky of pairs, targets and noiseless (batch, factor^2 * pixels^2) besides. All of a pair are
    scaled by the affine map that takes the coarse image to [0, 1], so that a network's output has
    the units of its input. ``counts_at_0`` and ``counts_at_1`` (batch,) are the values 0 and 1 in
    counts a fine pixel.
    """
    if preset.factor == 1:
        image, variance = preset.observe(signal, arrays)
        return {
            "images": minmax(image) if preset.minmax else image,
            "signal": signal,
            "signal_to_noise": signal_to_noise(signal, variance),
        }
    assert preset.observe_coarse is not None  # a sky of pairs has one
    # the variance of Poisson counts is their mean
    target, truth = preset.observe(signal, arrays)
    coarse = binned(signal, preset.target_shape[0], preset.factor)
    image, variance = preset.observe_coarse(coarse, arrays)
    pair = {"images": image, "targets": target, "noiseless": truth}
    return {
        **{name: minmax(values, image) for name, values in pair.items()},
        "counts_at_0": ops.min(image, axis=1),
        "counts_at_1": ops.max(image, axis=1),
        "signal_to_noise": signal_to_noise(coarse, variance),
    }


def _pack(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Put the drawn values, (batch, 1) each, into one tensor: each takes 34 microseconds.

    Returns:
        Tensors by name, the values (batch, n) under "values"; and the n names.
    """
    names = tuple(
        name
        for name, array in arrays.items()
        if array.shape[1:] == (1,) and array.dtype == np.float32
    )
    packed = {name: array for name, array in arrays.items() if name not in names}
    if names:
        packed["values"] = np.concatenate([arrays[name] for name in names], axis=1)
    return {name: ops.convert_to_tensor(array) for name, array in packed.items()}, names


def _unpack(arrays: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: arrays["values"][:, k : k + 1] for k, name in enumerate(names)}
    return {name: array for name, array in arrays.items() if name != "values"} | values


def _shine(packed, names: tuple[str, ...], preset: Preset):
    brightness: Callable[..., Any] = preset.brightness or lensed_brightness
    return brightness(_unpack(packed, names), preset)


def _blur(brightness, packed, names: tuple[str, ...], preset: Preset):
    blur: Callable[..., Any] = preset.blur or blurred
    return blur(brightness, _unpack(packed, names), preset)


def _expose(signal, packed, names: tuple[str, ...], preset: Preset, outputs: tuple[str, ...]):
    expose: Callable[..., Any] = preset.expose or with_noise
    results = expose(signal, _unpack(packed, names), preset)
    return {name: results[name] for name in outputs}


@lru_cache(maxsize=64)
def _programs(
    preset: Preset, names: tuple[str, ...], outputs: tuple[str, ...], backend: str
) -> tuple[Callable, Callable, Callable]:
    """Three programs, not one: in one, XLA computes again what is used twice, rays and blur."""
    shine, blur = (compiled(partial(f, names=names, preset=preset)) for f in (_shine, _blur))
    return shine, blur, compiled(partial(_expose, names=names, preset=preset, outputs=outputs))


def run(
    arrays: Mapping[str, np.ndarray], preset: Preset, outputs: tuple[str, ...]
) -> dict[str, Any]:
    """Render TILE stacked scenes with the compiled programs; the outputs, by name."""
    packed, names = _pack(arrays)
    shine, blur, expose = _programs(preset, names, outputs, keras.backend.backend())
    return expose(blur(shine(packed), packed), packed)


def render(
    scenes: Sequence[Scene],
    preset: Preset,
    n_points: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, np.ndarray]:
    """Render scenes that hold at most ``n_points`` point masses.

    Args:
        scenes: the scenes.
        preset: their sky.
        n_points: the most point masses of a scene.
        progress: is told how many are done.

    Returns:
        ``images`` (n, H, W, bands) float32 and the preset's measures, (n,) float32, such as
        ``signal_to_noise``: the square root of the sum over pixels of (signal^2 / variance). Of a
        sky of pairs also ``targets`` and ``noiseless`` (n, factor * H, factor * W, 1) float32,
        ``counts_at_0`` and ``counts_at_1`` (n,).
    """
    shapes: dict[str, tuple[int, ...]] = {"images": preset.image_shape}
    shapes |= dict.fromkeys(preset.measured, ())
    if preset.factor > 1:
        shapes |= {"targets": preset.target_shape, "noiseless": preset.target_shape}
        shapes |= {"counts_at_0": (), "counts_at_1": ()}
    result = {k: aligned_empty((len(scenes), *shape)) for k, shape in shapes.items()}
    for start in range(0, len(scenes), TILE):
        tile = list(scenes[start : start + TILE])
        n = len(tile)
        rendered = run(stack(tile + [tile[-1]] * (TILE - n), n_points), preset, tuple(shapes))
        for name, shape in shapes.items():
            values = ops.convert_to_numpy(rendered[name])[:n]
            result[name][start : start + n] = values.reshape(n, *shape)
        progress(start + n)
    return result
