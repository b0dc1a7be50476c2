"""The table of formats: a row in one place is read by prediction, training and upscaling."""

import numpy as np
import pytest
from tinyupscaler import tiny_upscaler

from lenszoo.data import DatasetIndex, formats, read_image
from lenszoo.data.formats import Format, find_format, is_image_file, without_suffix
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Fit, Images
from lenszoo.inference.upscaling import open_upscaler, upscale


def test_endings():
    assert [find_format(name).name for name in ("A.NPY", "a.jpeg", "a.fits.gz[SCI,2]")] == [
        "npy", "png", "fits",
    ]  # fmt: skip
    assert without_suffix("a/b.fits.gz") == "a/b" and without_suffix("a.txt") == "a.txt"
    with pytest.raises(LenszooError, match=r"a\.gif: .* \.npy"):
        find_format("a.gif")


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Images as lines of numbers, in class folders; the format is one row of the table."""

    def read(name: str) -> np.ndarray:
        return np.loadtxt(name, np.float32)[..., None]

    monkeypatch.setattr(formats, "FORMATS", [*formats.FORMATS, Format("toy", (".toy",), read)])
    rng = np.random.default_rng(0)
    for name in ("no", "sphere"):
        (tmp_path / name).mkdir()
        for i in range(2):
            np.savetxt(tmp_path / name / f"{i}.toy", rng.random((12, 12)))
    return tmp_path


def test_a_new_format_is_one_row(toy):
    assert is_image_file("0.TOY")
    first = toy / "no" / "0.toy"
    image = read_image(first)
    # training
    index = DatasetIndex.from_directory(toy)
    assert index.class_counts() == {"no": 2, "sphere": 2}
    np.testing.assert_array_equal(index.load().images[0], image)
    # prediction
    images = Images(toy / "no", Fit((12, 12, 1), "a model"))
    (batch,) = images.batches(4)
    np.testing.assert_array_equal(batch.images[0], image)
    # upscaling
    (done,) = upscale(open_upscaler(tiny_upscaler()), first, toy / "out")
    assert done.target.name == "0.npy" and np.load(done.target).shape == (24, 24)
