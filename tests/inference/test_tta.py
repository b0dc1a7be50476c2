import keras
import numpy as np
import pytest

from lenszoo import build_model, predict
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


def test_it_is_the_mean_of_the_logits_over_the_eight_symmetries(model, images):
    each = [model.predict_on_batch(turned(images, k)) for k in range(8)]
    assert np.ptp(each, axis=0).max() > 1e-3  # the network itself has no such symmetry
    answer = tta_logits(model, images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, np.mean(each, axis=0), rtol=1e-4, atol=1e-6)
    geometric = np.mean([log_softmax(logits) for logits in each], axis=0)
    np.testing.assert_allclose(log_softmax(answer), log_softmax(geometric), atol=1e-6)


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


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_columns_mean_the_same_with_and_without_it(classes, images):
    """Confident answers stay apart: a log-probability would be 0 for all of them."""
    keras.utils.set_random_seed(1)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=classes, width=4)
    head = model.get_layer("logits")
    kernel, bias = head.get_weights()
    bias[-1] += 60.0  # the last class is certain
    head.set_weights([kernel, bias])
    names = ["nonlens", "lens", "other"][: max(2, classes)]
    plain, augmented = (predict(model, images, classes=names, tta=tta) for tta in (False, True))
    last = f"logit_{names[-1]}"
    for table in (plain, augmented):
        logits = np.stack([table[f"logit_{name}"] for name in names], axis=1).astype(float)
        shares = np.stack([table[f"prob_{name}"] for name in names], axis=1)
        np.testing.assert_allclose(np.exp(log_softmax(logits)), shares, atol=1e-6)
        assert np.all(shares[:, -1] == 1.0) and len(set(table[last].to_pylist())) == len(images)
    difference = np.abs(augmented[last].to_numpy() - plain[last].to_numpy())
    assert difference.max() < 5.0, "the mean of eight looks, not another quantity"
