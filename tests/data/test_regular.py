"""Regular files only, for every format."""

import os
from pathlib import Path

import pytest

from lenszoo.data import read_image
from lenszoo.data.formats import image_suffixes
from lenszoo.errors import LenszooError


@pytest.mark.parametrize("suffix", image_suffixes())
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path, suffix):
    pipe, device, folder = (tmp_path / f"{name}{suffix}" for name in ("pipe", "device", "folder"))
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    folder.mkdir()
    for path in (pipe, device, folder):
        with pytest.raises(LenszooError, match="not a regular file"):
            read_image(path)


def test_missing_files_and_names_that_are_none(tmp_path):
    for name in (tmp_path / "a.npy", Path(f"{tmp_path}/a\0b.npy")):
        with pytest.raises(LenszooError, match=r"no such file|not the name"):
            read_image(name)
