"""Run as a script too: on JAX, where the order of the batches is at stake."""

import keras
import numpy as np
import pytest
from onjax import run_on_jax, say_all_well

from lenszoo.training.build_loss import settle


class Counted(keras.utils.PyDataset):
    """Batches that hold their own number, made by two threads."""

    def __init__(self):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (np.full((2, 1), index, np.float32),) * 2


class Seen(keras.callbacks.Callback):
    """The mean of all batches so far, after each."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def check_order():
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)]
    )
    model.compile(
        keras.optimizers.SGD(0.0), lambda y, p: keras.ops.abs(p), metrics=["mean_absolute_error"]
    )
    settle(model, Counted())
    assert model.get_weights()[0].item() == 1.0
    for _ in range(2):
        seen = Seen()
        model.fit(Counted(), epochs=1, verbose=0, shuffle=False, callbacks=[seen])
        assert seen.losses == [0.0, 0.5, 1.0, 1.5]


def test_batches_come_in_order():
    check_order()


@pytest.mark.slow
def test_on_jax():
    run_on_jax(__file__)


if __name__ == "__main__":
    check_order()
    say_all_well()
