"""Patches of pairs: the same place in both, and turned alike."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data.epochs import patch_corners
from lenszoo.data.patches import pair_scale, training_pairs
from lenszoo.errors import LenszooError


def pairs():
    """Coarse images of numbered pixels; each fine pixel has the number of its coarse one."""
    low = np.arange(3 * 10 * 12, dtype=np.float32).reshape(3, 10, 12, 1)
    return low, low.repeat(2, axis=1).repeat(2, axis=2)


def test_patches_are_cut_at_the_corners_of_their_epoch():
    low, high = pairs()
    cut, fine = training_pairs(low, high, patch=4, patches=2, augment=None, seed=3, epoch=1)
    assert cut.shape == (6, 4, 4, 1) and fine.shape == (6, 8, 8, 1)
    corners = patch_corners(3, 2, (6, 8), 3, 1).reshape(-1, 2)
    for i, (row, column) in enumerate(corners):
        np.testing.assert_array_equal(cut[i], low[i // 2, row : row + 4, column : column + 4])


def test_both_of_a_pair_are_turned_alike():
    cut, fine = training_pairs(*pairs(), patch=4, patches=5, augment="d4", seed=3, epoch=1)
    np.testing.assert_array_equal(fine[:, ::2, ::2], cut)
    np.testing.assert_array_equal(fine[:, 1::2, 1::2], cut)


def test_what_is_no_pair_and_a_patch_that_does_not_fit():
    assert pair_scale((10, 12, 1), (30, 36, 1)) == 3
    for high in ((15, 24, 1), (20, 24, 2), (5, 6, 1)):
        with pytest.raises(LenszooError, match="are no pair"):
            pair_scale((10, 12, 1), high)
    one_line(
        "do not fit",
        lambda: training_pairs(*pairs(), patch=11, patches=1, augment=None, seed=0, epoch=0),
    )
