"""How a training computes: the precision of its layers and whether XLA compiles its steps."""

import contextlib
from collections.abc import Iterator

import keras


def jit(choice: bool | str) -> bool | str:
    """XLA where it wins: always on JAX, on TensorFlow only with an accelerator."""
    if choice != "auto" or keras.backend.backend() != "tensorflow":
        return choice
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers under a precision policy and leave the user's own as it was."""
    if policy == "none":
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
