import types

import numpy as np
import pytest

from lenszoo.data import Cutouts
from lenszoo.tasks.find_lenses.input_scale import SCALE_OF, input_scale, some_images
from lenszoo.tasks.find_lenses.recipe import LensData


def cutouts(n, noise=(1.0,)):
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(n, 20, 20, len(noise))) * noise).astype(np.float32)
    images[:, 0, 0, 0] = np.arange(n)
    names = tuple(map(str, range(n)))
    return Cutouts(names, images, np.empty((n, 0), np.float32), (), np.zeros(n, np.int32))


def test_images_are_taken_evenly_over_all():
    assert len(some_images(cutouts(3))) == 3
    firsts = some_images(cutouts(1000))[:, 0, 0, 0]
    assert len(firsts) == SCALE_OF and (firsts[0], firsts[-1]) == (0, 999)
    assert np.ptp(np.diff(firsts)) <= 1


@pytest.mark.parametrize(
    ("data", "described", "zero_point"),
    [
        ({"catalogue": "a.csv"}, {}, None),
        ({"catalogue": "a.csv", "zero_point": 30.0}, {}, 25.0),  # fluxes are brought to 25
        ({"preset": "lens_finding_easy"}, {}, 25.0),
        ({"directory": "painted"}, {"zero_point": 30.0}, 30.0),  # its writer says so
    ],
)
def test_the_scale_is_the_noise_of_each_band_and_its_unit(data, described, zero_point):
    held = cutouts(200, noise=(1.0, 3.0))
    source = types.SimpleNamespace(image_shape=(20, 20, 2), first=lambda: held, describe=described)
    scale = input_scale(source, LensData(**data))
    assert scale["noise"] == pytest.approx([1.0, 3.0], rel=0.1)
    assert scale["zero_point"] == zero_point


def test_a_table_alone_has_no_scale():
    source = types.SimpleNamespace(image_shape=None)
    assert input_scale(source, LensData(catalogue="a.csv")) is None
