"""Images decoded in the graph: every type and layout, other files, and doubtful ones."""

import numpy as np
import pytest
from PIL import Image

from lenszoo.data import DatasetIndex, image_dataset


@pytest.mark.parametrize(
    ("dtype", "layout"),
    [(dtype, "CHW") for dtype in ("<f8", ">f8", "<f4", "u1", ">i2", "u4", "?")]
    + [("<f8", layout) for layout in ("HWC", "HW", "fortran")],
)
def test_stream_decodes_every_type_and_layout(tmp_path, dtype, layout):
    shape = {"CHW": (3, 12, 14), "HWC": (12, 14, 3)}.get(layout, (12, 14))
    rng = np.random.default_rng(1)
    for i in range(5):
        array = rng.integers(0, 2, shape).astype(dtype)
        np.save(tmp_path / f"{i}.npy", np.asfortranarray(array) if layout == "fortran" else array)
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=5, cache=False)
    np.testing.assert_array_equal(images.numpy(), index.load().images)


def test_stream_reads_other_headers_and_other_kinds(tmp_path):
    """Files that differ from the first in header text, type or kind take the slower way."""
    pixels = np.random.default_rng(2).integers(0, 256, (5, 12, 12))
    np.save(tmp_path / "0.npy", pixels[0] / 255)
    np.save(tmp_path / "1.npy", (pixels[1] / 255).astype(">f8"))
    np.save(tmp_path / "2.npy", pixels[2][None] / 255)
    with (tmp_path / "3.npy").open("wb") as stream:
        np.lib.format.write_array(stream, pixels[3] / 255, version=(2, 0))
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=5, cache=False)
    np.testing.assert_array_equal(images[..., 0], (pixels[:4] / 255).astype(np.float32))
    Image.fromarray(pixels[4].astype(np.uint8)).save(tmp_path / "4.png")
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=5, cache=False)
    np.testing.assert_allclose(images[..., 0], pixels / 255, atol=1e-7)


def test_bands_over_files(deeplense):
    index = DatasetIndex.from_directory(deeplense(per_class=7))
    paths = tuple(zip(index.paths[:4], index.paths[4:8], strict=True))
    bands = DatasetIndex(index.ids[:4], paths)
    (streamed,) = image_dataset(bands, batch_size=4, cache=False)
    np.testing.assert_array_equal(streamed, bands.load().images)
    assert streamed.shape[-1] == 2


def test_nearly_flat_images_are_not_called_constant(tmp_path):
    """The graph looks at a few pixels only; the full check must have the last word."""
    for i in range(3):
        image = np.zeros((12, 12))
        image[1, 1 + i] = 1.0
        np.save(tmp_path / f"{i}.npy", image)
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=3, cache=False)
    assert images.numpy().sum() == 3
