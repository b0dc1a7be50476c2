import numpy as np
import pytest
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.augmentation import LensAugmentation


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def test_views_keep_the_flux_of_the_lens_and_strength_orders_them():
    y, x = np.mgrid[:48, :48] - 23.5
    ring = np.exp(-((np.hypot(x, y * 1.2) - 10) ** 2) / 8)
    ring = np.repeat(ring[None, :, :, None], 32, 0).astype("float32")
    views = numbers(LensAugmentation(seed=1).augment(ring))
    assert views.sum((1, 2, 3)) == pytest.approx(np.full(32, ring[0].sum()), rel=5e-3)
    noisy = ring + np.random.default_rng(0).normal(0, 0.05, ring.shape).astype("float32")
    distances = [
        np.abs(numbers(LensAugmentation(s, turn=False, seed=1).augment(noisy)) - noisy).mean()
        for s in (0.0, 0.5, 1.0, 2.0)
    ]
    assert distances[0] == 0
    assert np.all(np.diff(distances) > 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LensAugmentation(-1.0), "strength must be one finite number, not negative"),
        (lambda: LensAugmentation(strength="strong"), "strength must be one finite number"),
        (lambda: LensAugmentation(noise=(0, 1)), "noise must be one finite number"),
        (lambda: LensAugmentation(fill="edge"), "Unknown fill 'edge'"),
        (lambda: LensAugmentation(seed=1.5), "seed must be a whole number"),
        (lambda: LensAugmentation().augment(np.zeros((1, 8, 9, 1), "float32")), "square images"),
        (lambda: LensAugmentation(turn=False)(np.zeros((8, 9), "float32")), "takes images"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(LenszooError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
