"""A catalogue is read as that of the training was, and what differs is told."""

import dataclasses
import json
import logging

import pytest

from lenszoo import build_model
from lenszoo.data.observation import summarise
from lenszoo.inference import Catalogue, open_model, predict
from lenszoo.inference.trained_inputs import as_trained
from lenszoo.simulation import perturbed, sample

LEARNED = {"catalogue": "a.csv", "zero_point": 30.0, "sky": "border", "missing_values": [-99.0]}


@pytest.fixture
def trained(finder, tmp_path):
    def make(data):
        (tmp_path / "recipe.json").write_text(json.dumps({"data": data}))
        return dataclasses.replace(finder, run_dir=tmp_path)

    return make


def test_settings_that_were_not_chosen_are_those_of_the_training(trained, caplog):
    with caplog.at_level(logging.INFO, "lenszoo"):
        catalogue = as_trained(trained(LEARNED), Catalogue("b.csv"))
    assert (catalogue.zero_point, catalogue.sky) == (30.0, "border")
    assert catalogue.missing_values == (-99.0,) and catalogue.mask_value is None
    told = sorted(record.getMessage() for record in caplog.records)
    assert told[-1] == "b.csv: zero_point=30.0, as in training." and len(told) == 3


def test_a_choice_stays_and_is_warned_of_where_it_differs(trained, caplog):
    with caplog.at_level(logging.WARNING, "lenszoo"):
        chosen = Catalogue("b.csv", zero_point=25.0, sky="border", missing_values=(-99.0,))
        assert as_trained(trained(LEARNED), chosen) == chosen
    (record,) = caplog.records
    assert "zero_point=25.0, but" in record.getMessage() and "with 30.0" in record.getMessage()


@pytest.mark.parametrize(
    "data", [{}, {"preset": "lens_finding_easy", "zero_point": 30.0}, ["no", "table"]]
)
def test_a_model_that_learned_on_no_catalogue_says_nothing(trained, data, caplog):
    catalogue = Catalogue("b.csv", zero_point=25.0)
    assert as_trained(trained(data), catalogue) == catalogue
    assert not caplog.records


@pytest.fixture(scope="module")
def classifier():
    """A classifier that knows the camera of its training, untrained."""
    model = build_model("simple_cnn", input_shape=(150, 150, 1), num_classes=3, crop=104)
    opened = open_model(model, ("no", "sphere", "vort"))
    return dataclasses.replace(
        opened,
        observation=summarise(sample("common_test_sim", 64, seed=0).images),
        provenance=opened.provenance | {"recipe": "simple_cnn.common_test_sim.toml"},
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": 1.5}, "the noise of a pixel is 1."),
        ({"psf": 1.5}, "they are more blurred than those of the training"),
        ({"noise": 1.1}, None),
    ],
)
def test_another_camera_than_that_of_the_training_is_told(changes, words, classifier, caplog):
    images = sample(perturbed("common_test_sim", **changes), 24, seed=3).images
    with caplog.at_level(logging.WARNING, "lenszoo"):
        predict(classifier, images)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == (words is not None)
    assert all(words in line and line.endswith("do not trust its answers.") for line in told)


def test_images_out_of_scale_are_told_of_that_alone(classifier, caplog):
    images = sample("common_test_sim", 16, seed=3).images
    with caplog.at_level(logging.WARNING, "lenszoo"):
        predict(classifier, 3 * images)
    (record,) = caplog.records
    assert "not in [0, 1]" in record.getMessage()
