import keras
import numpy as np
import pytest
from oneline import one_line
from tinynetworks import RESNET, images, network

from lenszoo.tasks.grow import grow


def test_the_shares_of_the_copies_add_up_and_follow_the_seed():
    narrow = network(**RESNET, width=4)
    kernels = []
    for seed in (1, 1, 2):
        wide = network(**RESNET, width=12)
        grow(narrow, wide, seed)
        kernels.append(wide.get_layer("stage1_block1_conv1").get_weights()[0])
    one, again, other = kernels
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0
    kernel = narrow.get_layer("stage1_block1_conv1").get_weights()[0]
    summed = one.reshape(3, 3, 3, 4, 12).sum(2)
    assert summed == pytest.approx(np.tile(kernel, 3), abs=1e-6)


def test_copies_part_with_the_first_step():
    narrow, wide = network(**RESNET, width=4), network(**RESNET, width=12)
    grow(narrow, wide)
    wide.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(True))
    stem = wide.get_layer("stem_conv")
    copies = stem.get_weights()[0].reshape(7, 7, 3, 4)
    np.testing.assert_array_equal(copies[:, :, 0], copies[:, :, 1])
    wide.train_on_batch(images(8), np.arange(8) % 2)
    copies = stem.get_weights()[0].reshape(7, 7, 3, 4)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # steps of Adam are of the size of the rate: those of two copies differ as much
        assert np.all(np.abs(copies[:, :, one] - copies[:, :, other]).max((0, 1)) > 5e-4)


def test_layers_that_mix_channels_in_their_own_way_are_refused():
    narrow, wide = network("cnn_attention", width=8), network("cnn_attention", width=16)
    one_line("cannot begin as a narrower", lambda: grow(narrow, wide))
