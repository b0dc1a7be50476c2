"""tf.data without its tuner, for which the end of a pass would wait."""

from typing import Any


def untuned(dataset: Any) -> Any:
    """The same ``tf.data.Dataset``, whose parallelism TensorFlow leaves as it is.

    Its tuner sleeps twice as long each time, up to a minute, and an iterator that ends may wait for
    it (TensorFlow 2.21): a pass could take up to twice its time.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def from_batches(dataset: Any, signature: Any) -> Any:
    """The batches of a Keras dataset as a ``tf.data.Dataset``, prepared two ahead.

    Args:
        dataset: a ``PyDataset``, whose batches, in order.
        signature: a ``tf.TensorSpec`` for each part of a batch.
    """
    import tensorflow as tf

    def batches():
        for index in range(len(dataset)):
            yield dataset[index]

    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return untuned(made.prefetch(2))
