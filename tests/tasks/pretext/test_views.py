import keras
import numpy as np
import pytest

from lenszoo.tasks.pretext.views import (
    PredictEachOther,
    margin_loss,
    nt_xent,
    retrieval,
    unit,
)


def vectors(n=5, length=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, n, length)).astype(np.float32)


def test_margin_loss_is_its_formula():
    one, other = vectors()
    u, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
    d = np.linalg.norm(u[:, None] - v[None], axis=-1)
    for margin in (0.5, 1.3):
        hinge = np.maximum(margin - d, 0) ** 2
        far = hinge[~np.eye(5, dtype=bool)].mean()
        expected = 0.5 * (np.mean(np.diag(d) ** 2) + far)
        assert float(margin_loss(one, other, margin)) == pytest.approx(expected, abs=1e-5)


def test_nt_xent_is_its_formula():
    one, other = vectors()
    z = np.concatenate([one, other]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    s = np.exp(z @ z.T / 0.3)
    np.fill_diagonal(s, 0)
    expected = np.mean([-np.log(s[i, (i + 5) % 10] / s[i].sum()) for i in range(10)])
    assert float(nt_xent(one, other, 0.3)) == pytest.approx(expected, abs=1e-4)


def test_a_view_takes_no_gradient_as_what_is_predicted():
    """SimSiam's remedy against collapse: only the predicting side learns."""
    from lenszoo.tasks.pretext import views as pretext_views

    loss = PredictEachOther(6, 3)
    one, other = vectors(8, 6)
    value = float(loss(one, other))
    assert -1.0 <= value <= 1.0
    stopped = []
    stop = keras.ops.stop_gradient
    pretext_views.ops.stop_gradient = lambda x: stopped.append(x) or stop(x)
    try:
        assert float(loss(one, other)) == pytest.approx(value, abs=1e-6)
    finally:
        pretext_views.ops.stop_gradient = stop
    norm = [unit(loss.norm(x, training=True)) for x in (other, one)]
    for found, expected in zip(stopped, norm, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_retrieval_finds_partners_and_nothing_in_a_collapse():
    one, other = vectors(30, 8)
    assert retrieval(one, one + 1e-3 * other) == 1.0
    assert retrieval(one, other) < 0.2
    assert retrieval(np.ones((30, 8)), np.ones((30, 8))) == 0.0
