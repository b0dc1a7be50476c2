import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PREDICT = """
from lenszoo import predict
from lenszoo.simulation import sample
print(predict("simple_cnn.common_test_sim_v2", sample("common_test_sim", 2, seed=3)).num_rows)
"""
MANY = """
import logging
import numpy as np
import tensorflow as tf
import lenszoo
from lenszoo.models.in_batches import in_batches
images = np.zeros((2, 20, 20, 1), "float32")
for _ in range(7):
    model = lenszoo.build_model("simple_cnn", input_shape=(20, 20, 1))
    in_batches(model, images, 2)
    lenszoo.predict(model, images + np.eye(20)[..., None])
for _ in range(7):  # of a user's own functions it still warns
    tf.function(lambda x: x + 1)(tf.constant(1.0))
"""
WRITE = """
import os, sys
from lenszoo.chatter import without_chatter
with without_chatter():
    for line in sys.argv[1:]:
        os.write(2, line.encode() + b"\\n")
    print("from Python", file=sys.stderr)
"""
NOTES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795892751.726557   21915 port.cc:153] oneDNN custom operations are on.",
    "2026-11-28 19:05:07.123456: I tensorflow/core/util/port.cc:113] oneDNN is on.",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow",
    "E0000 00:00:1795892751.1   1 cuda_dnn.cc:8310] Unable to register cuDNN factory: there is one",
)
NEWS = (
    "E0000 00:00:1795892783.370294   22091 loader.cc:52] libcudart.so.12: cannot open",
    "Traceback (most recent call last):",
    "Illegal instruction",
)


def _run(code, *arguments, **environment):
    left = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    return subprocess.run(
        [sys.executable, *(["-c", code] if code else ["-m", "lenszoo"]), *arguments],
        env=left | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("code", "arguments"), [pytest.param(PREDICT, (), marks=pytest.mark.slow), ("", ("doctor",))]
)
def test_nothing_of_tensorflows_start_reaches_standard_error(code, arguments):
    done = _run(code, *arguments, KERAS_BACKEND="tensorflow")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_lines_that_are_no_known_chatter_are_passed_on_in_order():
    done = _run(WRITE, *NOTES, *NEWS)
    assert done.stderr.splitlines() == [*NEWS, "from Python"]


def test_a_user_who_wants_tensorflows_log_gets_all_of_it():
    done = _run(WRITE, *NOTES, TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr.splitlines() == [*NOTES, "from Python"]


def test_an_exception_of_the_import_is_raised_with_what_was_written_before():
    code = WRITE.replace('print("from Python", file=sys.stderr)', "import no_such_package")
    done = _run(code, NEWS[0])
    assert done.stderr.startswith(NEWS[0]) and "ModuleNotFoundError" in done.stderr


def test_many_models_are_no_retracing_and_functions_of_a_user_are():
    done = _run(MANY)
    lines = [line for line in done.stderr.splitlines() if "retracing" in line]
    assert lines and all("<lambda>" in line for line in lines), done.stderr
