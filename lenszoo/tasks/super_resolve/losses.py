"""Losses between images: squared and absolute error, SSIM, features of a classifier, mixtures."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from lenszoo.errors import LenszooError, unknown
from lenszoo.metrics.image_quality import K1, K2, check_range, gaussian_window
from lenszoo.tasks.blocks import split_layers
from lenszoo.tasks.compute import jit

LOSSES = ("mae", "mse", "perceptual", "ssim")

# layers after which no feature map is taken: they lose detail, or only pad for a convolution
_NO_CUT = (
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
    layers.ZeroPadding2D,
)


def image_loss(
    choice: str | Mapping[str, float],
    *,
    data_range: float = 1.0,
    perceptual: keras.Model | None = None,
) -> keras.losses.Loss:
    """Build the loss of a model from images to images.

    - ``"mse"``, ``"mae"``: mean squared and mean absolute error of the pixels.
    - ``"ssim"``: 1 - SSIM, with the Gaussian window of
      :func:`lenszoo.metrics.image_quality.ssim` (Wang et al. 2004, IEEE TIP 13, 600).
    - ``"perceptual"``: mean squared distance between the feature maps that a classifier has of both
      images (Johnson et al. 2016, arXiv:1603.08155).
    - a mixture such as ``{"mae": 0.84, "ssim": 0.16}``: their weighted sum (Zhao et al. 2017,
      arXiv:1511.08861).

    Images are divided by ``data_range`` first, so that a mixture means the same in any units.

    Args:
        choice: a name, or weights by name.
        data_range: the brightest possible value less the faintest.
        perceptual: for ``"perceptual"``, the model from images to maps that
            :func:`feature_extractor` makes; it does not train.

    Returns:
        A loss of ``(batch, height, width, bands)``, averaged over the batch, in float32.

    Raises:
        LenszooError: an unknown name, a weight or range that is not positive, or a perceptual loss
            without its model.
    """
    terms = {choice: 1.0} if isinstance(choice, str) else dict(choice)
    if not terms:
        raise LenszooError(f"The mixture of losses is empty; name some of {', '.join(LOSSES)}.")
    for name, weight in terms.items():
        if name not in LOSSES:
            raise unknown("image loss", name, LOSSES)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e9:
            raise LenszooError(f"The weight of the loss {name!r} must be above 0, got {weight!r}.")
    if "perceptual" in terms and perceptual is None:
        raise LenszooError(
            "The perceptual loss compares features of a classifier: give "
            "perceptual=feature_extractor(classifier)."
        )
    if "perceptual" not in terms and perceptual is not None:
        raise LenszooError("perceptual= is given, but no loss named 'perceptual' to use it.")
    return ImageLoss(terms, check_range(data_range), perceptual)


@keras.saving.register_keras_serializable(package="lenszoo")
class ImageLoss(keras.losses.Loss):
    """Loss of :func:`image_loss`: a weighted sum of losses, one number an image.

    Args:
        terms: weights by name.
        data_range: images are divided by it.
        perceptual: a model from images to maps, or None.
        name: of the loss.
    """

    def __init__(
        self,
        terms: Mapping[str, float],
        data_range: float = 1.0,
        perceptual: keras.Model | None = None,
        name: str = "image_loss",
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.terms, self.data_range, self.perceptual = dict(terms), data_range, perceptual
        if perceptual is not None:
            _check_extractor(perceptual)
            perceptual.trainable = False

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, shape (batch,)."""
        if len(y_pred.shape) != 4 or not _agree(y_true.shape, y_pred.shape):
            raise LenszooError(
                f"The model answers {tuple(y_pred.shape)}, the targets are {tuple(y_true.shape)}: "
                "both must be (batch, height, width, bands)."
            )
        target, image = y_true / self.data_range, y_pred / self.data_range
        total: Any = 0.0
        for name, weight in self.terms.items():
            total = total + weight * self._term(name)(target, image)
        return total

    def _term(self, name: str) -> Callable[[Any, Any], Any]:
        if name == "perceptual":
            return self._feature_distance
        return {"mae": _absolute, "mse": _squared, "ssim": _dissimilarity}[name]

    def _feature_distance(self, target: Any, image: Any) -> Any:
        model: Any = self.perceptual
        expected = tuple(model.input.shape[1:])
        shape = tuple(image.shape[1:])
        if not _agree(expected, shape):
            raise LenszooError(
                f"The perceptual loss's {model.name} takes images of {expected}, not {shape}: give "
                "a classifier for such images."
            )
        goal = ops.stop_gradient(ops.cast(model(target, training=False), "float32"))
        return _squared(goal, ops.cast(model(image, training=False), "float32"))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; of a perceptual loss only that it was one."""
        return {"name": self.name, "terms": self.terms, "data_range": self.data_range}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ImageLoss":
        """Rebuild the loss.

        Raises:
            LenszooError: it is perceptual: a file does not hold its classifier.
        """
        if "perceptual" in config["terms"]:
            raise LenszooError(
                "The file does not hold the classifier of its perceptual loss: load it with "
                "compile=False, or lenszoo.load_model, and compile it anew."
            )
        return cls(**config)


def _agree(shape: Any, other: Any) -> bool:
    """Tell whether two shapes may be the same: None stands for any side."""
    same = len(shape) == len(other)
    return same and all(a == b or None in (a, b) for a, b in zip(shape, other, strict=True))


def _squared(target: Any, image: Any) -> Any:
    return ops.mean(ops.square(image - target), axis=(1, 2, 3))


def _absolute(target: Any, image: Any) -> Any:
    return ops.mean(ops.abs(image - target), axis=(1, 2, 3))


def _dissimilarity(target: Any, image: Any) -> Any:
    """1 - SSIM of images with a range of 1, shape (batch,)."""
    size = len(_WINDOW)
    if any(side is not None and side < size for side in image.shape[1:3]):
        raise LenszooError(
            f"The SSIM loss needs images of at least {size} x {size} pixels, got "
            f"{tuple(image.shape[1:3])}: train on larger patches."
        )
    bands = image.shape[-1]
    squares = ops.square(target) + ops.square(image)
    local = _slide(ops.concatenate([target, image, squares, target * image], axis=-1))
    mx, my, squares, product = (local[..., i * bands : (i + 1) * bands] for i in range(4))
    means = ops.square(mx) + ops.square(my)
    c1, c2 = K1**2, K2**2
    both = (2.0 * mx * my + c1) * (2.0 * (product - mx * my) + c2)
    similarity = both / ((means + c1) * (squares - means + c2))
    return 1.0 - ops.mean(similarity, axis=(1, 2, 3))


_WINDOW = gaussian_window().astype("float32")


def _slide(stack: Any) -> Any:
    """Gaussian means wherever the window fits.

    Without XLA (TensorFlow on a CPU) a convolution is nine times faster than sums of shifted
    images, with XLA nine times slower there; and GPUs convolve float32 at 10 bits (TF32), which
    loses a variance, the small difference of two means.
    """
    return _shifted(stack) if jit("auto") else _convolved(stack)


def _convolved(stack: Any) -> Any:
    kernel = np.tile(_WINDOW[:, None, None, None], (1, 1, stack.shape[-1], 1))
    rows = ops.depthwise_conv(stack, kernel, padding="valid", data_format="channels_last")
    kernel = kernel.swapaxes(0, 1)
    return ops.depthwise_conv(rows, kernel, padding="valid", data_format="channels_last")


def _shifted(stack: Any) -> Any:
    """The same in float32 proper, which XLA makes one loop of."""
    last = len(_WINDOW) - 1
    rows: Any = 0.0
    for k, weight in enumerate(_WINDOW.tolist()):
        rows = rows + weight * stack[:, k : k - last or None]
    means: Any = 0.0
    for k, weight in enumerate(_WINDOW.tolist()):
        means = means + weight * rows[:, :, k : k - last or None]
    return means


def feature_extractor(classifier: keras.Model, layer: str | None = None) -> keras.Model:
    """Cut a classifier of the zoo at feature maps, for the perceptual loss.

    The maps' layers are copied with their weights, frozen, and take images of any size where the
    classifier's layers do: patches as well as the images that it was trained on.

    Args:
        classifier: a trained convolutional classifier of the zoo.
        layer: name of a layer of maps; by default the last before the second half of the blocks,
            pooling left out.

    Returns:
        An untrainable model from ``(batch, height, width, bands)`` to maps ``(batch, h, w,
        channels)``.

    Raises:
        LenszooError: the classifier has no such maps.
    """
    whole = keras.Model(classifier.input, classifier.output)
    maps = {x.name: x for x in whole.layers if _is_maps(x)}
    name = _middle(whole, maps) if layer is None else layer
    if name is None:
        raise LenszooError(
            f"{classifier.name} has no feature maps between its blocks: choose a convolutional "
            "classifier."
        )
    if name not in maps:
        raise unknown(f"layer of {classifier.name} with maps", name, maps)
    cut = keras.Model(classifier.input, maps[name].output)
    bands = classifier.input.shape[-1]
    whole_patch = keras.Input((None, None, bands))  # the rim that a classifier crops counts here
    copy = keras.models.clone_model(cut, input_tensors=whole_patch, clone_function=_uncropped)
    copy.set_weights(cut.get_weights())
    copy.trainable = False
    return copy


def _uncropped(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A copy of a layer, of one that crops one that does nothing."""
    if isinstance(layer, layers.Cropping2D):
        return layers.Identity(name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def _is_maps(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, layers.InputLayer):
        return False
    shape = getattr(layer.output, "shape", ())
    # (1, 1) is the gate of a squeeze-and-excitation block
    return len(shape) == 4 and tuple(shape[1:3]) != (1, 1)


def _middle(model: keras.Model, maps: Mapping[str, Any]) -> str | None:
    """The last maps before the second half of the blocks."""
    blocks = list(split_layers(model).blocks.values())
    order = [layer.name for layer in model.layers]
    begin, *_ = edges = [order.index(block[0].name) for block in blocks]
    end = edges[(len(blocks) + 1) // 2] if len(blocks) > 1 else len(order)
    fit = [x for x in order[begin:end] if x in maps and not isinstance(maps[x], _NO_CUT)]
    return fit[-1] if fit else None


def _check_extractor(model: Any) -> None:
    shape = getattr(getattr(model, "output", None), "shape", ())
    if not isinstance(model, keras.Model) or len(shape) != 4:
        raise LenszooError(
            "perceptual must be a keras.Model from images to maps (batch, h, w, channels): use "
            "feature_extractor(classifier)."
        )
