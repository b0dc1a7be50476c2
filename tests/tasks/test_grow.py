"""A large network that begins as a small one: the same answers, and copies that part."""

import json
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line
from tinynetworks import RESNET, close, images, network

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model, save_weights
from lenszoo.tasks.classify.task import ClassifyTask, predict_logits
from lenszoo.tasks.grow import grow
from lenszoo.training import Recipe

UNTIL = "conv4_block6_out"  # its third stage is deeper in resnet101
SMALL = (24, 24, 1)  # of the fixtures
TOKENS = {"patch": 8, "dim": 16, "depth": 2, "heads": 2, "mlp_dim": 32}
MOBILEVIT = {
    "channels": (4, 4, 4, 4, 4, 4, 32),
    "dims": (8, 8, 8),
    "depths": (1, 1, 1),
    "expansion": 1,
    "transformer_dropout": 0.0,
}


@pytest.mark.parametrize(
    ("name", "few", "many"),
    [
        ("resnet18", RESNET | {"width": 4}, RESNET | {"width": 12}),
        ("resnet18", {"blocks": (1, 1), "width": 4}, {"blocks": (1, 1), "width": 8}),
        ("resnet18", RESNET | {"width": 4}, RESNET | {"width": 4}),
        ("simple_cnn", {"width": 4}, {"width": 16}),
        ("vit_ti16", TOKENS, {**TOKENS, "dim": 48, "heads": 6, "mlp_dim": 96}),
        ("vit_ti16", TOKENS, {**TOKENS, "depth": 3}),
        ("beit_b16", TOKENS, {**TOKENS, "dim": 32, "heads": 4, "mlp_dim": 64, "depth": 3}),
        ("resnet18", RESNET | {"width": 4}, {**RESNET, "width": 8, "blocks": (3, 2)}),
        ("mobilevit_mini", MOBILEVIT, MOBILEVIT | {"depths": (1, 3, 2)}),
    ],
)
def test_the_answers_stay_what_they_were(name, few, many):
    narrow, wide = network(name, **few), network(name, seed=2, **many)
    before = predict_logits(wide, images())
    told = predict_logits(narrow, images())
    assert np.abs(before - told).max() > 0.1 * np.ptp(told)
    grow(narrow, wide)
    assert predict_logits(wide, images()) == close(told)


@pytest.mark.slow
def test_resnet101_answers_as_resnet50_does():
    small, large = network("resnet50", until=UNTIL), network("resnet101", until=UNTIL, seed=2)
    grow(small, large)
    told = predict_logits(small, images())
    assert predict_logits(large, images()) == close(told)


@pytest.mark.parametrize(
    ("few", "many", "until"),
    [
        ("resnet50_slim", "resnet50", "conv3_block1_out"),
        ("densenet121", "densenet121", "conv3_block2_concat"),
        ("xception", "xception", "block4_sepconv1_bn"),
    ],
)
def test_a_network_of_keras_applications_begins_as_a_quarter_of_it(few, many, until):
    """Also past concatenations, and with layers that have no name of their own."""
    shape, share = (71, 71, 1), {} if few.endswith("slim") else {"alpha": 0.25}
    small = network(few, shape, until=until, **share)
    large = network(many, shape, seed=2, until=until)
    grow(small, large)
    told = predict_logits(small, images(3, shape))
    assert predict_logits(large, images(3, shape)) == close(told)


def test_the_same_width_takes_over_every_bit():
    narrow, same = network(**RESNET, width=4), network(**RESNET, width=4, seed=2)
    grow(narrow, same)
    for ours, theirs in zip(same.get_weights(), narrow.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("few", "many", "message"),
    [
        ({}, {"blocks": (2, 1, 1)}, "its layer stage3_block1_conv1 is in no residual branch"),
        ({"blocks": (2, 2)}, {}, "other layers; choose networks that differ in width and residual"),
        ({"shape": (32, 32, 3)}, {}, "other bands or classes"),
        ({"classes": 3}, {}, "other bands or classes"),
        ({"width": 5}, {}, "no multiples of"),
        ({"width": 16}, {}, "no multiples of"),
        ({"head": "flatten"}, {"head": "flatten"}, "a layer Flatten"),
        ({}, {"stem": "imagenet"}, "options.stem is 'imagenet' here and 'fine' there; set it to"),
        ({"activation": "softmax"}, {}, "options.activation is None here and 'softmax' there"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line_and_changes_nothing(few, many, message):
    narrow = network(**RESNET | {"width": 4} | few)
    wide = network(**RESNET | {"width": 8} | many)
    before = wide.get_weights()
    with pytest.raises(LenszooError, match=message) as caught:
        grow(narrow, wide)
    assert "\n" not in str(caught.value)
    for now, then in zip(wide.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.fixture
def wider(fields, tmp_path):
    """Fields of a recipe that begins as a narrower network, and that network."""
    narrow = network("simple_cnn", SMALL, width=4)
    folder = tmp_path / "narrow"
    folder.mkdir()
    save_weights(narrow, folder / "best.weights.h5")
    (folder / "run.json").write_text(json.dumps({"classes": ["bar", "dot"]}))
    return fields | {"grow": str(folder), "options": {"width": 8}}, narrow


def test_a_recipe_begins_as_the_narrow_network_and_learns_on(wider):
    fields, narrow = wider
    task = ClassifyTask(Recipe(**fields))
    model = task.build()
    few = images(shape=SMALL)
    assert predict_logits(model, few) == close(predict_logits(narrow, few))
    task.compile(model, 0)
    losses = [
        model.fit(task.epoch(i), verbose=0, shuffle=False).history["loss"][0] for i in range(4)
    ]
    assert losses[-1] < losses[0]


def test_weights_of_other_classes_are_refused(wider):
    fields, _ = wider
    Path(fields["grow"], "run.json").write_text(json.dumps({"classes": ["dot", "bar"]}))
    one_line(
        "tells dot, bar apart, the images are of bar, dot",
        lambda: ClassifyTask(Recipe(**fields)).build(),
    )


def test_there_is_one_start(wider):
    fields, _ = wider
    one_line(
        "weights and grow are both a start: give one", lambda: Recipe(**fields, weights="imagenet")
    )


@pytest.mark.parametrize(
    ("name", "few", "many", "message"),
    [
        ("srresnet_1", {"width": 8}, {"width": 16}, "of mixed channels cannot begin as a narrower"),
        ("esrn_1", {"width": 8, "growth": 4}, {"width": 16, "growth": 8}, "mixed channels"),
        ("vit_ti16", TOKENS, {**TOKENS, "mean": 0.0}, "options.mean is 0.0 here and 0.5 there"),
        ("vit_ti16", TOKENS, {**TOKENS, "patch": 4}, "options.patch is 4 here and 8 there"),
    ],
)
def test_what_would_change_the_answers_is_refused(name, few, many, message):
    options = {} if name.startswith("vit") else {"blocks": 1}
    shape = SMALL if options == {} else (12, 12, 1)
    classes = {"num_classes": 3} if options == {} else {}
    small, large = (
        build_model(name, input_shape=shape, **classes, **options | more) for more in (few, many)
    )
    one_line(message, lambda: grow(small, large))


def test_a_transformer_begins_at_its_image_size_alone():
    small, large = network("vit_ti16", SMALL, **TOKENS), network("vit_ti16", (40, 40, 1), **TOKENS)
    one_line("no multiples of", lambda: grow(small, large))
