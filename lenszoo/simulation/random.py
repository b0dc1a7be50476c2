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
_SMALL_MEAN_TERMS = 21  # P(X > 20 | mean 6) = 1.5e-6
# float32 sums of the terms are good to 2e-7: nearer to 1, a uniform would lie above all of them
_SMALL_MEAN_TOP = 1.0 - 2.0**-19
# Giles 2010: coefficients of erfinv(x) / x in w = -log(1 - x^2), highest power first: of w - 2.5
# for w < 5, else of sqrt(w) - 3
_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


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
    u = (ops.cast(ops.bitwise_right_shift(h, _u32(8)), "float32") + 0.5) * 2.0**-24
    return ops.minimum(u, 1.0 - 2.0**-24)  # float32 rounds the last to 1


def normal_from_uniform(u):
    """Standard normal deviates from uniforms in (0, 1) by the inverse distribution, same shape.

    The inverse error function is Giles's for single precision (2010, "Approximating the erfinv
    function"), with ``1 - x^2 = 4 u (1 - u)``, which keeps the digits of the tails.
    """
    w = -ops.log(4.0 * u * (1.0 - u))
    centre, tail = w - 2.5, ops.sqrt(ops.maximum(w, 5.0)) - 3.0
    near, far = _CENTRE[0], _TAIL[0]
    for a, b in zip(_CENTRE[1:], _TAIL[1:], strict=True):
        near, far = near * centre + a, far * tail + b
    return math.sqrt(2.0) * ops.where(w < 5.0, near, far) * (2.0 * u - 1.0)


def poisson_from_uniform(mean, u):
    """Poisson counts from uniforms by the inverse distribution, float32, same shape as ``mean``.

    Means up to 6 are summed term by term, up to the quantile of 1 - 2e-6. Above, the quantile's
    asymptotic expansion in 1 / sqrt(mean) (Giles 2016, doi:10.1145/2699466) is rounded down: a
    count differs from the exact one once in a thousand pixels at a mean of 6, once in two thousand
    at 10, and the distribution by less than 2e-4.

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
    left = ops.minimum(u, _SMALL_MEAN_TOP) - term
    count = ops.where(left > 0.0, 1.0, 0.0)
    for k in range(1, _SMALL_MEAN_TERMS):
        term = term * (small_mean * (1.0 / k))
        left = left - term
        count = ops.where(left > 0.0, k + 1.0, count)
    return ops.where(mean > _SMALL_MEAN, ops.maximum(ops.floor(quantile), 0.0), count)
