import csv
import json
import shutil
import zipfile
from pathlib import Path

import filelock
import numpy as np
import pytest
from tinyrun import recipe_fields, write_images

import lenszoo
from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.training import Recipe, train
from lenszoo.training.state import STATE_FILE, read_progress

pytestmark = pytest.mark.usefixtures("blank_figures")


def test_run_folder_holds_what_it_says_and_loads_as_a_model(fields, tmp_path):
    result = train(fields, tmp_path / "run")
    folder = tmp_path / "run"
    names = {p.name for p in folder.iterdir()}
    wanted = {"recipe.json", "run.json", "history.csv", "report.json", "report.html", STATE_FILE}
    assert wanted | {"best.weights.h5", "last.weights.h5", "tensorboard"} <= names
    rows = list(csv.DictReader((folder / "history.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    run = json.loads((folder / "run.json").read_text())
    assert run["classes"] == ["bar", "dot"]
    assert run["model"]["model"] == "simple_cnn"
    assert run["environment"]["backend"] in ("tensorflow", "jax")
    model = lenszoo.load_model(folder)
    assert model(np.zeros((1, 24, 24, 1), "float32")).shape == (1, 2)
    # the report scores the best epoch, exactly as validation did
    best = max(float(row["val_auc"]) for row in rows)
    assert result.metrics["macro_ovr_auc"] == pytest.approx(best, abs=1e-6)

    # a finished run returns at once and changes nothing
    # a lock file is touched by some versions of filelock
    files = [p for p in folder.iterdir() if p.is_file() and p.name != ".lock"]
    before = {p: p.stat().st_mtime_ns for p in files}
    again = train(fields, folder)
    assert again.metrics == result.metrics
    assert again.history == result.history
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """Fields of a recipe of one epoch, and its finished run."""
    root = tmp_path_factory.mktemp("one_epoch")
    fields = recipe_fields(write_images(root / "images")) | {"epochs": 1}
    train(fields, root / "run")
    return fields, root / "run"


@pytest.fixture
def finished(one_epoch, tmp_path):
    """The same, and a copy of the run to spoil."""
    fields, run = one_epoch
    return fields, shutil.copytree(run, tmp_path / "run")


def test_another_recipe_in_the_same_folder_is_refused(finished):
    fields, run = finished
    with pytest.raises(LenszooError, match=r"another recipe \(epochs: 1 there, 2 here\)"):
        train(fields | {"epochs": 2}, run)


@pytest.mark.parametrize(("member", "sound"), [("v0.npy", True), ("progress.npy", False)])
def test_of_a_damaged_state_a_finished_run_needs_the_progress_alone(finished, member, sound):
    fields, run = finished
    before = read_progress(run)
    content = bytearray((run / STATE_FILE).read_bytes())
    with zipfile.ZipFile(run / STATE_FILE) as archive:
        info = archive.getinfo(member)
    start = info.header_offset + info.file_size // 2 + 60
    content[start : start + 8] = bytes(255 - each for each in content[start : start + 8])
    (run / STATE_FILE).write_bytes(content)
    if sound:
        result = train(fields, run)
        assert result.history == before.history
        assert lenszoo.load_model(run).output_shape == (None, 2)
        return
    with pytest.raises(LenszooError, match=r"state.npz is damaged .*delete the run folder"):
        train(fields, run)


def test_a_recipe_that_failed_may_be_mended_in_place(one_epoch, tmp_path):
    fields, _ = one_epoch
    with pytest.raises(LenszooError, match="Unknown model"):
        train(fields | {"model": "simple_cn"}, tmp_path)
    assert (tmp_path / "recipe.json").exists()
    train(fields, tmp_path)
    assert json.loads((tmp_path / "recipe.json").read_text())["model"] == "simple_cnn"


def test_a_run_of_an_earlier_version_goes_on_though_recipes_have_new_fields(finished):
    fields, run = finished
    result = train(fields, run)
    file = run / "recipe.json"
    recipe = json.loads(file.read_text())
    for name in ("freeze", "unfreeze_after", "distill", "tta", "folds"):
        del recipe[name]
    del recipe["optimizer"]["layer_decay"]
    file.write_text(json.dumps(recipe))
    assert train(fields, run).metrics == result.metrics


def test_folder_with_other_files_is_refused_and_kept(fields, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(LenszooError, match="holds other files"):
        train(fields, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_two_processes_cannot_train_in_one_folder(fields, tmp_path):
    with (
        filelock.FileLock(tmp_path / ".lock"),
        pytest.raises(LenszooError, match="Another process is training"),
    ):
        train(fields, tmp_path)


def test_run_folder_below_a_file_is_one_line(fields, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LenszooError, match="Cannot write the run folder"):
        train(fields, tmp_path / "file" / "run")


def test_damaged_state_is_one_line(finished):
    fields, run = finished
    state = run / STATE_FILE
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(LenszooError, match="is damaged"):
        train(fields, run)


def test_early_stopping_counts_epochs_without_a_better_score(fields, tmp_path):
    stopping = {"patience": 2, "min_delta": 1.0}  # no AUC rises by 1 after the first epoch
    result = train(fields | {"epochs": 9, "early_stopping": stopping}, tmp_path / "run")
    assert len(result.history) == 3


class Scored(ClassifyTask):
    """A training whose epochs get these scores."""

    def __init__(self, recipe, scores, losses):
        super().__init__(recipe)
        self.scores = iter(zip(scores, losses, strict=True))

    def validate(self, model):
        score, loss = next(self.scores)
        return super().validate(model) | {"val_auc": score, "val_log_loss": loss}


def test_a_smallest_rise_is_for_patience_alone(fields, tmp_path):
    stopping = {"patience": 2, "min_delta": 0.05}
    recipe = Recipe(**fields | {"epochs": 9, "early_stopping": stopping})
    scores = [0.80, 0.84, 0.86, 0.87, 0.85]  # two small rises make a large one
    result = train(recipe, tmp_path / "run", task=Scored(recipe, scores, [0.5] * 5))
    assert len(result.history) == 5 and read_progress(tmp_path / "run").best_epoch == 4


def test_the_lowest_log_loss_is_the_best_of_equal_scores(fields, tmp_path):
    losses = [0.5, 0.3, 0.4, 0.2, 0.1]
    scores = [1.0, 1.0, 1.0, 0.9, 1.0]
    for epochs, best in ((3, 2), (5, 5)):
        recipe = Recipe(**fields | {"epochs": epochs, "early_stopping": {"patience": 4}})
        run = tmp_path / str(epochs)
        result = train(recipe, run, task=Scored(recipe, scores, losses))
        assert read_progress(run).best_epoch == best
        assert len(result.history) == epochs  # a tie is no reason to wait longer


def test_early_stopping_waits_for_the_true_sky(tmp_path):
    fields = {"model": "simple_cnn", "options": {"width": 2}, "epochs": 9, "batch_size": 8}
    fields["data"] = SKY | {"images": 8, "val_images": 3, "test_images": 3}
    fields["curriculum"] = [{"epochs": 3, "strength": 4.0}]
    fields["early_stopping"] = {"patience": 1, "min_delta": 1.0}
    result = train(fields, tmp_path / "run")
    assert [row["strength"] for row in result.history] == [4.0, 4.0, 4.0, 1.0]


def test_divergence_is_said_in_one_line(fields, tmp_path):
    fields["optimizer"] = {"name": "adam", "learning_rate": 3e38}
    with pytest.raises(LenszooError, match="diverged"):
        train(fields, tmp_path / "run")


def test_weights_of_nan_are_said_in_one_line_and_what_was_best_stays(fields, tmp_path):
    """Relu and max-pooling swallow NaN: the answers alone would look sound."""

    class Spoilt(ClassifyTask):
        def epoch(self, epoch):
            if epoch == 1:
                kernel = self.net.get_layer("conv1").kernel
                kernel.assign(kernel * np.nan)
            return super().epoch(epoch)

        def build(self):
            self.net = super().build()
            return self.net

    recipe = Recipe(**fields | {"epochs": 3})
    with pytest.raises(LenszooError, match=r"diverged in epoch 2: .* weights hold NaN"):
        train(recipe, tmp_path / "run", task=Spoilt(recipe))
    best = lenszoo.load_model(tmp_path / "run")
    assert all(np.isfinite(weight).all() for weight in best.get_weights())


def test_a_run_goes_on_with_the_data_it_began_with(fields, images, tmp_path):
    """Others would be split anew, and images that it trained on would validate it."""
    recipe = Recipe(**fields | {"epochs": 2, "data": {"directory": images}})

    class Cut(ClassifyTask):
        def epoch(self, epoch):
            if epoch == 1:
                raise InterruptedError
            return super().epoch(epoch)

    with pytest.raises(InterruptedError):
        train(recipe, tmp_path / "run", task=Cut(recipe))
    (gone, *_) = sorted(images.rglob("*.npy"))
    kept = gone.rename(tmp_path / "kept.npy")
    with pytest.raises(LenszooError, match=r"bar/0\.npy is gone"):
        train(recipe, tmp_path / "run")
    kept.rename(gone)
    assert len(train(recipe, tmp_path / "run").history) == 2


@pytest.mark.slow
def test_it_learns(fields, tmp_path):
    fields |= {"epochs": 12, "options": {}, "augment": "d4"}
    result = train(fields, tmp_path / "run")
    assert result.history[-1]["loss"] < 0.8 * result.history[0]["loss"]


def test_starting_from_weights_starts_where_they_ended(one_epoch, tmp_path):
    fields, run = one_epoch
    start = fields | {"weights": str(run)}
    start["optimizer"] = {"learning_rate": 1e-12, "weight_decay": 0.0}
    train(start, tmp_path / "second")
    first = lenszoo.load_model(run)
    second = lenszoo.load_model(tmp_path / "second")
    for a, b in zip(first.trainable_variables, second.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_a_sky_trains_without_files_and_follows_its_curriculum(tmp_path):
    fields = {
        "model": "simple_cnn",
        "epochs": 2,
        "batch_size": 8,
        "data": {
            "preset": "common_test_sim",
            "images": 16,
            "val_images": 6,
            "test_images": 6,
        },
        "curriculum": [{"epochs": 1, "strength": 4.0}],
    }
    result = train(fields, tmp_path / "run")
    assert [row["strength"] for row in result.history] == [4.0, 1.0]
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["classes"] == ["no", "sphere", "vort"]
    assert run["pixel_scale"] == 0.05


SKY = {"preset": "common_test_sim", "images": 8, "val_images": 2}


def lacks(images, part, other):
    """Folders of a split, whose ``part`` has no images of dot."""
    split = images.parent / "split"
    (split / part).mkdir(parents=True)
    shutil.copytree(images, split / other)
    shutil.copytree(images / "bar", split / part / "bar")
    return {"directory": str(split)}


def lacks_validation(images):
    return lacks(images, "val", "train")


def lacks_training(images):
    return lacks(images, "train", "val")


def lacks_a_class(images):
    shutil.rmtree(images / "dot")
    return {"directory": str(images)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lacks_validation, "validation examples show nothing of dot"),
        (lacks_training, r"Unknown class in .*val: 'dot'"),
        (lacks_a_class, "all of one class, bar"),
        (lambda images: SKY, "val_images 2 are too few for the 3 classes of common_test_sim"),
    ],
)
def test_a_score_that_cannot_be_is_told_before_the_first_epoch(
    data, message, images, fields, tmp_path
):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields | {"data": data(images)}, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "history.csv").exists()


@pytest.mark.parametrize(
    ("part", "other", "name"), [("train", "val", "training"), ("val", "train", "validation")]
)
def test_a_class_whose_images_are_all_bad_is_told(part, other, name, images, fields, tmp_path):
    data = lacks(images, part, other)
    dots = Path(data["directory"]) / part / "dot"
    dots.mkdir()
    np.save(dots / "0.npy", np.full((1, 24, 24), np.nan))
    with pytest.raises(LenszooError, match=f"{name} examples show nothing of dot"):
        train(fields | {"data": data | {"on_bad": "skip"}}, tmp_path / "run")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tta": True}, "needs square ones, not 24 x 30: leave it out"),
        (
            {"distill": {"teacher": "a.h5", "hints": [{"student": "a", "teacher": "b"}]}},
            "distill.hints needs square images, not 24 x 30",
        ),
    ],
)
def test_turned_copies_and_hints_need_square_images(more, message, tmp_path, fields):
    for name in ("bar", "dot"):
        (tmp_path / "wide" / name).mkdir(parents=True)
        for i in range(4):
            image = np.random.default_rng([i, len(name), ord(name[0])]).random((1, 24, 30))
            np.save(tmp_path / "wide" / name / f"{i}.npy", image)
    wide = fields | {"data": {"directory": str(tmp_path / "wide")}, "augment": "none"} | more
    with pytest.raises(LenszooError, match=message):
        train(wide, tmp_path / "run")


def test_mixed_precision_keeps_float32_weights_and_the_users_policy(fields, tmp_path):
    import keras

    before = keras.config.dtype_policy()
    train(fields | {"epochs": 1, "mixed_precision": "mixed_bfloat16"}, tmp_path / "run")
    assert keras.config.dtype_policy() == before
    model = lenszoo.load_model(tmp_path / "run")
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
