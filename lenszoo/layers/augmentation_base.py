"""Base classes of the random augmentations of images."""

import math
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.base import BaseLayer

# a seed is read, then advanced: two threads of an input pipeline could draw the same numbers
_ONE_AT_A_TIME = threading.Lock()


class Augmentation(BaseLayer):
    """Random change of images (batch, height, width, bands), or of one (height, width, bands).

    Each image has a draw of its own, common to its bands. Images change **only in training**:
    ``layer(images, training=True)``, or ``layer.augment(images)`` for an input pipeline,
    ``dataset.map(layer.augment)``. ``fit`` passes ``training=True``, ``predict`` does not; without
    it images are returned bit for bit. A subclassed model has to pass ``training`` on itself: on
    JAX, Keras does not in ``fit``.

    In ``tf.data`` under another backend than TensorFlow the layer runs on that backend, on the CPU,
    in a ``tf.numpy_function``, with the same numbers as outside the pipeline. The order of the
    draws in a parallel ``map`` may differ between runs.

    Pixels must be finite: interpolation and blur spread a NaN to its neighbours.

    Args:
        seed: makes the draws repeatable. The state of the generator is in the layer's
            ``variables``: a run that restores them continues with the next draws.
        **kwargs: as for any Keras layer. The layer computes in float32.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("seed",)
    FLOAT32 = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and not (isinstance(seed, int) and seed >= 0):
            raise LenszooError(f"seed must be a whole number from 0 up, or None, got {seed!r}.")
        self.seed = seed

    def change(self, images: Any) -> Any:
        """Return changed images (batch, height, width, bands); each layer has its own."""
        raise NotImplementedError

    def check_shape(self, shape: tuple[int | None, ...]) -> None:
        """Raise LenszooError unless the layer can change images of this shape."""
        if len(shape) not in (3, 4):
            raise LenszooError(
                f"{type(self).__name__} takes images (batch, height, width, bands) or one image "
                f"(height, width, bands), not the shape {tuple(shape)}."
            )

    def augment(self, images: Any) -> Any:
        """Return changed images: ``layer(images, training=True)``."""
        return self(images, training=True)

    def __call__(self, images: Any, **kwargs: Any) -> Any:
        """Check the shape, and run on the backend also in a graph of TensorFlow."""
        # here, because Keras appends several lines to whatever is raised in call()
        if getattr(images, "shape", None) is not None:
            self.check_shape(tuple(images.shape))
        if _is_foreign(images):
            return _by_numpy(lambda x: super(Augmentation, self).__call__(x, **kwargs), images)
        return super().__call__(images, **kwargs)

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the images, changed if ``training``."""
        images = ops.cast(images, "float32")
        if not training:
            return images
        if len(images.shape) == 3:
            return self.change(images[None])[0]
        return self.change(images)


class SeededAugmentation(Augmentation):
    """Augmentation with a random generator of its own.

    Args:
        seed: as for ``Augmentation``.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.generator = keras.random.SeedGenerator(seed)

    def uniform(self, images: Any, limits: tuple[float, float], n: int = 1) -> Any:
        """Draw (batch, n) numbers between two limits, n for each image."""
        low, high = limits
        unit = keras.random.uniform((ops.shape(images)[0], n), seed=self.generator)
        return low + (high - low) * unit


def limits(option: str, value: Any, *, signed: bool = False) -> tuple[float, float]:
    """Parse a range: a pair (low, high), or a number n for 0 to n.

    Args:
        option: name of the option, for the message.
        value: value of the option.
        signed: a number n stands for -n to n, and low may be negative.

    Raises:
        LenszooError: any other value.

    >>> limits("shift", 2, signed=True)
    (-2.0, 2.0)
    """
    try:
        pair = value if isinstance(value, (tuple, list)) else (-value if signed else 0, value)
        low, high = (float(x) for x in pair)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low <= high and (signed or low >= 0)):
        kind = "finite numbers" if signed else "finite numbers, none negative"
        raise LenszooError(f"{option} must be a number or a pair (low, high) of {kind}: {value!r}.")
    return low, high


def amount(option: str, value: Any) -> float:
    """Check that an option is a number of at least 0; raise LenszooError if not."""
    if isinstance(value, (int, float)) and 0 <= value < math.inf:
        return float(value)
    raise LenszooError(f"{option} must be one finite number, not negative: {value!r}.")


def _is_foreign(images: Any) -> bool:
    """Whether images are a symbol in a TensorFlow graph while another backend runs."""
    if keras.backend.backend() == "tensorflow" or not type(images).__module__.startswith(
        "tensorflow."
    ):
        return False
    import tensorflow as tf

    return bool(tf.is_symbolic_tensor(images))


def _by_numpy(function: Callable[[Any], Any], images: Any) -> Any:
    """Apply a function of this backend to a symbol in a TensorFlow graph."""
    import tensorflow as tf

    def on_cpu(array: Any) -> Any:
        # the accelerator runs the training step
        with _ONE_AT_A_TIME, keras.device("cpu:0"):
            return ops.convert_to_numpy(function(array))

    changed = tf.numpy_function(on_cpu, [images], tf.float32)
    return tf.ensure_shape(changed, images.shape)
