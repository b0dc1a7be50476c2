"""What is collected beside the answers is what the model and its branches say by themselves."""

import numpy as np
from tinysurvey import BANDS, COLUMNS, PATTERN

from lenszoo.data import read_catalogue
from lenszoo.evaluation import tta_logits
from lenszoo.inference.answers import run
from lenszoo.inference.candidates import open_inputs
from lenszoo.inference.gathered import LOOKS, Gathered
from lenszoo.models.lens_finder import branch


def gather(opened, inputs, *, tta, size=7):
    candidates = open_inputs(opened, inputs, None, False, None)
    gathered = Gathered(opened, candidates, size, tta)
    answers = run(opened.model, candidates, size, None, gathered.collect)
    return gathered, opened.logits(answers.values)


def test_a_lens_finder_is_looked_at_branch_by_branch(finder, survey):
    where = {"images": survey.images, "pattern": PATTERN, "bands": BANDS, "label": "is_lens"}
    cutouts = read_catalogue(survey.table, **where, columns=COLUMNS)
    gathered, logits = gather(finder, cutouts, tta=False)
    np.testing.assert_array_equal(gathered.images, cutouts.images)
    assert list(gathered.looks) == ["image only", "table only"]
    for use, inputs in (("image", cutouts.images), ("table", cutouts.table)):
        alone = finder.logits(branch(finder.model, use).predict(inputs, verbose=0))
        looks = gathered.looks[f"{use} only"]
        np.testing.assert_allclose(looks, alone, atol=1e-5)
        assert np.abs(looks - logits).max() > 0.01


def test_eight_looks_are_the_mean_over_turns(opened, stack):
    images = stack[0]
    gathered, logits = gather(opened, images, tta=True)
    np.testing.assert_array_equal(gathered.images, images)
    np.testing.assert_allclose(
        gathered.looks[LOOKS], tta_logits(opened.model, images), rtol=1e-4, atol=1e-4
    )
    assert gathered.looks.keys() == {LOOKS} and logits.shape == gathered.looks[LOOKS].shape
