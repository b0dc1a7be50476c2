import numpy as np
import pytest
from scipy.special import softmax
from tinyreports import classes

from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.outcome import check_outcome

NAMES = ["no", "sphere", "vort"]


def test_mistakes_are_the_most_confident_ones():
    labels, logits, _ = classes()
    outcome = check_outcome(labels, logits, NAMES, [f"a/<{i}>.npy" for i in range(len(labels))])
    p = softmax(logits.astype(float), axis=1)
    wrong = np.flatnonzero(p.argmax(1) != labels)
    worst = wrong[np.argsort(-p[wrong].max(axis=1))][:12]
    assert outcome.most_confident(outcome.predicted != labels, 12) == worst.tolist()
    first = outcome.describe(int(worst[0]))
    assert (first["row"], first["id"]) == (worst[0], f"a/<{worst[0]}>.npy")
    assert first["true"] == NAMES[labels[worst[0]]]
    assert first["predicted"] != first["true"]
    assert first["probability"] == pytest.approx(p[worst[0]].max())


def test_saturated_mistakes_are_ranked_by_logits():
    logits = [[0.0, 900.0], [0.0, 1000.0], [0.0, 950.0], [5.0, 0.0]]
    outcome = check_outcome([0, 0, 0, 0], logits, ["a", "b"], None)
    assert outcome.most_confident(outcome.predicted == 1, 12) == [1, 2, 0]


def test_nan_logits_name_the_images():
    labels, logits, _ = classes()
    logits[[3, 7, 9, 11], 1] = np.nan
    with pytest.raises(LenszooError) as error:
        check_outcome(labels, logits, NAMES, [f"img{i}" for i in range(len(labels))])
    assert "4 of 240" in str(error.value)
    assert "(img3, img7, img9, ...)" in str(error.value)
    assert "\n" not in str(error.value)
