"""Files below a folder: through links, no folder twice, and one that cannot be read."""

import errno
import os

import numpy as np
from oneline import one_line

from lenszoo.data.listing import as_index


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def test_folders_elsewhere_are_searched_through_links_and_none_twice(tmp_path):
    for name in ("scratch/field2/x.npy", "cutouts/y.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / name, noise(4, 4))
    (tmp_path / "cutouts" / "field2").symlink_to(tmp_path / "scratch" / "field2")
    (tmp_path / "cutouts" / "again").symlink_to(tmp_path / "cutouts")
    (tmp_path / "cutouts" / "twin").symlink_to(tmp_path / "scratch" / "field2")
    assert as_index(tmp_path / "cutouts").ids == ("field2/x.npy", "y.npy")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    np.save(tmp_path / "a.npy", noise(4, 4))
    scandir = os.scandir

    def closed(path):  # root may read every folder, so that no mode closes one
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    one_line("closed: this folder cannot be read (Permission", lambda: as_index(tmp_path))
