"""Mean of the log-probabilities of several classifiers."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class MeanLogSoftmax(BaseLayer):
    """Average the log-probabilities of several classifiers, in float32.

    From a list of logits ``(batch, classes)`` it makes ``mean_m log softmax(logits_m)``, of the
    same shape: logits whose softmax is the geometric mean of the members' probabilities. Single
    logits, which stand for ``[0, logit]``, are averaged as they are, which gives the same
    probabilities. Ensembles that were saved before the logits themselves were averaged hold it.

    Args:
        **kwargs: as for any Keras layer. The layer always computes in float32.

    >>> logits = MeanLogSoftmax()([ops.convert_to_tensor([[2.0, 0.0]]), ops.zeros((1, 2))])
    >>> round(float(logits[0, 0] - logits[0, 1]), 5)
    1.0
    """

    FLOAT32 = True

    def call(self, answers: Sequence[Any]) -> Any:
        """Return the mean over the members."""
        stacked = ops.stack([ops.cast(logits, "float32") for logits in answers])
        if stacked.shape[-1] > 1:
            stacked = ops.log_softmax(stacked, axis=-1)
        return ops.mean(stacked, axis=0)

    def compute_output_shape(self, answers_shape: Any) -> Any:
        """Return the shape of one member's answer."""
        return answers_shape[0]
