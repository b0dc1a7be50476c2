"""Random numbers that do not depend on the batch or the backend.

Scenes are drawn on the host: scene ``i`` of a seed has a generator of its own, Philox keyed by
``(seed, i)`` (Salmon et al. 2011, doi:10.1145/2063384.2063405), so it is the same in any batch,
order or process. Pixel noise is drawn where the pixels are: ``keras.random`` has no Poisson law and
its streams differ between backends, so uniforms come from an integer hash of (key of the scene,
pixel), which every backend computes alike, and the Poisson count from the inverse of its
distribution.
"""

import math

import numpy as np
from keras import ops

# below this mean the Poisson quantile is summed, above it an asymptotic expansion does
_SMALL_MEAN = 6.0
_SMALL_MEAN_TERMS = 25  # P(X > 24 | mean 6) = 1e-9


def scene_generator(seed: int, index: int) -> np.random.Generator:
    """Random generator of scene ``index`` of ``seed``: Philox keyed by both."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


def noise_key(rng: np.random.Generator) -> np.ndarray:
    """Draw the key of one layer of pixel noise: two 32-bit words, shape (2,)."""
    return rng.integers(0, 2**32, size=2, dtype=np.uint32)


def _u32(value: int):
    return ops.convert_to_tensor(np.uint32(value), dtype="uint32")


def _low_word(h):
    """Keep the low 32 bits: on PyTorch, Keras computes with 64-bit integers in place of uint32."""
    return ops.bitwise_and(h, _u32(0xFFFFFFFF))


def _mix(h):
    """Finaliser of MurmurHash3 (Appleby 2011): every input bit moves every output bit."""
    h = ops.bitwise_xor(h, ops.bitwise_right_shift(h, _u32(16)))
    h = _low_word(ops.multiply(h, _u32(0x85EBCA6B)))
    h = ops.bitwise_xor(h, ops.bitwise_right_shift(h, _u32(13)))
    h = _low_word(ops.multiply(h, _u32(0xC2B2AE35)))
    return ops.bitwise_xor(h, ops.bitwise_right_shift(h, _u32(16)))


def pixel_uniform(keys, n_pixels: int):
    """Uniform numbers in (0, 1), one a pixel, from a hash of (key, pixel).

    Args:
        keys: (batch, 2) uint32, from :func:`noise_key`.
        n_pixels: pixels per image.

    Returns:
        (batch, n_pixels) float32 on a grid of 2**-24, never 0 or 1.
    """
    keys = ops.convert_to_tensor(keys, dtype="uint32")
    pixel = ops.convert_to_tensor(
        np.arange(n_pixels, dtype=np.uint32)[None, :] * np.uint32(0x9E3779B9)
    )
    h = _mix(_low_word(ops.add(pixel, keys[:, :1])))
    h = _mix(ops.bitwise_xor(h, keys[:, 1:2]))
    return (ops.cast(ops.bitwise_right_shift(h, _u32(8)), "float32") + 0.5) * 2.0**-24


def normal_from_uniform(u):
    """Standard normal deviates from uniforms by the inverse distribution, same shape as ``u``."""
    return math.sqrt(2.0) * ops.erfinv(ops.clip(2.0 * u - 1.0, -1.0 + 1e-7, 1.0 - 1e-7))


def poisson_from_uniform(mean, u):
    """Poisson counts from uniforms by the inverse distribution, float32, same shape as ``mean``.

    Means up to 6 are summed term by term. Above, the quantile's asymptotic expansion in
    1 / sqrt(mean) (Giles 2016, doi:10.1145/2699466) is rounded down: a count differs from the exact
    one once in a thousand pixels at a mean of 6, once in two thousand at 10, and the distribution
    by less than 2e-4.

    Args:
        mean: expected counts [counts], float32, not negative.
        u: uniforms in (0, 1) of the same shape.
    """
    large = ops.maximum(mean, _SMALL_MEAN)
    w = normal_from_uniform(u)
    root = ops.sqrt(large)
    w2 = w * w
    quantile = (
        large
        + root * w
        + (1.0 / 3.0 + w2 / 6.0)
        + w * (-1.0 / 36.0 - w2 / 72.0) / root
        + (-8.0 / 405.0 + w2 * (7.0 / 810.0 + w2 / 270.0)) / large
    )
    small_mean = ops.minimum(mean, _SMALL_MEAN)
    term = ops.exp(-small_mean)
    below = term
    count = ops.cast(u > below, "float32")
    for k in range(1, _SMALL_MEAN_TERMS):
        term = term * small_mean * (1.0 / k)
        below = below + term
        count = count + ops.cast(u > below, "float32")
    return ops.where(mean > _SMALL_MEAN, ops.maximum(ops.floor(quantile), 0.0), count)
