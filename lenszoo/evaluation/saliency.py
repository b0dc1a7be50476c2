"""Where a classifier looked: Grad-CAM for convolutional nets, attention maps for transformers.

Both come without a gradient tape, so they run on any backend: above the last maps our classifiers
are linear, which makes Grad-CAM's gradient a formula.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError

_BATCH = 16
_ATTENTION = re.compile(r"block\d+_attention")


def saliency(
    model: Any, images: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Map where a classifier looked, by the method that fits it.

    Args:
        model: a classifier of the zoo.
        images: (n, H, W, bands), as the model takes them.
        classes: (n,) whose evidence to show; by default each image's predicted class. Attention
            maps have no class.

    Returns:
        (n, H, W) float32, each from 0 to 1: :func:`attention_rollout` of a transformer with a
        class token, else :func:`grad_cam`.

    Raises:
        LenszooError: when the model is neither.
    """
    if _attentions(model):
        return attention_rollout(model, images)
    return grad_cam(model, images, classes)


def grad_cam(
    model: Any, images: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Evidence for a class in the last feature maps (Selvaraju et al. 2017, arXiv:1610.02391).

    ``relu(sum_k a_k A_k)`` with the maps A and the mean gradient a of the class's logit. With
    ``head="pool"`` this is the class activation map of Zhou et al. 2016 (arXiv:1512.04150).

    Args:
        model: a classifier of the zoo whose features are pooled or flattened from maps.
        images: (n, H, W, bands), as the model takes them.
        classes: (n,) whose evidence to show; by default each image's predicted class.

    Returns:
        (n, H, W) float32, bilinear from the maps' own resolution, the strongest evidence of each
        image 1; all 0 where nothing speaks for the class.

    Raises:
        LenszooError: the features do not come from maps, or a class does not exist.
    """
    import keras

    features = _layer(model, "features")
    if features is None or len(features.input.shape) != 4:
        raise LenszooError(f"{model.name} has no feature maps below its head for Grad-CAM.")
    stack = np.asarray(images, np.float32)
    both = keras.Model(model.input, [features.input, model.get_layer("logits").output])
    maps, logits = _predict(both, stack)
    wanted = logits.argmax(axis=1) if classes is None else np.asarray(classes)
    if wanted.shape != (len(stack),) or wanted.min() < 0 or wanted.max() >= logits.shape[1]:
        raise LenszooError(
            f"Grad-CAM needs one class of {logits.shape[1]} for each of {len(stack)} images."
        )
    weights = _gradient(model, maps.shape[1:])[..., wanted].mean(axis=(0, 1))  # (channels, n)
    return _fit(np.maximum(np.einsum("nhwc,cn->nhw", maps, weights), 0.0), stack.shape[1:3])


def attention_rollout(model: Any, images: ArrayLike) -> NDArray[np.float32]:
    """How much of each patch reaches the class token (Abnar & Zuidema 2020, arXiv:2005.00928).

    The mean attention of the heads and the shortcut count half each, and the blocks are multiplied.

    Args:
        model: a vision transformer of the zoo.
        images: (n, H, W, bands), as the model takes them.

    Returns:
        (n, H, W) float32 between 0 and 1, bilinear from the grid of patches: each image's weakest
        patch is 0, its strongest 1.

    Raises:
        LenszooError: when the model has no attention between a class token and patches.
    """
    import keras

    blocks = _attentions(model)
    patches = _layer(model, "patch_embedding")
    if not blocks or patches is None:
        raise LenszooError(f"{model.name} has no attention between a class token and patches.")
    stack = np.asarray(images, np.float32)
    below = keras.Model(model.input, [layer.input[0] for layer in blocks])
    tokens = _predict(below, stack)
    tokens = tokens if isinstance(tokens, list) else [tokens]
    rollout: Any = None
    for layer, x in zip(blocks, tokens, strict=True):
        mean = _scores(layer, x).mean(axis=1)
        step = 0.5 * mean + 0.5 * np.eye(mean.shape[1], dtype=np.float32)
        rollout = step if rollout is None else step @ rollout
    grid = tuple(patches.output.shape[1:3])
    seen = rollout[:, 0, 1:].reshape(-1, *grid)
    seen = seen - seen.min(axis=(1, 2), keepdims=True)
    padded = _layer(model, "pad")
    full = tuple((patches.input if padded is None else padded.output).shape[1:3])
    maps = _fit(seen, full)
    top, left = ((a - b) // 2 for a, b in zip(full, stack.shape[1:3], strict=True))
    return maps[:, top : top + stack.shape[1], left : left + stack.shape[2]]


def _scores(layer: Any, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
    """Attention (n, heads, queries, keys) of one layer."""
    import keras

    scores = [
        keras.ops.convert_to_numpy(_attend(layer, tokens[i : i + _BATCH])).astype(np.float32)
        for i in range(0, len(tokens), _BATCH)
    ]
    return np.concatenate(scores)


def _attend(layer: Any, x: NDArray[np.float32]) -> Any:
    return layer(x, x, return_attention_scores=True, training=False)[1]


def _attentions(model: Any) -> list[Any]:
    """The attention of each block of a ViT; BEiT's head does not start from its class token."""
    import keras

    return [
        layer
        for layer in model.layers
        if _ATTENTION.fullmatch(layer.name) and isinstance(layer, keras.layers.MultiHeadAttention)
    ]


def _gradient(model: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Derivative (h, w, channels, classes) of the logits by the last maps, constant in them."""
    (kernel, _) = model.get_layer("logits").get_weights()
    norm = _layer(model, "features_bn")
    if norm is None:  # pooled
        return np.broadcast_to(kernel / (shape[0] * shape[1]), (*shape[:2], *kernel.shape))
    gamma, _, _, variance = norm.get_weights()
    scaled = kernel * (gamma / np.sqrt(variance + norm.epsilon))[:, None]
    return scaled.reshape(*shape, -1)


def _layer(model: Any, name: str) -> Any:
    return next((layer for layer in model.layers if layer.name == name), None)


def _predict(model: Any, images: NDArray[np.float32]) -> Any:
    answers = model.predict(images, batch_size=min(_BATCH, len(images)), verbose=0)
    if isinstance(answers, list):
        return [np.asarray(a, np.float32) for a in answers]
    return np.asarray(answers, np.float32)


def _fit(maps: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Scale each map's maximum to 1 and bring it to the size of the images."""
    from PIL import Image

    high = maps.max(axis=(1, 2), keepdims=True)
    maps = np.divide(maps, high, out=np.zeros_like(maps), where=high > 0)
    height, width = size
    resized = [
        np.asarray(Image.fromarray(m).resize((width, height), Image.Resampling.BILINEAR))
        for m in maps.astype(np.float32)
    ]
    return np.stack(resized)
