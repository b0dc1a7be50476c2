"""Speed of the fused BatchNormalization on TensorFlow against Keras' own layer.

    python benchmarks/batch_norm.py [MODEL ...] [--rounds 5] [--batch 64] [--precision float32 ...]

Both networks train in turns in one process; medians of images a second.
"""

import argparse
import os
import statistics
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _machine import describe

from lenszoo import build_model
from lenszoo.layers import BatchNormalization

STEPS = 8


def network(name: str, precision: str, fused: bool) -> keras.Model:
    """A compiled network with our BatchNormalization or with Keras' own."""
    keras.config.set_dtype_policy(precision)
    can_fuse = BatchNormalization._can_fuse
    model = build_model(name, input_shape=(150, 150, 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss, jit_compile=False)
    if not fused:
        BatchNormalization._can_fuse = lambda *_: False
    try:  # the step is traced here, with the one or the other
        model.fit(*batches(8, 1), batch_size=8, verbose=0)
        model.fit(*batches(OPTIONS.batch, STEPS), batch_size=OPTIONS.batch, verbose=0)
    finally:
        BatchNormalization._can_fuse = can_fuse
    return model


def batches(batch: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.random((batch * steps, 150, 150, 1), dtype=np.float32)
    return images, rng.integers(0, 3, batch * steps)


def compare(name: str, data: tuple[np.ndarray, np.ndarray]) -> None:
    """Print a line for each precision."""
    base = None
    for precision in OPTIONS.precision:
        keras.utils.clear_session()
        pair = [network(name, precision, fused) for fused in (False, True)]
        speeds: list[list[float]] = [[], []]
        for _ in range(OPTIONS.rounds):
            for model, speed in zip(pair, speeds, strict=True):
                start = time.perf_counter()
                model.fit(*data, batch_size=OPTIONS.batch, verbose=0)
                speed.append(len(data[0]) / (time.perf_counter() - start))
        keras_speed, fused_speed = map(statistics.median, speeds)
        base = base or keras_speed
        print(
            f"{name:20}{precision:15} keras {keras_speed:7.1f}   fused {fused_speed:7.1f}   "
            f"ratio {fused_speed / keras_speed:.2f}   against the first {fused_speed / base:.2f}",
            flush=True,
        )


def main() -> None:
    data = batches(OPTIONS.batch, STEPS)
    print(f"batch {OPTIONS.batch}, images a second in training; {describe()}")
    for name in OPTIONS.models:
        compare(name, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=["resnet18_slim"])
    parser.add_argument("--precision", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    OPTIONS = parser.parse_args()
    main()
