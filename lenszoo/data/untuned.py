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
