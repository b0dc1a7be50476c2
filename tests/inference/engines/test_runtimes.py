"""Runtimes: threads that the environment allows, batches of several shapes."""

import numpy as np
import pytest
from tinynetworks import images, network

from lenszoo.inference.engines.runtimes import RUNTIMES
from lenszoo.inference.exporting.formats import FORMATS


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("threads", ["1", "many", ""])
def test_a_session_takes_batches_of_any_shape(name, threads, tmp_path, monkeypatch, written):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    model, files = written
    if name not in files:
        pytest.skip(f"{name} is not installed")
    session = RUNTIMES[name].open(files[name], "float32")
    for count in (3, 5, 3):
        (answers,) = session({"images": images(count)})
        np.testing.assert_allclose(answers, model.predict_on_batch(images(count)), atol=1e-4)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small network, and its file for each runtime that is installed."""
    model, folder, files = network("simple_cnn", width=2), tmp_path_factory.mktemp("net"), {}
    model.predict_on_batch(images(1))  # an export wants a network that has answered once
    for name, runtime in RUNTIMES.items():
        row = FORMATS[runtime.format]
        try:
            row.check()
        except ValueError:
            continue
        files[name] = folder / f"net{row.ending}"
        row.write(model, files[name], "{}")
    return model, files
