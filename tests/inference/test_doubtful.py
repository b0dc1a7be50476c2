"""Images that may be meant otherwise than they are read, and the notes on them."""

import logging

import numpy as np
import pytest
from tinyzoo import SIZE

from lenszoo.data import Dataset
from lenszoo.inference import predict, provenance_of
from lenszoo.inference.doubtful import check_rounding, note_axes
from lenszoo.inference.inputs import Fit, Images


def images(inputs, size=20, bands=1):
    return Images(inputs, Fit((size, size, bands), "the model"))


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 20, 20), "for 4 images of one band save (4, 20, 20, 1)."),
        ((1, 20, 20), None),
        ((20, 20, 4), None),
        ((4, 20, 20, 1), None),
        ((20, 20), None),
    ],
)
def test_a_file_whose_first_axis_is_its_bands_may_hold_as_many_images(
    shape, words, tmp_path, caplog
):
    path = str(tmp_path / "q.npy")
    np.save(path, noise(*shape))
    with caplog.at_level(logging.INFO, "lenszoo"):
        line = note_axes(images(path, bands=4))
    assert (line is None) == (words is None)
    if words is not None:
        assert line.endswith(f"q.npy: {shape} is read as one image of 4 bands; {words}")
        assert caplog.messages == [line]
        np.save(tmp_path / "r.npy", noise(*shape))
        assert note_axes(images([path, str(tmp_path / "r.npy")], bands=4)) is None
    assert note_axes(images(noise(4, 20, 20))) is None


def test_images_rounded_to_whole_numbers_are_told_of(caplog):
    stack = noise(5, 20, 20, 2) / 2
    assert check_rounding(images(stack, bands=2)) is None
    stack[1, ..., 1] = 0.0
    stack[1, 9, 9, 1] = 1.0
    line = check_rounding(images(stack, bands=2))
    assert line.startswith("image 0 and others: nearly all pixels are 0 (1 of 5 images looked at")
    assert caplog.messages == [line]
    assert check_rounding(images(Dataset((), stack[:0]), bands=2)) is None
    stack[1, ..., 1] = 0.0  # a constant band, which is refused
    assert check_rounding(images(stack, bands=2)) is None


def test_notes_on_the_images_go_with_the_answers(opened):
    rounded = np.zeros((2, SIZE, SIZE, 1), int)
    rounded[:, 1, 1] = 1
    (note,) = [
        note
        for note in provenance_of(predict(opened, rounded))["notes"]
        if "were the images rounded" in note
    ]
    assert note.startswith("image 0 and others: nearly all pixels are 0 (2 of 2 images")
