"""The colour term of a lens finder: fitted before training, on top of weights without one."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model, load_model
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.find_lenses.colours import fit_colours
from lenszoo.tasks.find_lenses.task import FindLensesTask, lens_logits
from lenszoo.training import Recipe, train

SKY = {"preset": "lens_finding_cfhtls", "images": 32, "val_images": 8, "test_images": 8}


def recipe(**changes):
    fields = {"task": "find_lenses", "use": "image", "data": SKY, "epochs": 1, "batch_size": 16}
    return Recipe(**(fields | {"options": {"colours": True}} | changes))


def test_weights_without_a_term_get_one(tmp_path):
    start = "lens_finder.hard_sim_image"
    model = FindLensesTask(recipe(weights=start)).build()
    term, images = model.get_layer("colours"), sample_cutouts("lens_finding_cfhtls", 8).images
    before = lens_logits(load_model(start), images)
    temperature = model.get_layer("temperature")
    term_alone = np.array(term.colours(images)) @ np.array(term.coefficients) + term.offset
    added = lens_logits(model, images) - before
    np.testing.assert_allclose(
        added, np.array(term_alone)[:, 0] / float(temperature.temperature), atol=2e-3
    )
    assert np.abs(added).max() > 0.1


def test_a_run_keeps_the_term(tmp_path):
    options = {"colours": True, "width": 4, "dim": 8, "heads": 1}
    train(recipe(options=options), tmp_path / "run")
    model = load_model(str(tmp_path / "run"))
    assert np.abs(np.array(model.get_layer("colours").coefficients)).max() > 0


def test_the_term_ranks_by_colour():
    model = build_model("lens_finder", input_shape=(64, 64, 3), use="image", colours=True)
    sky = sample_cutouts("lens_finding_cfhtls", 300, 1, columns=())
    fit_colours(model, sky)
    term = model.get_layer("colours")
    scores = (np.array(term.colours(sky.images)) @ np.array(term.coefficients))[:, 0]
    lens = sky.labels == 1
    assert np.mean(scores[lens][:, None] > scores[~lens]) > 0.7


@pytest.mark.parametrize(
    "options", [{"use": "both", "columns": 2}, {"input_shape": (64, 64, 1), "use": "image"}]
)
def test_what_has_no_colours_is_refused(options):
    options = {"input_shape": (64, 64, 3), "colours": True} | options
    one_line("two bands or more", lambda: build_model("lens_finder", **options))


def test_one_class_has_no_colours_to_tell_apart():
    model = build_model("lens_finder", input_shape=(64, 64, 3), use="image", colours=True)
    sky = sample_cutouts("lens_finding_cfhtls", 4, columns=())
    one_line("both classes", lambda: fit_colours(model, sky.take(np.array([0, 2]))))
