import logging

import keras
import numpy as np

from lenszoo.training.step_log import StepLog


def test_a_long_epoch_says_how_far_it_is(caplog):
    caplog.set_level(logging.INFO, "lenszoo")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    zeros = np.zeros((8, 1))
    model.fit(zeros, zeros, batch_size=2, verbose=0, callbacks=[StepLog(3, 0, 0)])
    assert caplog.messages == [f"epoch 3: step {step}/4" for step in (1, 2, 3)]
