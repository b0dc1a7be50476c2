"""Painted training data: ratio, parts, sides of the split, and the same batches again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.inference import open_model
from lenszoo.simulation import simulate_galaxies, surveys
from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.recipe import Negatives
from lenszoo.tasks.parts import first_change
from lenszoo.training import Recipe, train

N = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cutouts of 24 galaxies, every fourth of them called a spiral, and their catalogue."""
    root = tmp_path_factory.mktemp("galaxies")
    galaxies = simulate_galaxies("cfhtls_gri", N, seed=8)
    rows = ["id,redshift,mag_r,kind"]
    for i, image in enumerate(galaxies.images):
        np.save(root / f"g{i}.npy", image)
        kind = "spiral" if i % 4 == 3 else ""
        rows.append(f"g{i},{galaxies.redshift[i]},{galaxies.magnitude[i, 1]},{kind}")
    (root / "galaxies.csv").write_text("\n".join(rows) + "\n")
    return root


def data(folder, **changes):
    fields = {
        "galaxies": str(folder / "galaxies.csv"),
        "survey": "cfhtls_gri",
        "images": 40,
        "val_images": 12,
        "val_fraction": 0.3,
        "negatives": {"ratio": 3.0, "column": "kind"},
    }
    return fields | changes


def source(folder, use="image", **changes):
    recipe = Recipe(task="find_lenses", use="image", data=data(folder, **changes))
    return open_lenses(recipe.data, use, 5)


def whole(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def test_ratio_and_repeats(folder):
    opened = source(folder)
    images, labels = whole(opened.epoch(0, 16, None))
    assert images.shape == (40, 64, 64, 3) and labels.sum() == 10
    again, _ = whole(opened.epoch(0, 16, None))
    np.testing.assert_array_equal(images, again)
    # the batch size changes no image
    small, small_labels = whole(opened.epoch(0, 7, None))
    np.testing.assert_array_equal(images, small)
    np.testing.assert_array_equal(labels, small_labels)


def test_fresh_lenses(folder):
    for fresh in (False, True):
        opened = source(folder, fresh=fresh)
        sets = []
        for e in (0, 1):
            images, labels = whole(opened.epoch(e, 16, None))
            sets.append({image.tobytes() for image in images[labels[:, 0] == 1]})
        assert len(sets[0] & sets[1]) == (0 if fresh else 10)


def test_fluxes_have_the_zero_point_of_the_skies(folder):
    opened = source(folder)
    images, labels = whole(opened.epoch(0, 16, None))
    cutouts = [np.load(folder / f"g{i}.npy") * np.float32(0.01) for i in range(N)]
    negatives = images[labels[:, 0] == 0]
    for image in negatives:
        assert min(np.abs(image - cutout).max() for cutout in cutouts) < 1e-6


def test_no_galaxy_is_on_both_sides(folder):
    opened = source(folder)
    held = opened.validation()
    assert set(held.labels) == {0, 1} and len(held.groups) == len(held)
    inside = {str(name) for name in opened.first().groups}
    outside = {str(name) for name in held.groups}
    assert not inside & outside
    # non-lenses of the validation are there once
    others = [name for name, label in zip(held.ids, held.labels, strict=True) if not label]
    assert len(set(others)) == len(others)


def test_lenses_that_are_held_are_those_of_the_epochs(folder):
    opened = source(folder)
    held = opened.first()
    images, labels = whole(opened.epoch(0, 16, None))
    lenses = {image.tobytes() for image in images[labels[:, 0] == 1]}
    assert lenses == {image.tobytes() for image in held.images[held.labels == 1]}


def test_lenses_are_painted_on_hosts_alone(folder):
    groups = source(folder).first()
    painted = groups.groups[groups.labels == 1]
    assert all(int(name[1:]) % 4 != 3 for name in painted)


def test_parts(folder):
    parts = {"ratio": 3.0, "column": "kind", "parts": {"spiral": 1.0}}
    images, labels = whole(source(folder, negatives=parts).epoch(0, 16, None))
    spirals = [np.load(folder / f"g{i}.npy") * np.float32(0.01) for i in range(3, N, 4)]
    for image in images[labels[:, 0] == 0]:
        assert min(np.abs(image - spiral).max() for spiral in spirals) < 1e-6


@pytest.mark.parametrize("twice", [("", "host"), ("NaN", "Host"), ("ring", "host", "")])
def test_a_part_has_one_share(twice):
    with pytest.raises(ValueError, match="are one kind: give it one share"):
        Negatives(column="kind", parts=dict.fromkeys(twice, 1.0))


@pytest.fixture(scope="module")
def with_lenses(folder, tmp_path_factory):
    """The same, where every sixth galaxy is called a lens, by one of that class's names."""
    copy = tmp_path_factory.mktemp("lenses") / "galaxies"
    shutil.copytree(folder, copy)
    head, *rows = (folder / "galaxies.csv").read_text().splitlines()
    for i in range(0, N, 6):
        rows[i] = rows[i].rsplit(",", 1)[0] + (",lens" if i % 12 else ",Lenses")
    (copy / "galaxies.csv").write_text("\n".join([head, *rows]) + "\n")
    return copy


def cutouts_shown(folder, images):
    """Numbers of the galaxies that images are, those of painted ones left out."""
    cutouts = [np.load(folder / f"g{i}.npy") * np.float32(0.01) for i in range(N)]
    nearest = [[np.abs(image - cutout).max() for cutout in cutouts] for image in images]
    return [int(np.argmin(row)) for row in nearest if min(row) < 1e-6]


def test_real_lenses_are_no_hosts_and_no_negatives(with_lenses):
    opened = source(with_lenses)
    images, labels = whole(opened.epoch(0, 16, None))
    assert all(i % 6 for i in cutouts_shown(with_lenses, images)) and labels.sum() == 10
    assert all(int(name[1:]) % 6 for name in opened.first().groups)
    assert opened.describe["real_lenses"] == 0


def test_real_lenses_are_a_share_of_the_lenses(with_lenses):
    opened = source(with_lenses, real_lenses=0.4)
    images, labels = whole(opened.epoch(0, 16, None))
    lenses, others = (images[labels[:, 0] == k] for k in (1, 0))
    real = cutouts_shown(with_lenses, lenses)
    assert len(lenses) == 10 and len(real) == 4 and not any(i % 6 for i in real)
    assert all(i % 6 for i in cutouts_shown(with_lenses, others)) and len(others) == 30
    held, first = opened.validation(), opened.first()
    sides = [{name for name in part.groups if int(name[1:]) % 6 == 0} for part in (held, first)]
    assert all(sides) and not sides[0] & sides[1]
    for part in (held, first):
        known = dict(zip(part.ids, part.labels, strict=True))
        assert all(label == 1 for name, label in known.items() if name in sides[0] | sides[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real_lenses": 0.5}, "no galaxy of kind 'lens'"),
        ({"real_lenses": 0.5, "negatives": None}, "name data.negatives.column"),
        ({"negatives": {"column": "kind", "parts": {"lenses": 1.0}}}, "are lenses"),
        ({"survey": None}, "galaxies and survey go together"),
        ({"label": "x"}, "label has an effect with catalogue alone"),
        ({"negatives": {"parts": {"ring": 1.0}}}, "name their column too"),
        ({"negatives": {"column": "kind", "parts": {"ring": 1.0}}}, "no galaxy of kind 'ring'"),
        ({"negatives": {"column": "type"}}, "no column 'type'"),
        ({"law": {"arc_contrast": 1e6, "tries": 2}}, "not one of 16 galaxies carries a lens"),
        ({"law": {"arc_contrasts": 1.0}}, "arc_contrasts"),
    ],
)
def test_bad_input(folder, changes, message):
    fields = {k: v for k, v in data(folder, **changes).items() if v is not None}

    def run():
        recipe = Recipe(task="find_lenses", use="image", data=fields)
        return open_lenses(recipe.data, "image", 5).epoch(0, 8, None)[0]

    one_line(message, run)


def test_without_a_table(folder):
    one_line("painted lenses have no table", lambda: source(folder, use="both"))


def test_a_run_notices_a_changed_row_survey_and_stamp(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "galaxies")
    survey, stamps, table = (copy / name for name in ("mine.toml", "stamps", "galaxies.csv"))
    shutil.copy(Path(surveys.__file__).with_name("cfhtls_gri.toml"), survey)
    stamps.mkdir()
    x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
    for name in ("disc.npy", "other.npy"):
        np.save(stamps / name, np.exp(-np.hypot(x, y) / 5.0))

    def parts():
        return source(copy, survey=str(survey), stamps=str(stamps)).parts

    before = parts()
    assert first_change(before, parts()) is None
    for name in ("disc.npy", "other.npy"):  # one trains, one validates
        np.save(stamps / name, np.exp(-np.hypot(x, y) / 6.0))
        change = first_change(before, parts())
        assert change.endswith(f"stamp {name} has another content now")
        before = parts()
    survey.write_text("mask_value = -99.0\n" + survey.read_text())
    assert first_change(before, parts()) == "survey mine has another content now"
    before = parts()
    row = next(line for line in table.read_text().splitlines() if line.startswith("g3,"))
    _, redshift, rest = row.split(",", 2)
    table.write_text(table.read_text().replace(row, f"g3,{float(redshift) + 0.2},{rest}"))
    assert first_change(before, parts()) == "g3 has another row now"


@pytest.mark.usefixtures("blank_figures")
def test_trains(folder, tmp_path):
    recipe = Recipe(
        task="find_lenses",
        use="image",
        data=data(folder, images=16, fresh=True),
        options={"width": 4, "dim": 8, "heads": 2},
        epochs=1,
        batch_size=8,
    )
    metrics = train(recipe, tmp_path / "run").metrics
    assert 0.0 <= metrics["auc"] <= 1.0
    assert (tmp_path / "run" / "report.html").exists()
    # the logits are for the share of lenses that it learned on
    assert metrics["trained_prevalence"] == open_model(tmp_path / "run").prevalence == 0.25
