"""Distillation: a student that learns from the answers of a trained model as well."""

import math
from typing import Any

import keras
from keras import ops

from lenszoo.data.names import canonical_class
from lenszoo.errors import LenszooError
from lenszoo.models.build import check_logits
from lenszoo.pretrained.loading import load_sources
from lenszoo.pretrained.source import resolve
from lenszoo.tasks.classify.hints import HintLoss, hint_losses, with_maps
from lenszoo.tasks.classify.recipe import Distill


class Distilled(keras.Model):
    """A student whose loss also asks for what a teacher answers (Hinton et al., arXiv:1503.02531).

    With teacher's and student's probabilities p and q at temperature T, the loss is

        (1 - weight) * loss(labels, logits) + weight * T^2 * KL(p_T || q_T);

    T^2 keeps the size of the gradients the same at any T. With hints, ``hint_weight`` times the
    error of each is added (see :mod:`lenszoo.tasks.classify.hints`). The teacher sees the very
    images that the student is trained on. It stands beside the graph: ``model.input`` to
    ``model.output`` is the plain student, which is all that predicts and is saved.

    Args:
        student: a classifier of the zoo; its layers are shared, not copied.
        teacher: a classifier of the same classes; it is made untrainable. None where all data
            bring its answers, as a dictionary of ``labels`` and ``answers`` in place of labels.
        recipe: temperature, weight and hints.
    """

    def __init__(self, student: keras.Model, teacher: keras.Model | None, recipe: Distill) -> None:
        super().__init__(student.input, student.output, name=student.name)
        if teacher is not None:
            teacher.trainable = False
        self.teacher = teacher
        self.temperature, self.weight = recipe.temperature, recipe.weight
        self.hint_weight = recipe.hint_weight
        self.hint_losses: list[HintLoss] = []
        self._maps: Any = None
        if recipe.hints and teacher is not None:
            own, told = zip(*((hint.student, hint.teacher) for hint in recipe.hints), strict=True)
            self._student = with_maps(student, own, f"the student {student.name}")
            self._guide = with_maps(teacher, told, f"the teacher {', '.join(recipe.teacher)}")
            self.hint_losses = hint_losses(recipe.hints, self._student, self._guide)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Logits; in training the maps of hints are kept for the loss of the same step."""
        if not (training and self.hint_losses):
            return super().call(inputs, training=training, mask=mask)
        logits, *self._maps = self._student(inputs, training=True)
        return logits

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch."""
        hints = 0.0
        if self.teacher is None or isinstance(y, dict):
            y, answers = y["labels"], y["answers"]
        elif training and self.hint_losses:
            answers, *told = self._guide(x, training=False)
            own, self._maps = self._maps, None
            rows = zip(self.hint_losses, own, told, strict=True)
            hints = self.hint_weight * sum(loss(*maps) for loss, *maps in rows)
        else:
            answers = self.teacher(x, training=False)
        answers = ops.stop_gradient(answers)
        hard = super().compute_loss(x, y, y_pred, sample_weight, training)
        target = ops.log_softmax(answers / self.temperature, axis=-1)
        mine = ops.log_softmax(ops.cast(y_pred, "float32") / self.temperature, axis=-1)
        gap = ops.mean(ops.sum(ops.exp(target) * (target - mine), axis=-1))
        return (1.0 - self.weight) * hard + self.weight * self.temperature**2 * gap + hints

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The metrics of a batch, of its labels."""
        labels = y["labels"] if isinstance(y, dict) else y
        return super().compute_metrics(x, labels, y_pred, sample_weight)


def load_teacher(
    recipe: Distill, image_shape: tuple[int, int, int], classes: tuple[str, ...]
) -> keras.Model:
    """Load the teacher of a recipe and check that it fits the data.

    Args:
        recipe: the recipe's table ``distill``.
        image_shape: ``(height, width, bands)`` of the training images.
        classes: names of their classes, in order.

    Raises:
        LenszooError: it cannot be loaded, answers probabilities, or was trained for images of
            another size or bands, or for other classes, or ``merge`` does not make its classes
            those of the images.
    """
    sources = [resolve(name) for name in recipe.teacher]
    label = " + ".join(recipe.teacher)
    teacher = load_sources(sources, one=len(sources) == 1)
    check_logits(teacher, f"The teacher {label}")
    expected = teacher.input_shape[1:]
    if any(side not in (None, size) for side, size in zip(expected, image_shape, strict=True)):
        raise LenszooError(
            f"The teacher {label} takes images of {expected}, not {image_shape}: choose a teacher "
            "for the images, or images for the teacher."
        )
    named = next((source for source in sources if source.classes), sources[0])
    if recipe.merge:
        return _merged(teacher, _groups(recipe.merge, named.classes, classes, label))
    if named.classes and not named.has_classes(classes):
        raise LenszooError(
            f"The teacher {label} tells {', '.join(named.classes)} apart, the images are of "
            f"{', '.join(classes)}: choose a teacher of these classes, in this order."
        )
    if teacher.output_shape[-1] != len(classes):
        raise LenszooError(
            f"The teacher {label} has {teacher.output_shape[-1]} classes, the images have "
            f"{len(classes)} ({', '.join(classes)}): choose a teacher of these classes."
        )
    return teacher


def _groups(
    merge: dict[str, tuple[str, ...]],
    trained: tuple[str, ...],
    classes: tuple[str, ...],
    label: str,
) -> list[list[int]]:
    """Return, for each class of the images, the places of the teacher's classes that make it."""
    if not trained:
        raise LenszooError(
            f"distill.merge needs the names of the teacher's classes, and {label} does not say "
            "them: choose a teacher by name or by run folder."
        )
    merged = {canonical_class(name): parts for name, parts in merge.items()}
    parts = [merged.get(canonical_class(name), (name,)) for name in classes]
    places = {canonical_class(name): place for place, name in enumerate(trained)}
    groups = [[places.get(canonical_class(part), -1) for part in group] for group in parts]
    if sorted(place for group in groups for place in group) != list(range(len(trained))):
        raise LenszooError(
            f"The teacher {label} tells {', '.join(trained)} apart; with distill.merge the images "
            f"are of {', '.join(part for group in parts for part in group)}: name each of its "
            "classes once."
        )
    return groups


def _merged(teacher: keras.Model, groups: list[list[int]]) -> keras.Model:
    """Return the teacher with classes merged: the mean of the likelihoods of a group's classes."""
    answers = ops.log_softmax(teacher.output, axis=-1)
    merged = [
        ops.logsumexp(ops.take(answers, group, axis=-1), axis=-1, keepdims=True)
        - math.log(len(group))
        for group in groups
    ]
    return keras.Model(teacher.input, ops.concatenate(merged, axis=-1), name=teacher.name)
