import numpy as np
from oneline import one_line
from PIL import Image
from scipy import ndimage

from lenszoo.pretrained.imported.resample import resample


def test_resampling_rules():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(5, 4, 2))
    for size in [(8, 9), (3, 2)]:
        zoom = (size[0] / 5, size[1] / 4, 1)
        expected = ndimage.zoom(maps, zoom, order=1)
        np.testing.assert_allclose(resample(maps, size, "corners"), expected, atol=1e-12)
    row = np.zeros((1, 9, 1))
    row[0, 4] = 1.0
    # Keys' kernel with a = -0.75 at distances 1.75, 1.25, 0.75 and 0.25
    known = [-0.03515625, -0.10546875, 0.26171875, 0.87890625]
    answer = resample(row, (1, 18), "bicubic")[0, :, 0]
    np.testing.assert_allclose(answer[5:13], [*known, *known[::-1]], atol=1e-15)
    linear = resample(row, (1, 18), "bilinear")[0, :, 0]
    np.testing.assert_allclose(linear[7:11], [0.25, 0.75, 0.75, 0.25])
    # a grid of 18 that is taken for one of 18.1
    at = np.array([(i + 0.5) * 9 / 18.1 - 0.5 for i in range(18)])
    near = np.abs(at - 4)
    expected = np.where(
        near < 1,
        1.25 * near**3 - 2.25 * near**2 + 1,
        -0.75 * near**3 + 3.75 * near**2 - 6 * near + 3,
    )
    answer = resample(row, (1, 18), "bicubic-dino")[0, :, 0]
    np.testing.assert_allclose(answer, np.where(near < 2, expected, 0), atol=1e-12)
    one_line("Unknown rule 'cubic'", lambda: resample(row, (1, 2), "cubic"))


def test_antialiasing_is_that_of_pillow():
    maps = np.random.default_rng(1).normal(size=(13, 9)).astype(np.float32)
    for size in [(5, 4), (13, 3), (20, 17)]:
        expected = np.asarray(Image.fromarray(maps).resize(size[::-1], Image.Resampling.BICUBIC))
        answer = resample(maps[..., None], size, "bicubic-antialias")[..., 0]
        np.testing.assert_allclose(answer, expected, atol=1e-5)
