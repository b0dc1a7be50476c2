"""How a training computes: the precision of its layers and whether XLA compiles its steps."""

import contextlib
import logging
from collections.abc import Iterator

import keras

from lenszoo.inference.engines.bfloat16 import has_bfloat16

log = logging.getLogger("lenszoo")


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
    if policy == "mixed_bfloat16" and not has_bfloat16():
        log.warning(
            'mixed_precision = "mixed_bfloat16": this machine has no bfloat16 and imitates it, '
            'several times slower than float32; mixed_precision = "none" trains in float32.'
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
