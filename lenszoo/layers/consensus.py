"""One answer from the logits of several classifiers."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lenszoo")
class MeanLogSoftmax(keras.layers.Layer):
    """Average the log-probabilities of several classifiers, in float32.

    From a list of logits ``(batch, classes)`` it makes ``mean_m log softmax(logits_m)``, of the
    same shape: logits whose softmax is the geometric mean of the members' probabilities. Answers
    of one single logit, which stands for ``[0, logit]``, are averaged as they are, which gives the
    same probabilities.

    Args:
        **kwargs: as for any Keras layer. The layer always computes in float32.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)

    def call(self, answers: Sequence[Any]) -> Any:
        """Return the mean over the members."""
        stacked = ops.stack([ops.cast(logits, "float32") for logits in answers])
        if stacked.shape[-1] > 1:
            stacked = ops.log_softmax(stacked, axis=-1)
        return ops.mean(stacked, axis=0)

    def compute_output_shape(self, answers_shape: Any) -> Any:
        """Return the shape of one member's answer."""
        return answers_shape[0]
