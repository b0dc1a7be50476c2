"""Saliency maps: Grad-CAM, or attention rollout where a class token gathers the image.

Both come without a gradient tape, so they run on any backend: above the last maps our classifiers
are linear, but for BEiT's layer norm, which makes Grad-CAM's gradient a formula.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.models.in_batches import in_batches

_BATCH = 16
_ATTENTION = re.compile(r"block\d+_attention")


def saliency(
    model: Any, images: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Map the evidence of a classifier, by the method that fits it.

    Args:
        model: a classifier of the zoo.
        images: (n, H, W, bands), as the model takes them.
        classes: (n,) whose evidence to show; by default each image's predicted class. Attention
            maps have no class.

    Returns:
        (n, H, W) float32, each from 0 to 1: :func:`attention_rollout` where the head starts from
        a class token, as ViT's does, else :func:`grad_cam`.

    Raises:
        LenszooError: when the model is neither.

    Example:
        >>> from lenszoo import load_model
        >>> from lenszoo.simulation import sample
        >>> from lenszoo.evaluation import saliency
        >>> sky = sample("common_test_sim", 2, seed=1)
        >>> model = load_model("resnet18_slim.common_test_sim_v2")
        >>> saliency(model, sky.images).shape
        (2, 150, 150)
    """
    if _attentions(model) and _layer(model, "first_token") is not None:
        return attention_rollout(model, images)
    return grad_cam(model, images, classes)


def grad_cam(
    model: Any, images: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Evidence for a class in the last feature maps (Selvaraju et al. 2017, arXiv:1610.02391).

    ``relu(sum_k a_k A_k)`` with the maps A and the mean gradient a of the class's logit. With
    ``head="pool"`` this is the class activation map of Zhou et al. 2016 (arXiv:1512.04150). The
    last tokens of a transformer's patches are its maps. BEiT and ConvNeXt take the layer norm of
    their mean, so that a patch counts by its excess over the mean of all.

    Args:
        model: a classifier of the zoo whose features are pooled or flattened from maps or patches.
        images: (n, H, W, bands), as the model takes them.
        classes: (n,) whose evidence to show; by default each image's predicted class.

    Returns:
        (n, H, W) float32, bilinear from the maps' own resolution, the strongest evidence of each
        image 1; all 0 where nothing speaks for the class.

    Raises:
        LenszooError: the features do not come from maps, or a class does not exist.

    Example:
        >>> from lenszoo import build_model
        >>> model = build_model("simple_cnn", input_shape=(32, 32, 1), num_classes=2)
        >>> grad_cam(model, np.ones((2, 32, 32, 1))).shape
        (2, 32, 32)
    """
    import keras

    stack = np.asarray(images, np.float32)
    maps = _last_maps(model)
    both = keras.Model(model.input, [maps, model.get_layer("logits").output])
    maps, logits = _predict(both, stack)
    if logits.shape[1] == 1:  # of two classes, of which it speaks for the second
        logits = np.concatenate([-logits, logits], axis=1)
    targets = logits.argmax(axis=1) if classes is None else np.asarray(classes)
    if targets.shape != (len(stack),) or targets.min() < 0 or targets.max() >= logits.shape[1]:
        raise LenszooError(
            f"Grad-CAM needs one class of {logits.shape[1]} for each of {len(stack)} images."
        )
    if maps.ndim == 3:  # patches, row by row
        maps = maps.reshape(len(maps), *_grid(model), -1)
    weights = _gradient(model, maps, targets)
    evidence = np.maximum(np.einsum("nhwc,nc->nhw", maps, weights), 0.0)
    return _on_images(model, evidence, stack.shape[1:3])


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

    Example:
        >>> from lenszoo import build_model
        >>> model = build_model("vit_ti16", input_shape=(32, 32, 1), num_classes=2)
        >>> attention_rollout(model, np.zeros((2, 32, 32, 1))).shape
        (2, 32, 32)
    """
    import keras

    blocks = _attentions(model)
    if not blocks or _layer(model, "patch_embedding") is None:
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
    rows, columns = _grid(model)
    # the class token and registers come before the patches
    seen = rollout[:, 0, -rows * columns :].reshape(-1, rows, columns)
    seen = seen - seen.min(axis=(1, 2), keepdims=True)
    return _on_images(model, seen, stack.shape[1:3])


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
    """The attention of each block of a ViT."""
    import keras

    return [
        layer
        for layer in model.layers
        if _ATTENTION.fullmatch(layer.name) and isinstance(layer, keras.layers.MultiHeadAttention)
    ]


def _last_maps(model: Any) -> Any:
    """The symbolic maps (n, h, w, channels), or patches (n, h * w, channels), below the head."""
    above = _mean(model) or _layer(model, "features")
    has_head = above is not None and _layer(model, "logits") is not None
    rank = len(above.input.shape) if has_head else 0
    if rank != 4 and (rank != 3 or _layer(model, "patch_embedding") is None):
        raise LenszooError(f"{model.name} has no feature maps below its head for Grad-CAM.")
    return above.input


def _mean(model: Any) -> Any:
    """The layer of a BEiT or ConvNeXt that pools before its last norm."""
    return _layer(model, "mean_token") or _layer(model, "mean_pixel")


def _gradient(
    model: Any, maps: NDArray[np.float32], classes: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Mean derivative (n, channels) of each image's logit by its last maps (n, h, w, channels)."""
    kernel, _ = model.get_layer("logits").get_weights()
    if kernel.shape[1] == 1:
        kernel = np.concatenate([-kernel, kernel], axis=1)
    slope = kernel.T[classes]
    flattened = _layer(model, "features_bn")
    if flattened is not None:
        gamma, _, _, variance = flattened.get_weights()
        slope = slope * gamma / np.sqrt(variance + flattened.epsilon)
        return slope.reshape(maps.shape).mean(axis=(1, 2))
    if _mean(model) is not None:  # through the layer norm of the mean
        norm = model.get_layer("norm")
        mean = maps.mean(axis=(1, 2))
        mean = mean - mean.mean(axis=1, keepdims=True)
        spread = np.sqrt(mean.var(axis=1, keepdims=True) + norm.epsilon)
        unit, slope = mean / spread, slope * norm.get_weights()[0]
        along = unit * (slope * unit).mean(axis=1, keepdims=True)
        slope = (slope - slope.mean(axis=1, keepdims=True) - along) / spread
    return slope / (maps.shape[1] * maps.shape[2])


def _grid(model: Any) -> tuple[int, ...]:
    """Rows and columns of a transformer's patches."""
    return tuple(model.get_layer("patch_embedding").output.shape[1:3])


def _on_images(model: Any, maps: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring maps to the size of the images, without what a transformer pads them with.

    Where a network looks at the central square alone, the margin is 0.
    """
    cropped = _layer(model, "crop")
    seen = size if cropped is None else tuple(cropped.output.shape[1:3])
    padded = None if _layer(model, "patch_embedding") is None else _layer(model, "pad")
    full = seen if padded is None else tuple(padded.output.shape[1:3])
    fitted = _fit(maps, full)
    top, left = ((a - b) // 2 for a, b in zip(full, seen, strict=True))
    fitted = fitted[:, top : top + seen[0], left : left + seen[1]]
    margins = [((a - b) // 2, a - b - (a - b) // 2) for a, b in zip(size, seen, strict=True)]
    return np.pad(fitted, [(0, 0), *margins])


def _layer(model: Any, name: str) -> Any:
    return next((layer for layer in model.layers if layer.name == name), None)


def _predict(model: Any, images: NDArray[np.float32]) -> Any:
    answers = in_batches(model, images, _BATCH)
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
