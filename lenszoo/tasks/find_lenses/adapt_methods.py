"""How a lens finder is adapted: networks that differ in their loss, on both backends.

Each is a lens finder in training, with Keras' own step: only ``compute_loss`` is its own. Batches
are those of :class:`lenszoo.tasks.find_lenses.adapt_batches.AdaptBatches`; labels come with the
first rows alone. :meth:`Adapting.adapted` is the plain lens finder.
"""

import math
from typing import Any

import keras
from keras import layers, ops

from lenszoo.layers import GradientReversal
from lenszoo.tasks.average import follow, twin
from lenszoo.tasks.find_lenses.adapt_batches import Parts
from lenszoo.tasks.find_lenses.recipe import AdaMatch, Consistency, Dann, MeanTeacher


class Adapting(keras.Model):
    """A lens finder that learns from the labelled rows of a batch: ``fine_tune`` and ``joint``.

    Args:
        finder: the lens finder; its layers are shared, not copied.
        parts: rows of a batch.
        total_steps: steps of the run, of which a method may make its weights a function.
        outputs: what the network answers in training, by default the logit alone.
    """

    def __init__(
        self, finder: keras.Model, parts: Parts, total_steps: int, outputs: Any = None
    ) -> None:
        super().__init__(finder.input, finder.output if outputs is None else outputs)
        self.finder, self.parts, self.total_steps = finder, parts, max(1, total_steps)
        # a variable of the model, not the optimizer's count: JAX shows a loss only the former
        self.step = keras.Variable(0.0, dtype="float32", trainable=False, name="step")

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch."""
        progress = ops.minimum(self.step / self.total_steps, 1.0)
        self.step.assign(self.step + 1.0)
        return self.loss_at(progress, x, y, y_pred)

    def loss_at(self, progress: Any, x: Any, y: Any, answers: Any) -> Any:
        """The loss at a share of the run, 0 to 1."""
        return self.supervised(x, y, answers)

    def supervised(self, x: Any, y: Any, logits: Any) -> Any:
        """Mean cross-entropy of the rows that have a label."""
        return ops.mean(cross_entropy(y["labels"], logits[: self.parts.supervised]))

    def adapted(self) -> keras.Model:
        """The lens finder to score and save."""
        return self.finder


class StatisticsOnly(Adapting):
    """``batch_norm``: what BatchNorm knows of its inputs is taken anew from the target.

    Adaptive batch normalisation (Li et al. 2017, arXiv:1603.04779). The loss is zero and so is its
    gradient; the forward passes move the statistics, with the memory of the layers, some ten steps
    in a ``lens_finder``.
    """

    def loss_at(self, progress: Any, x: Any, y: Any, answers: Any) -> Any:
        """Zero."""
        return 0.0 * ops.mean(answers)


class DomainAdversarial(Adapting):
    """``dann``: a head behind a gradient reversal learns to tell the skies apart.

    Ganin et al. 2016, arXiv:1505.07818. The head sees the mean of the attended tokens, as the two
    dense layers do. Source and target weigh the same in its loss, whatever their rows.
    """

    def __init__(
        self, finder: keras.Model, parts: Parts, total_steps: int, recipe: Dann | None = None
    ) -> None:
        features = finder.get_layer("features").output
        reversal = GradientReversal(0.0, name="reversal")
        x = layers.Dense(features.shape[-1], activation="gelu", name="domain_dense")(
            reversal(features)
        )
        domain = layers.Dense(1, dtype="float32", name="domain")(x)
        super().__init__(finder, parts, total_steps, [finder.output, domain])
        self.reversal, self.recipe = reversal, recipe or Dann()

    def loss_at(self, progress: Any, x: Any, y: Any, answers: Any) -> Any:
        """Labels, and whose sky it is."""
        logits, domain = answers
        rise = 2.0 * ops.sigmoid(self.recipe.steepness * progress) - 1.0
        self.reversal.strength.assign(self.recipe.weight * rise)
        n = self.parts.source
        source, target = ops.mean(ops.softplus(domain[:n])), ops.mean(ops.softplus(-domain[n:]))
        return self.supervised(x, y, logits) + 0.5 * (source + target)


class Matching(Adapting):
    """``adamatch``: aligned pseudo-labels (Berthelot et al. 2022, arXiv:2106.04732).

    With p_s and p_w the probabilities of the source and of the weak views, in inference, q the
    weak views' with their classes scaled by mean(p_s) / mean(p_w), and c = confidence * mean(max
    p_s), the loss on the strong views is the mean of [max q >= c] * H(q, p_strong). The source's
    logits in its own loss are mixed, each at random, of those in the whole batch and those in a
    batch of the source alone (random logit interpolation): BatchNorm may tell the two apart, the
    answers may not.
    """

    def __init__(
        self, finder: keras.Model, parts: Parts, total_steps: int, recipe: AdaMatch | None = None
    ) -> None:
        super().__init__(finder, parts, total_steps)
        self.recipe = recipe or AdaMatch()
        self.draw = keras.random.SeedGenerator()

    def loss_at(self, progress: Any, x: Any, y: Any, answers: Any) -> Any:
        """Labels, and pseudo-labels."""
        source = ops.sigmoid(raw_logits(self.finder, first_rows(x, self.parts.source)))
        weak = ops.sigmoid(raw_logits(self.finder, y["weak"]))
        aligned = align(weak, source)
        enough = self.recipe.confidence * ops.mean(sureness(source))
        sure = ops.cast(sureness(aligned) >= enough, "float32")
        losses = cross_entropy(aligned, answers[self.parts.supervised :])
        weight = unlabelled_weight(self.recipe, progress)
        return self.supervised(x, y, answers) + weight * ops.mean(sure * losses)

    def supervised(self, x: Any, y: Any, logits: Any) -> Any:
        """Mean cross-entropy of the labelled rows, the source's mixed as above."""
        n, finder = self.parts.source, self.finder
        weights = [v.value for v in finder.trainable_variables]
        state = [v.value for v in finder.non_trainable_variables]
        # changes of the statistics of BatchNorm by this pass are thrown away
        alone, _ = finder.stateless_call(weights, state, first_rows(x, n), training=True)
        share = keras.random.uniform(ops.shape(alone), dtype="float32", seed=self.draw)
        mixed = share * logits[:n] + (1.0 - share) * alone
        return super().supervised(x, y, ops.concatenate([mixed, logits[n:]]))


class Teaching(Adapting):
    """``mean_teacher``: the average of the network over the steps teaches it.

    Self-ensembling (French et al. 2018, arXiv:1706.05208) after the mean teacher (Tarvainen &
    Valpola 2017, arXiv:1703.01780). With p_t the average's probability on a weak view, in
    inference, the loss on the strong views is the mean of [max p_t >= confidence] * (p_strong -
    p_t)^2. The average is what is scored and saved.
    """

    def __init__(
        self, finder: keras.Model, parts: Parts, total_steps: int, recipe: MeanTeacher | None = None
    ) -> None:
        super().__init__(finder, parts, total_steps)
        self.recipe = recipe or MeanTeacher()
        self.average = twin(finder)

    def loss_at(self, progress: Any, x: Any, y: Any, answers: Any) -> Any:
        """Labels, and what the average says."""
        # the average's temperature is fitted to it
        follow(self.average, self.finder, self.recipe.memory, skip="temperature")
        guess = ops.sigmoid(raw_logits(self.average, y["weak"]))
        sure = ops.cast(sureness(guess) >= self.recipe.confidence, "float32")
        gap = ops.sigmoid(answers[self.parts.supervised :]) - guess
        weight = unlabelled_weight(self.recipe, progress)
        return self.supervised(x, y, answers) + weight * ops.mean(sure * gap**2)

    def adapted(self) -> keras.Model:
        """The average."""
        return self.average


def cross_entropy(target: Any, logits: Any) -> Any:
    """Cross-entropy of probabilities and logits, element by element."""
    return ops.softplus(logits) - target * logits


def sureness(probability: Any) -> Any:
    """Probability of the more likely class."""
    return ops.maximum(probability, 1.0 - probability)


def align(guess: Any, source: Any) -> Any:
    """Probabilities (n, 1) of lenses, their classes scaled to the shares of the source's (m, 1)."""
    share, mean = ops.mean(source), ops.mean(guess)
    lens = guess * share / ops.maximum(mean, 1e-6)
    other = (1.0 - guess) * (1.0 - share) / ops.maximum(1.0 - mean, 1e-6)
    return lens / ops.maximum(lens + other, 1e-6)


def unlabelled_weight(recipe: Consistency, progress: Any) -> Any:
    """Weight of the unlabelled loss at a share of the run: half a cosine up, then level."""
    rise = ops.minimum(progress / max(recipe.ramp_up, 1e-6), 1.0)
    return recipe.weight * (0.5 - 0.5 * ops.cos(math.pi * rise))


def raw_logits(finder: keras.Model, inputs: Any) -> Any:
    """Logits (n, 1) in inference, before the temperature, which is fitted to validation labels."""
    logits = finder(inputs, training=False) * finder.get_layer("temperature").temperature
    return ops.stop_gradient(logits)


def first_rows(inputs: Any, n: int) -> Any:
    """The first n rows of what a lens finder takes."""
    return keras.tree.map_structure(lambda array: array[:n], inputs)
