import numpy as np

from lenszoo.tasks.pretext.posed import denoising, rotation
from lenszoo.tasks.pretext.recipe import Denoising


def test_the_answer_of_a_rotation_is_how_it_was_turned():
    images = np.random.default_rng(0).random((10, 6, 6, 2), np.float32)
    posed, turns = rotation().pose(images, np.random.default_rng(1))
    assert sorted(np.bincount(turns, minlength=4)) == [2, 2, 3, 3]
    for image, turned, k in zip(images, posed, turns, strict=True):
        np.testing.assert_array_equal(turned, np.rot90(image, k))


def test_the_answer_of_a_denoising_is_the_strength_of_its_noise():
    recipe = Denoising(levels=3, weakest=0.1, strongest=10.0)
    images = np.random.default_rng(0).random((200, 30, 30, 2), np.float32) * [[[[1, 3]]]]
    posed, levels = denoising(recipe).pose(images.astype(np.float32), np.random.default_rng(1))
    own = np.sqrt(images.var(axis=(1, 2)).mean(axis=-1))
    ratio = (posed - images).std(axis=(1, 2, 3)) / own
    np.testing.assert_allclose(ratio, np.array([0.1, 1.0, 10.0])[levels], rtol=0.12)
    assert np.bincount(levels).min() > 40
