import numpy as np
import pytest

from lenszoo.data import Cutouts
from lenszoo.tasks.find_lenses.adapt_batches import AdaptBatches, Parts, hide_labels, sky_noise
from lenszoo.tasks.find_lenses.recipe import AdaMatch


def numbered(n, seed):
    """Candidates whose table holds their own position."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(n, 8, 8, 2)).astype(np.float32)
    labels = (rng.random(n) < 0.3).astype(np.int32)
    table = np.arange(n, dtype=np.float32)[:, None]
    names = tuple(map(str, range(n)))
    return Cutouts(names, images, table, ("row",), labels, truth={"kind": labels})


def test_labels_are_hidden_class_by_class():
    sky = numbered(400, 0)
    few, more = (hide_labels(sky, fraction, 7) for fraction in (0.05, 0.2))
    lenses, others = sky.labels.sum(), (sky.labels == 0).sum()
    assert more.class_counts() == {"nonlens": round(others / 5), "lens": round(lenses / 5)}
    kept = more.labels >= 0
    assert np.array_equal(more.labels[kept], sky.labels[kept])
    assert kept[few.labels >= 0].all()
    assert more.truth is None
    other = hide_labels(sky, 0.2, 8)
    assert other.class_counts() == more.class_counts()
    assert not np.array_equal(other.labels, more.labels)
    assert hide_labels(sky, 0.0, 7).class_counts() == {"nonlens": 0, "lens": 0}
    assert hide_labels(sky, 1e-6, 7).class_counts() == {"nonlens": 1, "lens": 1}


def test_batches_hold_no_label_that_was_taken_away():
    """Labels go with their own candidates, and none with the unlabelled."""
    source, sky = numbered(50, 1), numbered(90, 2)
    target = hide_labels(sky, 0.2, 0)
    parts = Parts(8, 4, 6)
    batches = AdaptBatches(
        source, target, parts, steps=15, seed=4, epoch=1, augment="d4", views=AdaMatch(jitter=0)
    )
    assert len(batches) == 15
    unlabelled = []
    for i in range(15):
        x, y = batches[i]
        rows = x["table"][:, 0].astype(int)
        assert x["images"].shape == (18, 8, 8, 2)
        assert y["labels"].shape == (12, 1)
        assert np.array_equal(y["labels"][:8, 0], source.labels[rows[:8]])
        assert np.array_equal(y["labels"][8:, 0], target.labels[rows[8:12]])
        assert y["labels"].min() >= 0
        assert (target.labels[rows[12:]] == -1).all()
        assert np.array_equal(y["weak"]["table"][:, 0], rows[12:])
        unlabelled.extend(rows[12:])
    assert set(unlabelled) == set(np.flatnonzero(target.labels == -1))


def test_batches_are_the_same_each_time_and_differ_by_epoch():
    def batch(epoch, index=1):
        target = hide_labels(numbered(40, 2), 0.5, 0)
        return AdaptBatches(
            None,
            target,
            Parts(0, 4, 4),
            steps=3,
            seed=4,
            epoch=epoch,
            augment="d4",
            views=AdaMatch(),
        )[index]

    (x, y), (again, same), (later, _) = batch(0), batch(0), batch(1)
    assert np.array_equal(x["images"], again["images"])
    assert np.array_equal(y["weak"]["images"], same["weak"]["images"])
    assert not np.array_equal(x["images"], later["images"])
    assert not np.array_equal(x["images"], batch(0, 2)[0]["images"])


def test_views_are_what_they_say():
    sky = numbered(600, 3)
    assert sky_noise(sky.images) == pytest.approx([1.0, 1.0], rel=0.1)

    def views(**changes):
        none = {"shift": 0, "noise": 0.0, "flux": 0.0, "jitter": 0.0} | changes
        (x, y) = AdaptBatches(
            None,
            hide_labels(sky, 0, 0),
            Parts(0, 0, 600),
            steps=1,
            seed=0,
            epoch=0,
            augment=None,
            views=AdaMatch(**none),
        )[0]
        return x["images"], y["weak"]["images"], x["table"], y["weak"]["table"]

    strong, weak, _, _ = views()
    assert np.array_equal(strong, weak)
    strong, weak, _, _ = views(shift=2)
    assert not np.array_equal(strong, weak)
    np.testing.assert_array_equal(np.sort(strong.reshape(600, -1)), np.sort(weak.reshape(600, -1)))
    strong, weak, _, _ = views(flux=0.1)
    factor = (strong / weak).reshape(600, -1)
    assert np.ptp(factor, axis=1).max() < 1e-4
    assert np.log(factor[:, 0]).std() == pytest.approx(0.1, rel=0.15)
    strong, weak, _, _ = views(noise=0.5)
    assert (strong - weak).std() == pytest.approx(0.5 / 3**0.5, rel=0.15)
    _, _, strong, weak = views(jitter=0.1)
    assert (strong - weak).std() == pytest.approx(0.1 * sky.table.std(), rel=0.1)
