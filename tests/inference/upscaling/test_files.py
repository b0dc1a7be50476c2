import logging
import os
import pickle
import shutil

import numpy as np
import pytest
from limited import full_disk
from oneline import one_line
from PIL import Image
from tinyupscaler import tiny_upscaler

import lenszoo
from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling import open_upscaler, upscale, upscale_array


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


@pytest.fixture(scope="module")
def three_bands():
    return open_upscaler(tiny_upscaler(bands=3))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusal(*arguments, **options):
    with pytest.raises(LenszooError) as error:
        upscale(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


class TestNpy:
    @pytest.mark.parametrize(
        ("shape", "upscaled"),
        [
            ((9, 13), (18, 26)),
            ((1, 9, 13), (1, 18, 26)),
            ((9, 13, 1), (18, 26, 1)),
            ((1, 9, 13, 1), (1, 18, 26, 1)),
            ((1, 1, 9, 13), (1, 1, 18, 26)),
            ((1, 1), (2, 2)),
        ],
    )
    def test_axes_stay_in_order(self, tiny, tmp_path, shape, upscaled):
        image = noise(*shape).astype(np.float64)
        save(tmp_path / "a.npy", image)
        upscale(tiny, tmp_path / "a.npy", tmp_path / "b.npy")
        written = np.load(tmp_path / "b.npy")
        assert written.shape == upscaled and written.dtype == np.float32
        plane = image.reshape([n for n in shape if n > 1] or (1, 1))
        expected = upscale_array(tiny, plane)[..., 0]
        np.testing.assert_allclose(written.reshape(expected.shape), expected, atol=1e-6)

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
    def test_bands(self, three_bands, tmp_path, order):
        image = noise(12, 11, 3)
        save(tmp_path / "a.npy", np.asfortranarray(image.transpose(order)))
        upscale(three_bands, tmp_path / "a.npy", tmp_path / "b.npy")
        expected = upscale_array(three_bands, image).transpose(order)
        np.testing.assert_allclose(np.load(tmp_path / "b.npy"), expected, atol=1e-6)

    def test_options_reach_the_network(self, tiny, tmp_path):
        image = noise(40, 40)
        save(tmp_path / "a.npy", image)
        options = {"scaling": (0.0, 3.0), "conserve_flux": True, "flux": "per_pixel", "tile": 20}
        upscale(tiny, tmp_path / "a.npy", tmp_path / "b.npy", **options)
        expected = upscale_array(tiny, image, **options)[..., 0]
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)


class TestPng:
    def test_float32_by_default(self, tiny, tmp_path):
        grey = np.random.default_rng(0).integers(0, 65536, (20, 21)).astype(np.uint16)
        Image.fromarray(grey).save(tmp_path / "a.png")
        (done,) = upscale(tiny, tmp_path / "a.png", tmp_path / "out")
        assert done.target == tmp_path / "out" / "a.npy"
        written = np.load(done.target)
        expected = upscale_array(tiny, grey / np.float32(65535))[..., 0]
        assert written.dtype == np.float32 and written.shape == (40, 42)
        np.testing.assert_allclose(written, expected, atol=1e-6)
        assert np.unique(written).size > 1500  # 8 bits have room for 256

    @pytest.mark.parametrize("target", ["out", "b.png"])
    def test_16_bits_when_asked_for(self, tiny, tmp_path, target):
        Image.fromarray((noise(20, 21) * 255).astype(np.uint8)).save(tmp_path / "a.png")
        png = {"png_out": "png"} if target == "out" else {}
        (done,) = upscale(tiny, tmp_path / "a.png", tmp_path / target, **png)
        upscale(tiny, tmp_path / "a.png", tmp_path / "c.npy")
        written = np.asarray(Image.open(done.target), np.float64)
        assert done.target.suffix == ".png" and Image.open(done.target).mode == "I;16"
        expected = np.load(tmp_path / "c.npy").clip(0, 1)
        np.testing.assert_allclose(written / 65535, expected, atol=0.51 / 65535)
        assert "upscaled by 2 with tiny" in Image.open(done.target).text["Comment"]

    def test_colour(self, three_bands, tmp_path):
        Image.fromarray((noise(10, 12, 3) * 255).astype(np.uint8)).save(tmp_path / "a.jpg")
        (done,) = upscale(three_bands, tmp_path / "a.jpg", tmp_path / "out")
        assert np.load(done.target).shape == (20, 24, 3)
        message = refusal(three_bands, tmp_path / "a.jpg", tmp_path / "b.png")
        assert "a.jpg: colour has no 16-bit PNG here; write .npy" in message


class TestFolders:
    def test_names_below_the_folder_are_kept(self, tiny, tmp_path):
        for name in ("a.npy", "deep/er/b.npy", "deep/c.npy"):
            save(tmp_path / "in" / name, noise(8, 9))
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "in" / "d.PNG")
        done = upscale(tiny, tmp_path / "in", tmp_path / "new" / "out")
        out = tmp_path / "new" / "out"
        names = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
        assert names == ["a.npy", "d.npy", "deep/c.npy", "deep/er/b.npy"]
        assert [d.status for d in done] == ["written"] * 4
        assert sorted(d.target.relative_to(out).as_posix() for d in done) == names

    def test_lists_tables_and_indices(self, tiny, tmp_path):
        files = [save(tmp_path / "in" / n / "x.npy", noise(8, 9)) for n in "ab"]
        (tmp_path / "in" / "t.csv").write_text("id,path\n1,a/x.npy\n2,b/x.npy\n")
        done = upscale(tiny, tmp_path / "in" / "t.csv", tmp_path / "out")
        assert [d.target for d in done] == [tmp_path / "out" / n / "x.npy" for n in "ab"]
        index = DatasetIndex.from_files(files[:1])
        upscale(tiny, index, tmp_path / "out2")
        assert (tmp_path / "out2" / "x.npy").is_file()
        message = refusal(tiny, files, tmp_path / "out3")
        assert "would both be written to" in message and "out3/x.npy" in message

    def test_the_same_name_in_two_kinds(self, tiny, tmp_path):
        save(tmp_path / "in" / "a.npy", noise(8, 8))
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "in" / "a.png")
        assert "would both be written" in refusal(tiny, tmp_path / "in", tmp_path / "out")
        assert len(upscale(tiny, tmp_path / "in", tmp_path / "out", png_out="png")) == 2

    def test_progress_counts_inputs_or_tiles(self, tiny, tmp_path):
        for name in "ab":
            save(tmp_path / "in" / f"{name}.npy", noise(40, 32))
        calls = []
        options = {"tile": 32, "progress": lambda *c: calls.append(c)}
        upscale(tiny, tmp_path / "in", tmp_path / "out", **options)
        upscale(tiny, tmp_path / "in" / "a.npy", tmp_path / "out2", **options)
        assert calls == [(1, 2), (2, 2), (2, 2)]


class TestWhatIsThereAlready:
    def test_refused_kept_or_replaced(self, tiny, tmp_path):
        for name in "ab":
            save(tmp_path / "in" / f"{name}.npy", noise(8, 8))
        out = tmp_path / "out"
        save(out / "a.npy", np.zeros(3))
        assert "a.npy: is there already; choose" in refusal(tiny, tmp_path / "in", out)
        assert not (out / "b.npy").exists()
        done = upscale(tiny, tmp_path / "in", out, skip_existing=True)
        assert [d.status for d in done] == ["kept", "written"]
        assert np.load(out / "a.npy").shape == (3,)
        assert "(and 1 more)" in refusal(tiny, tmp_path / "in", out)
        done = upscale(tiny, tmp_path / "in", out, overwrite=True)
        assert [d.status for d in done] == ["written", "written"]
        assert np.load(out / "a.npy").shape == (16, 16)

    def test_an_input_is_never_replaced(self, tiny, tmp_path):
        file = save(tmp_path / "in" / "a.npy", noise(8, 8))
        before = file.read_bytes()
        (tmp_path / "link.npy").symlink_to(file)
        for inputs, out in (
            (file, file),
            (file, file.parent),
            (tmp_path / "link.npy", file),
            (file, tmp_path / "link.npy"),
        ):
            message = refusal(tiny, inputs, out, overwrite=True)
            assert "is an input itself" in message, (inputs, out)
        for out in (tmp_path / "in", tmp_path / "in" / "out"):
            message = refusal(tiny, tmp_path / "in", out, overwrite=True)
            assert "lies within the folder of inputs" in message
        assert file.read_bytes() == before and names(file.parent) == ["a.npy"]

    def test_a_hard_link_to_an_input(self, tiny, tmp_path):
        """It is replaced as a name; the input's own bytes stay."""
        file = save(tmp_path / "a.npy", noise(8, 8))
        os.link(file, tmp_path / "b.npy")
        before = file.read_bytes()
        upscale(tiny, file, tmp_path / "b.npy", overwrite=True)
        assert file.read_bytes() == before and np.load(tmp_path / "b.npy").shape == (16, 16)


class TestFailures:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("1", "2", "4"):
            save(tmp_path / "in" / f"{name}.npy", noise(8, 8))
        (tmp_path / "in" / "3.npy").write_bytes((tmp_path / "in" / "2.npy").read_bytes()[:-9])
        return tmp_path / "in"

    def test_it_stops_and_keeps_what_is_written(self, tiny, folder, tmp_path):
        assert "3.npy: truncated" in refusal(tiny, folder, tmp_path / "out")
        assert names(tmp_path / "out") == ["1.npy", "2.npy"]

    def test_or_it_goes_on_and_says_so(self, tiny, folder, tmp_path, caplog):
        with caplog.at_level(logging.WARNING, "lenszoo"):
            done = upscale(tiny, folder, tmp_path / "out", on_error="skip")
        assert [d.status for d in done] == ["written", "written", "failed", "written"]
        assert "truncated" in done[2].error and "3.npy" in caplog.text
        assert names(tmp_path / "out") == ["1.npy", "2.npy", "4.npy"]
        shutil.copy(folder / "2.npy", folder / "3.npy")
        done = upscale(tiny, folder, tmp_path / "out", skip_existing=True)
        assert [d.status for d in done] == ["kept", "kept", "written", "kept"]

    def test_an_output_of_0_bytes_is_not_complete(self, tiny, tmp_path):
        save(tmp_path / "in" / "a.npy", noise(8, 8))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.npy").touch()
        done = upscale(tiny, tmp_path / "in", tmp_path / "out", skip_existing=True)
        assert [d.status for d in done] == ["written"]

    @pytest.mark.parametrize("letter", ["a", "\u00e9"])
    def test_names_of_inputs_as_long_as_a_system_allows(self, tiny, tmp_path, letter):
        name = letter * (251 // len(letter.encode())) + ".npy"
        file = save(tmp_path / "in" / name, noise(8, 8))
        assert upscale(tiny, file, tmp_path / "out")[0].target.name == name

    def test_all_of_them(self, tiny, tmp_path):
        for name in "ab":
            save(tmp_path / "in" / f"{name}.npy", noise(8, 8, 3))
        message = refusal(tiny, tmp_path / "in", tmp_path / "out", on_error="skip")
        assert message.startswith("None of 2 inputs could be upscaled: ") and "a.npy" in message

    def test_a_full_disk_leaves_nothing(self, tiny, tmp_path):
        """Files of this process may not grow as large as the output for a while."""
        file = save(tmp_path / "a.npy", noise(200, 200))
        with full_disk(500_000):
            message = refusal(tiny, file, tmp_path / "out" / "b.npy")
        assert "Cannot write" in message and "no half-written file was left" in message
        assert names(tmp_path) == ["a.npy"]


class TestBadInput:
    def test_files(self, tiny, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        save(tmp_path / "a.npy", noise(8, 8))
        np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
        (tmp_path / "pickle.npy").write_bytes(pickle.dumps([1]))
        (tmp_path / "text.npy").write_text("hello")
        (tmp_path / "a.txt").write_text("hello")
        (tmp_path / "bad.png").write_text("hello")
        save(tmp_path / "cube.npy", noise(40, 30, 40))
        save(tmp_path / "words.npy", np.array([["a", "b"]]))
        for name, message in {
            "gone.npy": "gone.npy: no such file",
            "object.npy": "holds pickled Python objects",
            "pickle.npy": "holds pickled Python objects",
            "text.npy": "not an .npy file",
            "a.txt": "a.txt: not a kind of image file that is read",
            "bad.png": "not a PNG or JPEG image",
            "cube.npy": "cube.npy: shape (40, 30, 40) has no axis",
            "words.npy": "are not pixels",
        }.items():
            assert message in refusal(tiny, name, "out"), name
        assert not list((tmp_path / "out").glob("*"))
        (tmp_path / "empty").mkdir()
        assert "no images in this folder" in refusal(tiny, "empty", "out")
        assert "no files" in refusal(tiny, [], "out")
        assert "leave it out for images in memory" in refusal(tiny, noise(4, 4), "out")

    def test_bands_of_one_image_in_several_files(self, tiny, tmp_path):
        files = [save(tmp_path / f"{n}.npy", noise(8, 8)) for n in "ab"]
        index = DatasetIndex(("x",), (tuple(files),))
        assert "one file a time" in refusal(tiny, index, tmp_path / "out")

    def test_outputs(self, tiny, tmp_path):
        file, other = (save(tmp_path / f"{n}.npy", noise(8, 8)) for n in "ab")
        (tmp_path / "taken").write_text("mine")
        for inputs, out, message in (
            (file, "c.fits", "c.fits: from"),
            (file, "c.png", "ends in .npy"),
            (file, "c.tif", "ends in .npy"),
            (file, "c.fits.gz", "ends in .npy"),
            ([file, other], "c.npy", "2 inputs need a folder, not one file"),
            (file, "taken", "taken: cannot be written"),
            (file, "taken/deeper/c.npy", "cannot be written"),
        ):
            assert message in refusal(tiny, inputs, tmp_path / out), out
        (tmp_path / "out" / "a.npy").mkdir(parents=True)
        assert "is a folder" in refusal(tiny, file, tmp_path / "out")
        assert (tmp_path / "taken").read_text() == "mine"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_without_permission(self, tiny, tmp_path):
        file = save(tmp_path / "a.npy", noise(8, 8))
        (tmp_path / "locked").mkdir(mode=0o555)
        assert "cannot be written (Permission" in refusal(tiny, file, tmp_path / "locked" / "out")

    def test_options(self, tiny, tmp_path):
        file = save(tmp_path / "a.npy", noise(8, 8))
        for options, message in (
            ({"scale": 4}, "tiny upscales by 2, not by 4"),
            ({"on_error": "ignore"}, "Unknown on_error 'ignore'. Legal: raise, skip"),
            ({"png_out": "tif"}, "Unknown png_out 'tif'"),
            ({"scaling": "log"}, "scaling must be"),
            ({"tile": 5}, "a.npy: a tile of 5 pixels has no middle"),
        ):
            assert message in refusal(tiny, file, tmp_path / "out", **options), options

    def test_weights(self, tmp_path):
        file = save(tmp_path / "a.npy", noise(40, 40))
        classifier = lenszoo.build_model("simple_cnn", input_shape=(40, 40, 1))
        assert "simple_cnn is no super-resolution model" in refusal(
            classifier, file, tmp_path / "out"
        )
        assert "no file" in refusal(tmp_path / "gone.keras", file, tmp_path / "out")
        (tmp_path / "bad.keras").write_bytes(b"PK")
        assert "is damaged or no .keras file" in refusal(
            tmp_path / "bad.keras", file, tmp_path / "out"
        )


class TestTheZoo:
    """Networks of the catalogue, through files of weights."""

    def test_weights_in_a_file_of_one_size(self, tmp_path):
        from lenszoo.pretrained.loading import save_weights

        model = lenszoo.build_model("srcnn", input_shape=(20, 20, 1), width=4, scale=2)
        save_weights(model, tmp_path / "w.weights.h5")
        image = noise(33, 47)
        save(tmp_path / "a.npy", image)
        options = {"tile": 24, "conserve_flux": False}
        lenszoo.upscale(
            tmp_path / "w.weights.h5", tmp_path / "a.npy", tmp_path / "b.npy", **options
        )
        free = lenszoo.build_model("srcnn", input_shape=(None, None, 1), width=4, scale=2)
        free.set_weights(model.get_weights())
        low, high = image.min(), image.max()
        expected = np.asarray(free(((image - low) / (high - low))[None, ..., None]))[0, ..., 0]
        expected = expected * (high - low) + low
        np.testing.assert_allclose(np.load(tmp_path / "b.npy"), expected, atol=1e-5)


def test_pixels_beyond_float32_are_not_written_as_nan(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 20), 1e300))
    one_line(
        "a.npy: its pixels go beyond float32",
        lambda: upscale(tiny_upscaler(), tmp_path / "a.npy", tmp_path / "b.npy"),
    )
    assert not (tmp_path / "b.npy").exists()


@pytest.mark.parametrize("out", ["new", "new/below", "new/fine.npy"])
def test_an_upscale_that_fails_leaves_no_empty_folder(tiny, tmp_path, out):
    (tmp_path / "a.npy").write_bytes(b"broken")
    one_line("a.npy", lambda: upscale(tiny, tmp_path / "a.npy", tmp_path / out))
    one_line("no_such", lambda: upscale("no_such.weights", tmp_path / "a.npy", tmp_path / out))
    assert names(tmp_path) == ["a.npy"]
    (tmp_path / "new").mkdir()
    with pytest.raises(LenszooError):
        upscale(tiny, tmp_path / "a.npy", tmp_path / out)
    assert names(tmp_path) == ["a.npy", "new"]  # it was there before
