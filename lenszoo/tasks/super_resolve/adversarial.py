"""Adversarial training on both backends with Keras' own training step.

Generator and discriminator have one loss, one optimizer and one step. Stopped gradients keep them
apart: the discriminator's share of the loss takes the generator's images as constants, and the
generator's share runs the discriminator with constant weights.
"""

from typing import Any

import keras
from keras import ops

from lenszoo.tasks.average import follow, twin
from lenszoo.tasks.super_resolve.recipe import Adversarial


class AdversarialModel(keras.Model):
    """``srgan`` in training: its generator learns from the image loss and from its discriminator.

    With C the discriminator's logits and E the mean over a batch, the losses of discriminator and
    generator are

    - relativistic: BCE(C(real) - E C(fake), 1) + BCE(C(fake) - E C(real), 0), and the same with
      real and fake exchanged, both halved (Jolicoeur-Martineau 2018, arXiv:1807.00734; Wang et al.
      2018, arXiv:1809.00219);
    - hinge: max(0, 1 - C(real)) + max(0, 1 + C(fake)), halved, and -C(fake) (Lim & Ye 2017,
      arXiv:1705.02894).

    The average of the generator's weights over the steps is what predicts and is saved, see
    :meth:`averaged`: it does not follow the swings of the two.

    Args:
        model: ``build_model("srgan")``; its layers are shared, not copied.
        recipe: loss, weight of the generator's share, and memory of the average.
    """

    def __init__(self, model: keras.Model, recipe: Adversarial) -> None:
        super().__init__(model.input, model.output, name=model.name)
        self.generator, self.discriminator = model.generator, model.discriminator
        self.adversary, self.share, self.memory = recipe.loss, recipe.weight, recipe.average
        self.average = twin(model)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch of coarse images x, fine images y and what was made of x."""
        image = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return image
        follow(self.average.generator, self.generator, self.memory, skip="seed_generator")
        judge = self.discriminator
        y = ops.cast(y, "float32")
        real = judge(y, training=True)
        fake = judge(ops.stop_gradient(y_pred), training=True)
        held = [ops.stop_gradient(v.value) for v in judge.trainable_variables]
        state = [v.value for v in judge.non_trainable_variables]

        def look(images: Any) -> Any:
            return judge.stateless_call(held, state, images, training=False)[0]

        if self.adversary == "hinge":
            learn = _mean(ops.relu(1.0 - real)) + _mean(ops.relu(1.0 + fake))
            please = -_mean(look(y_pred))
        else:
            learn = _relativistic(real, fake)
            please = 0.5 * _relativistic(look(y_pred), ops.stop_gradient(look(y)))
        return image + self.share * please + 0.5 * learn

    def averaged(self) -> keras.Model:
        """``srgan`` with the average as its generator, and the discriminator as it is."""
        self.average.discriminator.set_weights(self.discriminator.get_weights())
        return self.average


def _mean(x: Any) -> Any:
    return ops.mean(ops.cast(x, "float32"))


def _relativistic(up: Any, down: Any) -> Any:
    """How far ``up`` is from lying above the mean of ``down``, and ``down`` below its mean."""
    up, down = ops.cast(up, "float32"), ops.cast(down, "float32")
    return _mean(ops.softplus(ops.mean(down) - up)) + _mean(ops.softplus(down - ops.mean(up)))
