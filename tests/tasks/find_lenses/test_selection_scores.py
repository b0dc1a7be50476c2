"""Threshold of a selection function: set by the galaxies' own scores, with reservations."""

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.inference import open_model
from lenszoo.simulation import get_survey, simulate_galaxies
from lenszoo.tasks.find_lenses.selection_scores import Scorer


@pytest.fixture(scope="module")
def scorer():
    galaxies = simulate_galaxies(get_survey("cfhtls_gri").sized(32), 20, seed=6)
    keras.utils.set_random_seed(1)
    options = {"width": 4, "dim": 8, "heads": 2, "use": "image", "stretch": "noise"}
    finder = open_model(build_model("lens_finder", input_shape=(32, 32, 3), **options))
    return Scorer(finder, galaxies, 8, "raise", {"zero_point": ZERO_POINT})


def test_logits_do_not_depend_on_how_many_are_scored_together(scorer):
    images, ids = scorer.galaxies.images, scorer.galaxies.ids
    whole = scorer.logits(images, ids)
    parts = [scorer.logits(images[k : k + 3], ids[k : k + 3]) for k in range(0, 20, 3)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert len(np.unique(whole)) == 20 and not len(scorer.logits(images[:0], ()))


def test_the_threshold_is_that_of_the_rate_and_few_galaxies_are_told(scorer):
    at = scorer.threshold(None, 0.1)
    assert (scorer.logits(scorer.galaxies.images, scorer.galaxies.ids) >= at.logit).sum() == 2
    assert "for 10 %, which 2 of 20 galaxies pass" in at.rule
    assert "20 galaxies do not measure a false-positive rate of 10 %; it takes 36" in at.notes[0]
    given = scorer.threshold(at.logit, 0.5)
    assert given.logit == at.logit and "2 of 20 galaxies pass" in given.rule and not given.notes
    one_line("The threshold is inf", lambda: scorer.threshold(float("inf"), 0.1))
