import keras
import numpy as np
import pytest
from oneline import one_line
from tinyrun import run_epoch

from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.hint_grids import Grid
from lenszoo.tasks.classify.hints import HintLoss, hint_losses
from lenszoo.tasks.classify.recipe import Hint
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.training import Recipe

SIDE = 24
HEAD = ("norm/gamma", "norm/beta", "predict/kernel", "predict/bias")
VIT = {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 16, "patch": 4}


def maps_of(layer):
    """A model that answers one number and a map of square images."""
    images = keras.Input((SIDE, SIDE, 1))
    maps = layer(images)
    answer = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(images, [answer, maps])


@pytest.mark.parametrize(
    ("kernel", "stride", "start"),
    [(4, 4, 1.5), (1, 3, 0.0), (3, 2, 1.0)],  # the middle of the first window, and so on
)
def test_grids_are_those_of_the_convolution(kernel, stride, start):
    keras.utils.set_random_seed(0)
    ones = keras.layers.Conv2D(1, kernel, stride, kernel_initializer="ones")
    teacher = maps_of(ones)
    (loss,) = hint_losses((Hint(student="a", teacher="b"),), teacher, teacher)
    read = np.array(loss._read)
    # student and teacher look at the same places: each cell reads its own row
    assert read == pytest.approx(np.eye(len(read)))
    patches = maps_of(keras.layers.Conv2D(1, 4, 4, kernel_initializer="ones"))
    (loss,) = hint_losses((Hint(student="a", teacher="b"),), patches, teacher)
    rows = np.array(loss._read) @ np.arange(teacher.output_shape[1][1])
    inside = rows[1:-1]
    assert inside == pytest.approx((1.5 + 4 * np.arange(1, 5) - start) / stride)


def test_points_lie_within_a_cell():
    own, told = Grid(1.5, 4.0, 6), Grid(0.0, 1.0, 24)
    read = np.array(HintLoss(own, told, 2)._read)
    pixels = (read @ np.arange(24)).reshape(6, 2)
    assert pixels == pytest.approx(1.5 + 4 * np.arange(6)[:, None] + np.array([-1.0, 1.0]))
    assert read.sum(1) == pytest.approx(1.0)


def test_error_of_a_constant_is_one_and_a_told_map_is_learned():
    """A student whose token holds the map itself predicts it; points come in order of rows."""
    rng = np.random.default_rng(0)
    told = rng.normal(3.0, 2.0, (4, 6, 6, 5)).astype("float32")
    grid = Grid(0.0, 1.0, 6)
    loss = HintLoss(grid, grid, 1)
    loss.build((None, 37, 5), (None, 6, 6, 5))
    loss.predict.kernel.assign(np.zeros((5, 5)))
    own = np.concatenate([np.full((4, 1, 5), 9.0), told.reshape(4, 36, 5)], axis=1)
    assert float(loss(own.astype("float32"), told)) == pytest.approx(1.0, abs=0.01)
    own = own - own.mean(-1, keepdims=True)
    told = told - told.mean(-1, keepdims=True)
    scale = told.std(axis=(0, 1, 2)) / told.std(-1).mean()
    loss.predict.kernel.assign(np.diag(1 / scale))
    assert float(loss(own.astype("float32"), told)) < 0.35  # the norm of a token is not told


def vit_recipe(fields, teacher, hint=None, **distill):
    hint = {"student": "block1_add2", "teacher": "relu2", "points": 2} | (hint or {})
    return Recipe(
        **(fields | {"model": "vit_b16", "options": VIT}),
        distill={"teacher": str(teacher), "hints": [hint], "hint_weight": 1.0} | distill,
    )


@pytest.mark.parametrize("precision", ["none", "mixed_bfloat16"])
def test_losses_of_hints_fall_and_none_is_kept_in_the_student(precision, fields, teacher):
    fields["optimizer"] = {"learning_rate": 1e-2, "schedule": "constant"}
    fields["mixed_precision"] = precision
    task = ClassifyTask(vit_recipe(fields, teacher, weight=1.0))
    model = task.build()
    task.compile(model, 0)
    own = {w.path for w in keras.Model(model.input, model.output).weights}
    trained = {w.path for w in model.trainable_variables}
    assert trained - own == {f"hint1/{name}" for name in HEAD}
    losses = [run_epoch(task, model, epoch) for epoch in range(5)]
    assert losses[-1] < 0.8 * losses[0]
    assert all(np.abs(np.asarray(w)).max() > 0 for w in model.hint_losses[0].trainable_variables)
    answers = task.answers(model)
    assert {w.path for w in keras.Model(answers.input, answers.output).weights} == own


def test_the_loss_is_that_of_a_teacher_and_the_weighted_errors_of_hints(fields, teacher):
    """Without training, as in validation, hints do not count."""
    recipes = [vit_recipe(fields, teacher, hint_weight=w) for w in (0.5, 1.0)]
    losses = []
    for recipe in recipes:
        keras.utils.set_random_seed(1)
        task = ClassifyTask(recipe)
        model = task.build()
        task.compile(model, 0)
        images, labels = next(iter(task.epoch(0)))
        logits = model(images, training=True)
        trained = float(model.compute_loss(images, labels, logits))
        losses.append((float(model.compute_loss(images, labels, logits, training=False)), trained))
    (plain, half), (same, whole) = losses
    assert plain == pytest.approx(same)
    assert half - plain == pytest.approx(0.5 * (whole - plain), rel=1e-4)
    assert 0.8 < whole - plain < 5.0  # a random start predicts worse than a constant


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (
            {"student": "block9_add2"},
            "vit_b16 has no layer 'block9_add2'; it has block._add2",
        ),
        ({"teacher": "relu9"}, "has no layer 'relu9'"),
        ({"student": "first_vector"}, "layer 'first_vector' of the student vit_b16 has no map"),
        ({"teacher": "logits"}, "layer 'logits' of the teacher .* has no map of the image"),
    ],
)
def test_a_layer_that_will_not_do_is_named_in_one_line(hint, message, fields, teacher):
    recipe = vit_recipe(fields, teacher, hint)
    with pytest.raises(LenszooError, match=message) as caught:
        ClassifyTask(recipe).build()
    assert "\n" not in str(caught.value)


def test_maps_whose_rows_have_no_place_are_refused():
    student, teacher = maps_of(keras.layers.Conv2D(1, 3)), maps_of(keras.layers.UpSampling2D())
    hint = (Hint(student="a", teacher="b"),)
    one_line(
        "the rows of layer 'b' of the teacher have no place on the image",
        lambda: hint_losses(hint, student, teacher),
    )
    one_line(
        "a layer of the student has no places on the image",
        lambda: hint_losses(hint, teacher, student),
    )


def test_a_corpus_keeps_no_maps(teacher):
    one_line(
        "distill.hints needs the teacher in every step: leave out corpus",
        lambda: Recipe(
            model="simple_cnn",
            data={"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6},
            corpus={"scenes": 6},
            distill={"teacher": str(teacher), "hints": [{"student": "a", "teacher": "b"}]},
        ),
    )
