import os

import numpy as np

from lenszoo.data import read_image
from lenszoo.data.content import hash_files
from lenszoo.data.part import ImagePart
from lenszoo.data.readers import image_name, read_images


class Row(ImagePart):
    """A row of an ``.npy`` file of many images."""

    def __init__(self, file, row):
        super().__init__(file, f"[{row}]")
        self.row = row

    def read(self):
        return np.load(self.file)[self.row].astype(np.float32)[..., None]


def test_a_part_stands_where_a_path_stands(tmp_path):
    stack = np.random.default_rng(0).random((3, 5, 6))
    np.save(tmp_path / "s.npy", stack)
    parts = [Row(str(tmp_path / "s.npy"), k) for k in range(3)]
    assert os.fspath(parts[1]) == str(tmp_path / "s.npy") and str(parts[1]).endswith("s.npy[1]")
    assert image_name(parts[:2]) == f"{parts[0]} + {parts[1]}"
    np.testing.assert_array_equal(read_image(parts[2])[..., 0], stack[2].astype(np.float32))
    np.testing.assert_array_equal(read_images(parts)[0][..., 0], stack.astype(np.float32))
    assert read_image((parts[0], None, parts[1])).shape == (5, 6, 3)
    assert len(set(hash_files(parts))) == 3 and hash_files(parts[:1]) == hash_files(parts[:1])
