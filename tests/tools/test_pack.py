"""Packing real Keras files: small, repeatable, faithful; and cutting large files into parts."""

import os
import stat
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from limited import small_files
from oneline import one_line
from pack import in_steps, pack_weights, split_file

from lenszoo.errors import LenszooError


def python(script, *arguments, **environment):
    """Run a script in a fresh interpreter that finds the tools."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def source(tmp_path):
    """A file in the layout that Keras writes."""
    rng = np.random.default_rng(0)
    path = tmp_path / "run.weights.h5"
    with h5py.File(path, "w") as file:
        kernel = rng.normal(0, 0.1, (5, 5, 1, 16)).astype(np.float32)
        file.create_dataset("layers/conv/vars/0", data=kernel)
        file["layers/conv/vars/1"] = rng.normal(size=16).astype(np.float32)
        file["layers/conv/vars"].attrs["name"] = "stem"
        file["layers/norm/vars/3"] = np.float32(1e-7) * np.ones(16, np.float32)
        file["layers/seed/vars/0"] = np.array([[1, 2**31]], np.uint32)
        file["layers/scale/vars/0"] = np.float32(0.1)
        file["layers/text/vars/0"] = np.array(["no", "sphere"], dtype=h5py.string_dtype())
        file["optimizer/vars/1"] = rng.normal(size=(5, 5, 1, 16)).astype(np.float32)
        file.attrs["layout"] = "keras"
    return path


def test_kernels_are_halved_and_the_rest_kept(source, tmp_path):
    packed = pack_weights(source, tmp_path / "out.weights.h5")
    with h5py.File(source) as old, h5py.File(packed) as new:
        kernel = new["layers/conv/vars/0"]
        assert kernel.dtype == np.float16
        np.testing.assert_allclose(kernel[()], old["layers/conv/vars/0"][()], rtol=5e-4, atol=1e-7)
        for name in ("conv/vars/1", "norm/vars/3", "seed/vars/0", "scale/vars/0", "text/vars/0"):
            assert new[f"layers/{name}"].dtype == old[f"layers/{name}"].dtype
            assert np.array_equal(new[f"layers/{name}"][()], old[f"layers/{name}"][()])
        assert new["layers/conv/vars"].attrs["name"] == "stem"
        assert new.attrs["layout"] == "keras"
        assert "optimizer" not in new


def test_equal_content_gives_equal_bytes(source, tmp_path):
    first = pack_weights(source, tmp_path / "first.h5").read_bytes()
    time.sleep(1.1)  # HDF5 keeps times in whole seconds
    # The same tensors in another order that is kept, chunked, compressed and with times.
    shuffled = tmp_path / "shuffled.h5"
    with h5py.File(source) as old, h5py.File(shuffled, "w", track_order=True) as new:
        names: list[str] = []
        old["layers"].visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        for name in reversed(names):
            values = old[f"layers/{name}"]
            packing = {"chunks": True, "compression": "gzip"} if values.ndim > 1 else {}
            new.create_dataset(
                f"layers/{name}", data=values[()], dtype=values.dtype, track_times=True, **packing
            )
        new["layers/conv/vars"].attrs["name"] = "stem"
        new.attrs["layout"] = "keras"
    assert pack_weights(shuffled, tmp_path / "second.h5").read_bytes() == first
    # Another process, whose fresh memory is full of other rubbish.
    script = "import sys; from pack import *; pack_weights(*sys.argv[1:])"
    third = tmp_path / "third.h5"
    process = python(script, str(source), str(third), MALLOC_PERTURB_="165")
    assert process.returncode == 0, process.stderr
    assert third.read_bytes() == first


def test_packing_twice_changes_nothing_and_works_in_place(source, tmp_path):
    once = pack_weights(source, tmp_path / "out.weights.h5").read_bytes()
    assert (
        pack_weights(tmp_path / "out.weights.h5", tmp_path / "out.weights.h5").read_bytes() == once
    )
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("conv/vars/0", 7e4, "70000 is too large for float16"),
        ("conv/vars/0", -65520.0, "65520 is too large for float16"),
        ("conv/vars/0", np.nan, "NaN or infinity"),
        ("conv/vars/1", np.inf, "NaN or infinity"),
    ],
)
def test_values_that_do_not_survive_are_refused(source, tmp_path, name, value, told):
    with h5py.File(source, "a") as file:
        file[f"layers/{name}"][..., 0] = value
    with pytest.raises(LenszooError, match=f"/layers/{name} of .*{told}") as error:
        pack_weights(source, tmp_path / "out.weights.h5")
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name]


def test_largest_float16_survives(source, tmp_path):
    with h5py.File(source, "a") as file:
        file["layers/conv/vars/0"][0, 0, 0, 0] = 65504.0
    with h5py.File(pack_weights(source, tmp_path / "out.weights.h5")) as file:
        assert file["layers/conv/vars/0"][0, 0, 0, 0] == 65504.0


def test_bad_sources(source, tmp_path):
    out = tmp_path / "out.weights.h5"
    one_line("there is no such file", lambda: pack_weights(tmp_path / "no.h5", out))
    cut = tmp_path / "cut.h5"
    cut.write_bytes(source.read_bytes()[:1000])
    one_line("cut.h5: it is no readable HDF5 file", lambda: pack_weights(cut, out))
    with h5py.File(source, "a") as file:
        file["layers/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    one_line("elsewhere is a link", lambda: pack_weights(source, out))
    with h5py.File(source, "a") as file:
        del file["layers/elsewhere"]
    with pytest.raises(LenszooError, match=r"Cannot write .*No such file or directory"):
        pack_weights(source, tmp_path / "no" / "out.h5")
    assert not out.exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX limits")
def test_full_disk(source, tmp_path):
    script = (
        "from pack import *\n" + small_files(2000) + "try: pack_weights(*sys.argv[1:])\n"
        "except LenszooError as error: print(error)"
    )
    process = python(script, str(source), str(tmp_path / "out.h5"))
    out, err = process.stdout, process.stderr
    assert out.startswith(f"Cannot write {tmp_path / 'out.h5'}: File too large."), err
    assert err == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name]


def test_mode_follows_the_umask(source, tmp_path):
    before = os.umask(0o027)
    try:
        packed = pack_weights(source, tmp_path / "out.weights.h5")
    finally:
        os.umask(before)
    assert stat.S_IMODE(packed.stat().st_mode) == 0o640


def test_keras_loads_a_packed_file_and_answers_nearly_the_same(tmp_path):
    import keras

    def build():
        inputs = keras.Input((16, 16, 1))
        x = keras.layers.Conv2D(8, 3, padding="same")(inputs)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dropout(0.5)(x)))

    trained, fresh = build(), build()
    images = np.random.default_rng(0).random((4, 16, 16, 1), dtype=np.float32)
    trained.set_weights([w + 0.1 for w in trained.get_weights()])  # BatchNorm's no longer 0 and 1
    trained.compile("adam", "mse")
    trained.optimizer.build(trained.trainable_variables)
    saved = tmp_path / "run.weights.h5"
    trained.save_weights(saved)
    with h5py.File(saved) as file:
        assert "optimizer" in file, "Keras stores it, and this is why it is left out"
    packed = pack_weights(saved, tmp_path / "packed.weights.h5")
    fresh.load_weights(packed)
    expected = np.asarray(trained(images, training=False))
    answer = np.asarray(fresh(images, training=False))
    assert 0 < np.abs(answer - expected).max() < 5e-3
    assert fresh.layers[1].kernel.dtype == "float32"


def test_split_and_join(tmp_path):
    whole = tmp_path / "net.sky.weights.h5"
    content = np.random.default_rng(0).bytes(2500)
    whole.write_bytes(content)
    folder = tmp_path / "weights"
    folder.mkdir()
    parts = split_file(whole, 1000, folder)
    assert [path.name for path in parts] == [f"{whole.name}.part{i}of3" for i in (1, 2, 3)]
    assert [path.stat().st_size for path in parts] == [1000, 1000, 500]
    assert b"".join(part.read_bytes() for part in parts) == content
    assert split_file(whole, 2500) == [whole]
    assert len(split_file(whole, 2499)) == 2
    assert len(split_file(whole, 1250)) == 2


def test_split_refuses(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    one_line("it is empty", lambda: split_file(empty))
    one_line("part_bytes is 0", lambda: split_file(empty, 0))
    with pytest.raises(LenszooError, match=r"Cannot split .*No such file"):
        split_file(tmp_path / "no")


class TestEightBits:
    def test_kernels_are_steps_of_each_channel(self, tmp_path):
        rng = np.random.default_rng(0)
        kernel = rng.normal(size=(3, 3, 256, 16)) * np.geomspace(0.01, 0.1, 16)
        with h5py.File(tmp_path / "full.weights.h5", "w") as file:
            file["layers/conv/vars/0"] = kernel.astype(np.float32)
            file["layers/conv/vars/1"] = kernel[0, 0, 0].astype(np.float32)
            file["layers/small/vars/0"] = kernel[0, 0, :4].astype(np.float32)
        paths = [
            pack_weights(tmp_path / "full.weights.h5", tmp_path / f"{bits}.weights.h5", bits)
            for bits in (8, 16)
        ]
        with h5py.File(paths[0]) as file, h5py.File(paths[1]) as half:
            stored = file["layers/conv/vars/0"][()].astype(np.float64)
            for name in ("layers/conv/vars/1", "layers/small/vars/0"):
                np.testing.assert_array_equal(file[name][()], half[name][()])
        largest = np.abs(kernel).max((0, 1, 2))
        assert (np.abs(stored - kernel) <= 0.5 * 2 * largest / 127).all()
        for channel in range(16):
            assert len(np.unique(stored[..., channel])) <= 255
        assert paths[0].stat().st_size < 0.7 * paths[1].stat().st_size
        again = pack_weights(paths[0], tmp_path / "again.weights.h5", 8)
        assert again.read_bytes() == paths[0].read_bytes()

    def test_each_channel_of_a_depthwise_kernel_has_its_own_step(self):
        scale = np.geomspace(1e-3, 1.0, 512)[:, None]
        kernel = np.random.default_rng(0).normal(size=(3, 3, 512, 1)) * scale
        assert (np.abs(in_steps(kernel) - kernel) <= np.abs(kernel).max((0, 1)) / 127).all()

    def test_a_network_answers_nearly_the_same(self, tmp_path):
        import keras

        from lenszoo import build_model, load_model
        from lenszoo.pretrained.saving import save_weights

        keras.utils.set_random_seed(0)
        model = build_model("resnet18_slim", input_shape=(64, 64, 1), num_classes=3)
        full = save_weights(model, tmp_path / "full.weights.h5")
        packed = pack_weights(full, tmp_path / "eight.weights.h5", 8)
        images = np.random.default_rng(1).random((8, 64, 64, 1)).astype(np.float32)
        answers = [load_model(path).predict(images, verbose=0) for path in (full, packed)]
        spread = np.std(answers[0])
        assert 0 < np.abs(answers[1] - answers[0]).max() < 0.1 * spread
