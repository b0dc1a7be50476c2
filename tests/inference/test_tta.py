import keras
import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.data.augment import d4
from lenszoo.errors import LenszooError
from lenszoo.evaluation import log_softmax, tta_logits

SHAPE = (20, 20, 1)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_model("simple_cnn", input_shape=SHAPE, num_classes=3, width=4, head="flatten")


@pytest.fixture
def images():
    return np.random.default_rng(0).random((7, *SHAPE), dtype="float32")


def turned(images, k):
    return d4(images, np.full(len(images), k))


def test_it_is_the_mean_log_softmax_over_the_eight_symmetries(model, images):
    each = [log_softmax(model.predict_on_batch(turned(images, k))) for k in range(8)]
    assert np.ptp(each, axis=0).max() > 1e-3  # the network itself has no such symmetry
    answer = tta_logits(model, images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, np.mean(each, axis=0), rtol=1e-5)


def test_no_turn_or_flip_changes_a_bit_of_it(model, images):
    answer = tta_logits(model, images, batch_size=4)
    for k in range(1, 8):
        np.testing.assert_array_equal(tta_logits(model, turned(images, k), batch_size=4), answer)


def test_one_logit_is_averaged_as_it_is(images):
    single = build_model("simple_cnn", input_shape=SHAPE, num_classes=1, width=4)
    each = [single.predict_on_batch(turned(images, k)) for k in range(8)]
    np.testing.assert_allclose(tta_logits(single, images), np.mean(each, axis=0), rtol=1e-5)


def test_a_broken_image_gets_nan_and_leaves_the_others_alone(model, images):
    answer = tta_logits(model, images)
    images[3, 5, 5] = np.nan
    broken = tta_logits(model, images)
    assert np.isnan(broken[3]).all()
    np.testing.assert_array_equal(np.delete(broken, 3, axis=0), np.delete(answer, 3, axis=0))


@pytest.mark.parametrize("shape", [(2, 20, 24, 1), (20, 20, 1), (0, 20, 20, 1)])
def test_what_cannot_be_turned_is_refused(shape, model):
    with pytest.raises(LenszooError, match=r"square images|no images"):
        tta_logits(model, np.zeros(shape, "float32"))
