"""Parts of a run's data: scored on by name, and noticed when they are scored on again."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tinyrun import recipe_fields, write_images

from lenszoo import evaluate
from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.simulation import sample, sample_cutouts
from lenszoo.tasks.parts import SPLIT_FILE, Part, encode_parts, read_parts, real_notes
from lenszoo.training import cross_validate, train

SKY = {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 9}


def test_the_split_of_more_than_a_million_images_is_read_again(tmp_path):
    n = 1_200_000
    numbers = range(n)
    ids = tuple(f"tile_{k:08d}.fits" for k in numbers)
    part = Part(ids, tuple(f"{k:032x}" for k in numbers), ("lens",) * n)
    (tmp_path / SPLIT_FILE).write_bytes(encode_parts({"train": part}))
    assert (tmp_path / SPLIT_FILE).stat().st_size > 2**26
    assert read_parts(tmp_path / SPLIT_FILE) == {"train": part}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    images = write_images(root / "images", per_class=8)
    fields = recipe_fields(images) | {"epochs": 1, "options": {"width": 2}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lenszoo.reporting.report.Report.save", lambda report, folder: None)
        train(fields, root / "run")
    return images, fields, root / "run"


def test_a_run_keeps_its_split_and_is_scored_on_each_part(trained):
    images, _, run = trained
    parts = read_parts(run / SPLIT_FILE)
    index = DatasetIndex.from_directory(images)
    assert sorted(parts["train"].ids + parts["validation"].ids) == sorted(index.ids)
    for split, part, n in (("train", "train", 12), ("val", "validation", 4)):
        report = evaluate(run, split=split)
        assert report.metrics["n"] == n == len(parts[part].ids)
        assert report.provenance["split"] == part
        chose = [note for note in report.notes if "chose the best epoch" in note]
        assert bool(chose) == (split == "val")
    held = [index.ids.index(name) for name in parts["validation"].ids]
    same = evaluate(run, index.subset(held)).metrics
    for key in ("macro_ovr_auc", "accuracy", "log_loss"):
        assert evaluate(run, split="val").metrics[key] == pytest.approx(same[key], abs=1e-6)
    with pytest.raises(LenszooError, match="has no test part"):
        evaluate(run, split="test")


def test_scoring_on_images_of_the_training_is_told(trained, tmp_path):
    images, _, run = trained
    notes = evaluate(run, images).notes
    assert any("12 of 16 images are among those that it was trained on" in n for n in notes)
    assert any("4 of 16 images are among those that chose its best epoch" in n for n in notes)
    table = tmp_path / "train.csv"
    elsewhere = shutil.copytree(images, tmp_path / "copies")
    names = read_parts(run / SPLIT_FILE).get("train").ids
    table.write_text(
        "id,path,label\n" + "".join(f"x{i},{elsewhere / i},{i.split('/')[0]}\n" for i in names)
    )
    assert any("12 of 12 images are among" in n for n in evaluate(run, table).notes)
    others = write_images(tmp_path / "others", per_class=3)
    for file in others.rglob("*.npy"):
        np.save(file, np.load(file) * 0.9)
    notes = evaluate(run, others).notes
    assert not any("among those" in n for n in notes)
    assert any("No image is recognised as one of the training" in n for n in notes)


def test_images_of_the_training_in_memory_are_said_to_be_unrecognised(trained):
    images, _, run = trained
    loaded = DatasetIndex.from_directory(images).load()
    notes = evaluate(run, (loaded.images, loaded.labels)).notes
    assert any("No image is recognised as one of the training" in n for n in notes)
    sky = sample("common_test_sim", 6)
    sky = replace(
        sky, images=sky.images[:, :24, :24], labels=sky.labels % 2, class_names=("bar", "dot")
    )
    assert not any("recognised" in n for n in evaluate(run, sky, any_scale=True).notes)


def test_images_in_train_and_val_are_counted_and_told(trained, tmp_path, caplog):
    images, fields, _ = trained
    for part in ("train", "val"):
        shutil.copytree(images, tmp_path / "set" / part)
    for name in ("bar", "dot"):
        pixels = np.load(tmp_path / "set" / "val" / name / "0.npy")
        np.save(tmp_path / "set" / "val" / name / "0.npy", pixels * 0.9)
    data = {"directory": str(tmp_path / "set")}
    with pytest.MonkeyPatch.context() as patch:
        kept = []
        patch.setattr("lenszoo.reporting.report.Report.save", lambda r, folder: kept.append(r))
        train(fields | {"data": data}, tmp_path / "run")
    note = "14 of 16 validation images are also training images"
    assert note in caplog.text
    assert any(note in each for each in kept[0].notes)


def test_split_is_for_runs_whose_data_are_unchanged(trained, tmp_path):
    images, _, run = trained
    with pytest.raises(LenszooError, match="one of them"):
        evaluate(run, images, split="val")
    with pytest.raises(LenszooError, match="split is for a run folder"):
        evaluate("simple_cnn.common_test_sim_v2", split="val")
    with pytest.raises(LenszooError, match="tta= does not apply"):
        evaluate(run, split="val", tta=True)
    run = shutil.copytree(run, tmp_path / "run")
    recipe = run / "recipe.json"
    moved = shutil.copytree(images, tmp_path / "images")
    recipe.write_text(recipe.read_text().replace(str(images), str(moved)))
    evaluate(run, split="val")
    (moved / "dot" / "1.npy").unlink()
    with pytest.raises(LenszooError, match=r"no longer those it was trained with: dot/1\.npy"):
        evaluate(run, split="val")


@pytest.mark.usefixtures("blank_figures")
def test_real_galaxies_that_weights_learned_from_are_told_of_unless_the_sky_is_simulated():
    weights, sky = "lens_finder.cfhtls_gri_painted", "lens_finding_cfhtls"
    model, cutouts = open_model(weights), sample_cutouts(sky, 8, seed=1)
    note = f"{weights} learned from 118 real galaxies (see its card or recipe): "
    own = evaluate(model, (cutouts.images, cutouts.labels)).notes
    assert [each.startswith(note) for each in own].count(True) == 1
    assert not any("real galaxies" in each for each in evaluate(model, preset=sky, images=8).notes)
    assert real_notes(open_model("simple_cnn.common_test_sim").model) == []


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_folds_and_simulated_skies_have_their_parts_too(trained, tmp_path):
    _, fields, _ = trained
    cross_validate(fields, tmp_path / "folds", folds=2)
    for fold in (1, 2):
        assert evaluate(tmp_path / "folds" / f"fold_{fold}", split="val").metrics["n"] == 8
    train(fields | {"data": SKY, "batch_size": 3}, tmp_path / "sky")
    for split, n in (("train", 6), ("val", 6), ("test", 9)):
        assert evaluate(tmp_path / "sky", split=split).metrics["n"] == n
