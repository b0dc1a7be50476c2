"""One harness for the super-resolution networks of the catalogue, on any backend.

Run as a program: ``check`` checks them and their spectral norm on the backend that KERAS_BACKEND
names, and ``pin`` writes ``upscaling_pins.json`` anew, after a change of an architecture that is
meant.
"""

import sys
import tempfile
from pathlib import Path

import harness
import keras
import numpy as np
import pytest
from harness import images, outputs

from lenszoo.pretrained.loading import build_model

PINS = Path(__file__).with_name("upscaling_pins.json")
_SMALL = {"width": 4}
OPTIONS = {
    "srcnn": _SMALL,
    "srresnet_1": _SMALL,
    "esrn_1": {"width": 4, "growth": 2},
    "srgan": {"width": 4, "discriminator_width": 2},
}
# the same code with more blocks
DEEPER = ("srresnet_2", "srresnet_3", "esrn_4", "esrn_8")
SPECTRAL = Path(__file__).parents[1] / "layers" / "test_spectral_conv.py"


def check_super_resolver(name, folder):
    """Build, run, guard, train, save; leave files and answers in ``folder``."""
    keras.utils.set_random_seed(1)
    model = build_model(name, **OPTIONS[name])
    assert model.name == name
    assert model.input_shape == model.output_shape == (None, None, None, 1)
    batch = images(8, 1, n=6)
    learner = getattr(model, "generator", model)  # the discriminator has its own loss
    harness.train(learner, "mse", 1e-2, batch, batch.repeat(2, 1).repeat(2, 2))
    for size in ((7, 6), (1, 1)):
        assert outputs(model, images(size, 1)).shape == (4, 2 * size[0], 2 * size[1], 1)
    batch = images((7, 6), 1)
    harness.check_guarded(model, batch, outputs(model, batch))
    harness.save(model, folder, images(5, 1))
    with harness.half_precision():
        model = build_model(name, input_shape=(None, None, 4), scale=4, **OPTIONS[name])
    assert model.get_layer("output").compute_dtype == "float32"
    assert harness.check_four_bands(model, 5).shape == (2, 20, 20, 4)


def pinned(name):
    """A tiny configuration's answer (4, 6) for weights and images made by NumPy alone."""
    model = build_model(name, **OPTIONS[name])
    harness.fill_weights(model)
    return outputs(model, images((2, 3), 1, n=1, seed=8))[0, :, :, 0]


def check_pin(name):
    """The network answers as it always did, on this backend too."""
    answer = pinned(name)
    assert np.ptp(answer) > 0.1, "a flat answer pins nothing"
    harness.check_pin(name, lambda _: answer, PINS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        with tempfile.TemporaryDirectory() as temporary:
            for row in sys.argv[2:] or ("srcnn", "esrn_1", "srgan"):  # srgan's graph is srresnet_1
                (folder := Path(temporary) / row).mkdir()
                check_super_resolver(row, folder)
                check_pin(row)
            harness.check_reload(folder)  # the last one's, which is more than its graph
        assert pytest.main(["-q", "-x", "-p", "no:cacheprovider", str(SPECTRAL)]) == 0
    elif sys.argv[1:] == ["pin"]:
        harness.write_pins(OPTIONS, pinned, PINS)
    else:
        sys.exit(f"upscaling_harness.py check [ROW...] | pin, got {sys.argv[1:]}")
    print("all well")
