import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.metrics.shortcut import shortcut_baseline
from lenszoo.simulation import SPLIT_START, sample, sample_scenes
from lenszoo.simulation.render import TILE
from lenszoo.simulation.scene import Scene, ellipticity, stack

NAME = "common_test_sim"


def assert_same(some, others):
    np.testing.assert_array_equal(some.images, others.images)
    np.testing.assert_array_equal(some.labels, others.labels)
    assert some.truth.keys() == others.truth.keys()
    for key, values in some.truth.items():
        for a, b in zip(values, others.truth[key], strict=True):
            np.testing.assert_array_equal(a, b)


def pick(batch, rows):
    truth = {key: values[rows] for key, values in batch.truth.items()}
    return type(batch)(batch.images[rows], batch.labels[rows], truth, batch.class_names)


# --- a scene is itself, whatever is around it ---


def test_scenes_do_not_depend_on_batch_order_or_count(sky):
    assert_same(sample(NAME, 5, seed=11, start=17), pick(sky, slice(17, 22)))
    order = np.random.default_rng(0).permutation(3 * TILE + 5)
    assert_same(sample_scenes(NAME, order, seed=11), pick(sky, order))
    alone = sample(NAME, 1, seed=11, start=31)
    assert_same(alone, pick(sky, slice(31, 32)))


def test_seeds_and_splits_differ(sky):
    other = sample(NAME, 3, seed=12)
    assert np.abs(other.images - sky.images[:3]).max(axis=(1, 2, 3)).min() > 0.1
    held = sample(NAME, 3, seed=11, start=SPLIT_START["val"])
    assert held.truth["scene"].tolist() == [2**40, 2**40 + 1, 2**40 + 2]
    assert held.labels.tolist() == [2**40 % 3, 2**40 % 3 + 1, 0]
    assert np.abs(held.images - sky.images[:3]).max(axis=(1, 2, 3)).min() > 0.1


# --- what a sample holds ---


def test_images_labels_and_truth(sky):
    assert sky.images.shape == (900, 150, 150, 1) and sky.images.dtype == np.float32
    assert (sky.images.min(axis=(1, 2, 3)) == 0).all() and (
        sky.images.max(axis=(1, 2, 3)) == 1
    ).all()
    assert sky.labels.tolist() == [0, 1, 2] * 300 and sky.class_names == ("no", "sphere", "vort")
    assert sky.truth["scene"].tolist() == list(range(900))
    assert [len(p) for p in sky.truth["point_x"][:6]] == [0, 25, 25] * 2
    fraction = np.array([m.sum() for m in sky.truth["point_theta_e2"]])
    fraction /= sky.truth["einstein_radius"] ** 2
    np.testing.assert_allclose(fraction, sky.truth["substructure_mass_fraction"])
    assert (sky.truth["signal_to_noise"] > 300).all()


def test_pixels_have_the_published_statistics(sky):
    """The published set has a pixel mean of 0.0617 and a standard deviation of 0.117."""
    assert sky.images.mean() == pytest.approx(0.0617, abs=0.004)
    assert sky.images.std() == pytest.approx(0.117, abs=0.006)
    corners = sky.images[:, [3, 3, -4, -4], [3, -4, 3, -4]]
    assert corners.mean() == pytest.approx(0.0118, abs=0.002)


def test_global_statistics_say_little_about_the_class(sky):
    """Where lens and source differ by class, as in DeepLenseSim's Model I, they reach 0.95 to 1."""
    result = shortcut_baseline(sky.images, sky.labels, 3)
    assert result.macro_ovr_auc < 0.68 and (result.per_class_auc < 0.75).all()


def test_stronger_substructure_is_seen_where_there_is_some(sky):
    strong = sample(NAME, 6, seed=11, strength=5.0)
    change = np.abs(strong.images - sky.images[:6]).max(axis=(1, 2, 3))
    assert (change[[0, 3]] == 0).all() and (change[[1, 2, 4, 5]] > 0.1).all()


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("comon_test_sim", 3), "Did you mean 'common_test_sim'"),
        ((NAME, 0), "at least 1"),
        ((NAME, 3, -1), "negative"),
        ((NAME, 3, 2**64), "huge"),
        ((NAME, 3, 0, -2), "negative"),
        ((NAME, 3, 0, 0, -1.0), "strength"),
        (("lens_finding_easy", 3, 0, 0, 4.0), "no substructure"),
        ((NAME, 3, 0, 0, float("nan")), "strength"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(LenszooError, match=message) as caught:
        sample(*arguments)
    assert "\n" not in str(caught.value)


# --- scenes ---


def test_stack_fills_up_with_massless_points():
    values = {"sky": 10.0}
    full = Scene(values, np.array([[1.0, 2.0, 0.1]]), np.array([[1, 2]], np.uint32))
    arrays = stack([full, Scene(values, keys=full.keys)], 2)
    assert arrays["point_theta_e2"].tolist() == [[np.float32(0.1), 0.0], [0.0, 0.0]]
    assert arrays["sky"].shape == (2, 1) and arrays["keys"].shape == (2, 1, 2)


def test_ellipticity_is_that_of_the_axis_ratio():
    e1, e2 = ellipticity(0.5, np.pi / 4)
    assert e1 == pytest.approx(0, abs=1e-12) and e2 == pytest.approx(1 / 3)


def test_the_repr_of_a_sample_is_one_short_line():
    assert repr(sample("common_test_sim", 4, seed=1)) == (
        "Sample(4 images 150x150x1: no 2, sphere 1, vort 1; 19 truths)"
    )
    assert repr(sample("sr_75_150", 1, seed=1)).startswith(
        "Sample(1 image 75x75x1, targets 150x150x1: "
    )
