import keras
import pytest
from tinyrun import recipe_fields, write_images

from lenszoo.errors import LenszooError
from lenszoo.training import Recipe, train
from lenszoo.training.devices import Devices, check_processes, open_devices


def test_one_device_is_no_distribution():
    devices = open_devices(1, 7)
    assert type(devices) is Devices
    assert (devices.count, devices.processes, devices.leads) == (1, 1, True)


def test_more_devices_than_the_machine_has_are_refused(tmp_path):
    fields = recipe_fields(write_images(tmp_path / "images")) | {"devices": 512, "batch_size": 512}
    with pytest.raises(LenszooError, match=r"devices = 512: .* device.* here; choose at most"):
        train(fields, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("devices", ["none", 0, -2, 1.5, True])
def test_no_number_of_devices_is_refused(devices):
    with pytest.raises(LenszooError, match="devices"):
        Recipe(model="simple_cnn", data={"preset": "common_test_sim"}, devices=devices)


def test_torch_is_refused_in_a_line(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(LenszooError, match=r"devices = all: .* not on torch: set KERAS_BACKEND"):
        open_devices("all", 8)


@pytest.mark.parametrize(
    ("change", "deadline", "match"),
    [({}, 5.0, "a deadline"), ({"folds": 3}, None, "folds"), ({}, None, "")],
)
def test_what_several_processes_cannot_do_is_refused(change, deadline, match):
    recipe = Recipe(model="simple_cnn", data={"directory": "images"}, **change)
    if not match:
        check_processes(recipe, 2, deadline)
        return
    with pytest.raises(LenszooError, match=f"2 processes cannot train with {match}"):
        check_processes(recipe, 2, deadline)
