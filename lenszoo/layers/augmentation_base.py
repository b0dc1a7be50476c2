"""What the random changes of an image share: when they act, where they run, how they draw."""

import math
import threading
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError

# a seed is read and then advanced: two threads of an input pipeline would draw the same numbers
_ONE_AT_A_TIME = threading.Lock()


class Augmentation(keras.layers.Layer):
    """A random change of images (batch, height, width, bands), or of one (height, width, bands).

    Each image has its own draw; all bands of an image share it. The change is made **only with**
    ``training=True``: ``layer(images, training=True)``, or ``layer.augment(images)``, which is the
    same and is what an input pipeline maps, ``dataset.map(layer.augment)``. In a model, ``fit``
    says so and ``predict`` does not; without a word images come back bit by bit as they went in.
    A subclassed model hands ``training`` on itself: on JAX, Keras does not do it in ``fit``.

    In ``tf.data`` under another backend than TensorFlow the layer runs on that backend, on the CPU,
    from a ``tf.numpy_function``: the numbers and the seed are the same as outside the pipeline. A
    parallel ``map`` may hand out the draws in another order from one run to the next.

    Pixels must be finite: what interpolates or blurs carries a NaN to its neighbours.

    Args:
        seed: makes the draws repeatable. The generator's state is in the layer's ``variables``, so
            that a run that stores those continues with the draws that come next.
        **kwargs: as for any Keras layer. The layer computes in float32.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        if seed is not None and not (isinstance(seed, int) and seed >= 0):
            raise LenszooError(f"seed must be a whole number from 0 up, or None, got {seed!r}.")
        self.seed = seed

    def change(self, images: Any) -> Any:
        """Return changed images (batch, height, width, bands); what each layer is about."""
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
        """Check the shape, and find the way to the backend from another's graph."""
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

    def compute_output_shape(self, images_shape: Any) -> Any:
        """Return the images' own shape."""
        return images_shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "seed": self.seed}


class SeededAugmentation(Augmentation):
    """A change with a generator of its own.

    Args:
        seed: as for ``Augmentation``.
        **kwargs: as for any Keras layer.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.generator = keras.random.SeedGenerator(seed)

    def uniform(self, images: Any, limits: tuple[float, float], n: int = 1) -> Any:
        """Draw (batch, n) numbers between two limits, n for each image."""
        low, high = limits
        unit = keras.random.uniform((ops.shape(images)[0], n), seed=self.generator)
        return low + (high - low) * unit


def limits(what: str, value: Any, *, signed: bool = False) -> tuple[float, float]:
    """Read a range that a user gave: a pair (low, high), or a number for 0 to it.

    Args:
        what: the option's name, for the message.
        value: what the user gave.
        signed: a number n stands for -n to n, and low may be negative.

    Raises:
        LenszooError: anything else.
    """
    try:
        pair = value if isinstance(value, (tuple, list)) else (-value if signed else 0, value)
        low, high = (float(x) for x in pair)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low <= high and (signed or low >= 0)):
        kind = "finite numbers" if signed else "finite numbers, none negative"
        raise LenszooError(f"{what} must be a number or a pair (low, high) of {kind}: {value!r}.")
    return low, high


def amount(what: str, value: Any) -> float:
    """Read one number that must not be negative; anything else raises LenszooError."""
    if isinstance(value, (int, float)) and 0 <= value < math.inf:
        return float(value)
    raise LenszooError(f"{what} must be one finite number, not negative: {value!r}.")


def _is_foreign(images: Any) -> bool:
    """Whether these are a symbol in a TensorFlow graph, under another backend."""
    if keras.backend.backend() == "tensorflow" or not type(images).__module__.startswith(
        "tensorflow."
    ):
        return False
    import tensorflow as tf

    return bool(tf.is_symbolic_tensor(images))


def _by_numpy(function: Callable[[Any], Any], images: Any) -> Any:
    """Apply a function of this backend to a symbol of TensorFlow, when its numbers come."""
    import tensorflow as tf

    def outside(array: Any) -> Any:
        # the accelerator is busy with the step that the pipeline prepares batches for
        with _ONE_AT_A_TIME, keras.device("cpu:0"):
            return ops.convert_to_numpy(function(array))

    changed = tf.numpy_function(outside, [images], tf.float32)
    return tf.ensure_shape(changed, images.shape)
