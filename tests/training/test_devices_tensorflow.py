import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from cutshort import quiet, train_whole_and_cut
from tinyrun import recipe_fields, write_images

from lenszoo.errors import LenszooError


@pytest.mark.slow
def test_four_virtual_devices_train_as_they_say():
    paths = [str(Path(__file__).parents[1]), *sys.path]
    done = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("all well"), done.stderr[-3000:]


def four_devices(root: Path) -> None:
    from lenszoo.tasks.classify.task import ClassifyTask
    from lenszoo.tasks.super_resolve.task import SuperResolveTask
    from lenszoo.training import Recipe, train
    from lenszoo.training.devices_tensorflow import EvenBatches

    rng = np.random.default_rng(1)
    (root / "high").mkdir()
    for i in range(20):
        np.save(root / "high" / f"{i}.npy", rng.random((24, 24)).astype("float32"))
    # no BatchNormalization, no Dropout, and 16 images in batches of 8: the curve of one device
    fields = {
        "task": "super_resolve",
        "model": "srcnn",
        "options": {"width": 8},
        "data": {"high": str(root / "high"), "patch": 12, "val_fraction": 0.2},
        "epochs": 2,
        "batch_size": 8,
        "seed": 5,
    }
    runs = {}
    for devices in (1, "all"):
        recipe = Recipe(**fields, devices=devices)
        task = quiet(SuperResolveTask)(recipe)
        runs[devices] = train(recipe, root / f"sr{devices}", task=task).history
    for row, twin in zip(*runs.values(), strict=True):
        for name in ("loss", "val_psnr"):
            np.testing.assert_allclose(row[name], twin[name], atol=1e-4, rtol=1e-4)
    run = json.loads((root / "srall" / "run.json").read_text())
    assert run["environment"]["shared_by"] == 4

    # a network with both, and a last batch of 5 images, of which 4 are trained on
    write_images(root / "images", 14)
    images = recipe_fields(root / "images") | {"epochs": 2}
    recipe = Recipe(**images, devices=4)
    task = quiet(ClassifyTask)(recipe)
    assert [len(x) for x, _ in EvenBatches(task.epoch(0), 4)] == [8, 8, 4]
    train_whole_and_cut(ClassifyTask, recipe, root)

    clipped = Recipe(**images | {"devices": 4, "optimizer": {"clip_norm": 1.0}})
    with pytest.raises(LenszooError, match=r"do not train with optimizer.clip_norm: set KERAS_"):
        train(clipped, root / "clipped")


if __name__ == "__main__":
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
    )
    with tempfile.TemporaryDirectory() as folder:
        four_devices(Path(folder))
    print("all well")
