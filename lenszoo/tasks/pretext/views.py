"""Two views of an image: a network learns to give them the same vector, on both backends."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from lenszoo.layers import LensAugmentation
from lenszoo.tasks.pretext.recipe import Contrastive, SimSiam, TwoViews


class ViewModel(keras.Model):
    """A classifier of the catalogue in training, its logits the vectors that are compared.

    Keras' own step: only ``compute_loss`` is its own. Both views are drawn anew in every step.

    Args:
        network: the classifier; its layers are shared, not copied.
        view: what makes one view of an image.
        compare: the loss of the vectors (batch, length) of both views.
    """

    def __init__(
        self, network: keras.Model, view: LensAugmentation, compare: Callable[[Any, Any], Any]
    ) -> None:
        images = keras.Input(network.input_shape[1:], name="images")
        super().__init__(images, network(view(images, training=True)), name="views")
        self.network, self.compare = network, compare

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch of images x, y_pred the vectors of their first views."""
        other = self(x, training=training)
        return self.compare(ops.cast(y_pred, "float32"), ops.cast(other, "float32"))


class PredictEachOther(layers.Layer):
    """The loss of SimSiam: each view predicts the vector of the other, which takes no gradient.

    Args:
        length: of the vectors.
        bottleneck: width of the predictor's inner layer.
    """

    def __init__(self, length: int, bottleneck: int) -> None:
        # in float32: under half precision the means of a batch are too coarse
        super().__init__(dtype="float32", name="predict_each_other")
        self.norm = layers.BatchNormalization(center=False, scale=False, dtype="float32")
        self.norm.build((None, length))
        self.predictor = keras.Sequential(
            [
                keras.Input((length,)),
                layers.Dense(bottleneck, use_bias=False, dtype="float32"),
                layers.BatchNormalization(dtype="float32"),
                layers.ReLU(dtype="float32"),
                layers.Dense(length, dtype="float32"),
            ]
        )
        self.built = True

    def call(self, one: Any, other: Any) -> Any:
        """Mean negative cosine, (): -1 where every prediction is right."""
        one, other = self.norm(one, training=True), self.norm(other, training=True)
        loss = 0.0
        for mine, partner in ((one, other), (other, one)):
            guess = unit(self.predictor(mine, training=True))
            loss -= 0.5 * ops.mean(ops.sum(guess * ops.stop_gradient(unit(partner)), axis=-1))
        return loss


def comparison(recipe: TwoViews) -> Callable[[Any, Any], Any]:
    """The loss of a recipe, from the vectors (batch, projection) of both views."""
    if isinstance(recipe, SimSiam):
        return PredictEachOther(recipe.projection, recipe.bottleneck)
    assert isinstance(recipe, Contrastive)  # there is no third
    if recipe.loss == "nt_xent":
        return functools.partial(nt_xent, temperature=recipe.temperature)
    return functools.partial(margin_loss, margin=recipe.margin)


def unit(vectors: Any) -> Any:
    """Vectors (n, length) scaled to length 1."""
    return vectors / ops.sqrt(ops.sum(vectors**2, axis=-1, keepdims=True) + 1e-12)


def margin_loss(one: Any, other: Any, margin: float) -> Any:
    """Mean over pairs and others, half each (Hadsell, Chopra & LeCun 2006).

    With d the distance on the unit sphere, d^2 for two views of an image and max(0, margin - d)^2
    for views of two images.
    """
    one, other = unit(one), unit(other)
    squares = ops.maximum(2.0 - 2.0 * ops.matmul(one, ops.transpose(other)), 0.0)
    same = ops.eye(ops.shape(one)[0], dtype="float32")
    hinge = ops.maximum(margin - ops.sqrt(squares + 1e-12), 0.0) ** 2
    count = ops.cast(ops.shape(one)[0], "float32")
    near = ops.sum(same * squares) / count
    far = ops.sum((1.0 - same) * hinge) / ops.maximum(count * (count - 1.0), 1.0)
    return 0.5 * (near + far)


def nt_xent(one: Any, other: Any, temperature: float) -> Any:
    """Cross-entropy of finding the partner among all other views (Chen et al. 2020)."""
    both = unit(ops.concatenate([one, other]))
    likeness = ops.matmul(both, ops.transpose(both)) / temperature
    count = ops.shape(one)[0]
    likeness = likeness - 1e9 * ops.eye(2 * count, dtype="float32")
    partner = ops.roll(ops.arange(2 * count), count)
    chosen = ops.take_along_axis(likeness, partner[:, None], axis=1)[:, 0]
    return ops.mean(ops.logsumexp(likeness, axis=1) - chosen)


def fixed_views(
    images: np.ndarray, view: Callable[[int], LensAugmentation]
) -> tuple[np.ndarray, np.ndarray]:
    """Two views (n, H, W, bands) of each image, the same in every process; ``view`` takes seeds."""
    batches = np.array_split(images, -(-len(images) // 64))
    one, other = (
        np.concatenate([ops.convert_to_numpy(seeded(batch, training=True)) for batch in batches])
        for seeded in (view(seed) for seed in (1, 2))
    )
    return one, other


def retrieval(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the vectors (n, length) whose nearest of the others, by angle, is their partner.

    Vectors that are all alike find nothing, so that a collapse does not score.
    """
    one, other = (
        v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
        for v in (one.astype(np.float64), other.astype(np.float64))
    )
    likeness = one @ other.T
    own = np.diag(likeness)[:, None]
    others = np.where(np.eye(len(one), dtype=bool), -np.inf, likeness)
    return float(np.mean(own[:, 0] > others.max(axis=1)))  # a tie is no find
