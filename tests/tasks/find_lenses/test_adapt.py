import json

import numpy as np
import pytest
from cutshort import train_whole_and_cut
from oneline import one_line

from lenszoo import build_model, load_model
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.find_lenses.adapt import AdaptTask
from lenszoo.training import Recipe, train

FINDER = "lens_finder.easy_sim_image"
TINY = {"width": 4, "dim": 8, "heads": 2}


def write_sky(root, n, bands, noise, every=2):
    """A catalogue of candidates, lenses with a ring and a redder colour, and their images."""
    rng = np.random.default_rng(n)
    y, x = np.mgrid[:16, :16] - 7.5
    ring = np.abs(np.hypot(x, y) - 5) < 1.5
    root.mkdir()
    rows = ["id,label,colour,size"]
    for i in range(n):
        lens = int(i % every == 1)
        image = noise * rng.normal(size=(bands, 16, 16)) + 3 * lens * ring
        np.save(root / f"{i}.npy", image)
        rows.append(f"{i},{lens},{rng.normal() + 0.3 * lens:.3f},{rng.normal():.3f}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return {"catalogue": str(root / "table.csv"), "bands": ["g", "r"][:bands]}


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    """Two skies, one band, and weights of a lens finder for them."""
    root = tmp_path_factory.mktemp("skies")
    for use, name in (("both", "finder"), ("image", "image")):
        columns = ["colour", "size"] if use == "both" else []
        model = build_model(
            "lens_finder", input_shape=(16, 16, 2), use=use, columns=columns, **TINY
        )
        save_weights(model, root / f"{name}.weights.h5")
    table = build_model("lens_finder", use="table", columns=["colour", "size"], dim=8, heads=2)
    save_weights(table, root / "table.weights.h5")
    source = write_sky(root / "source", 32, 2, 1.0)
    target = write_sky(root / "target", 40, 2, 2.0)
    other = write_sky(root / "other", 12, 1, 1.0)
    return {"root": root, "source": source, "target": target, "other": other}


def fields(skies, weights="finder", **changes):
    recipe = {
        "task": "adapt",
        "weights": str(skies["root"] / f"{weights}.weights.h5"),
        "source": skies["source"],
        "data": skies["target"],
        "method": "joint",
        "label_fraction": 0.25,
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"learning_rate": 1e-2},
        "seed": 3,
        **changes,
    }
    return {name: value for name, value in recipe.items() if value is not None}


class Quiet(AdaptTask):
    def report(self, model, history, folder):
        return {}  # drawing takes longer than training here


@pytest.mark.slow
def test_a_run_that_was_cut_ends_the_same(skies, tmp_path):
    """With all that a method may keep besides: an average, and the step that it is at."""
    recipe = Recipe(**fields(skies, weights="table", method="mean_teacher"))
    train_whole_and_cut(AdaptTask, recipe, tmp_path)
    run = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert (run["task"], run["method"], run["labels"]) == (
        "adapt",
        "mean_teacher",
        {"nonlens": 4, "lens": 4},
    )
    assert run["unlabelled"] == 24
    assert run["source"]["objects"] == 26


def test_batch_norm_changes_statistics_alone(skies, tmp_path):
    changes = {"method": "batch_norm", "source": None, "label_fraction": 0.0}
    decay = {"learning_rate": 1e-2, "weight_decay": 0.1}
    recipe = Recipe(**fields(skies, weights="image", optimizer=decay, **changes))
    train(recipe, tmp_path / "run", task=Quiet(recipe))
    before, after = load_model(recipe.weights), load_model(tmp_path / "run" / "last.weights.h5")
    changed = {
        old.path.rsplit("/", 1)[-1]
        for old, now in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(old, now)
    }
    # the temperature too, unless no validation example is wrong
    assert changed - {"temperature"} == {"moving_mean", "moving_variance"}


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({"method": "batch_norm", "source": None, "label_fraction": 0.0}, 0.5),  # the weights'
        ({"label_fraction": 0.0}, 0.5),  # the source's
        ({"label_fraction": 1.0}, 0.3),  # of as many rows of either
        ({"method": "fine_tune", "source": None, "label_fraction": 1.0}, 0.1),
    ],
)
def test_the_share_of_lenses_is_that_of_the_examples_with_a_label(skies, tmp_path, changes, share):
    target = write_sky(tmp_path / "rare", 200, 2, 2.0, every=10)
    changes = {"data": target, "weights": "image"} | changes
    recipe = Recipe(**fields(skies, **changes))
    assert AdaptTask(recipe).identity()["prevalence"] == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "none"}, "none.weights.h5"),
        ({"method": "batch_norm", "weights": "table"}, "has no BatchNorm"),
        ({"model": "resnet18"}, "is no lens finder"),
    ],
)
def test_bad_recipes_are_one_line(skies, tmp_path, changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields(skies, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_skies_that_do_not_fit_are_one_line(skies, tmp_path):
    one_line(
        "source are (16, 16, 1), those of the target",
        lambda: AdaptTask(Recipe(**fields(skies, source=skies["other"]))),
    )
    swapped = skies["target"] | {"bands": ["r", "g"]}
    one_line(
        "source's bands are g, r, the target's r, g",
        lambda: AdaptTask(Recipe(**fields(skies, data=swapped))),
    )
    columns = skies["target"] | {"columns": ["size", "colour"]}
    one_line(
        "look at the columns colour, size, not at size, colour",
        lambda: AdaptTask(Recipe(**fields(skies, data=columns))),
    )


def test_simulated_skies_show_the_bands_that_the_weights_know(skies):
    """Weights of g, r, i on skies of u, g, r, i; names of other bands are refused for each sky."""
    small = {"images": 6, "val_images": 6, "test_images": 6}
    recipe = {
        "source": {"preset": "lens_finding_easy", **small},
        "data": {"preset": "lens_finding_hard", **small},
    }
    made = AdaptTask(Recipe(**fields(skies, weights=None, **recipe) | {"weights": FINDER}))
    assert made.source.bands == made._labelled_sky.bands == ("g", "r", "i")
    assert made.source.image_shape[-1] == made._labelled_sky.images.shape[-1] == 3
    for sky, words in (("source", "those of the source"), ("data", "the data")):
        changed = recipe | {sky: recipe[sky] | {"bands": ["u", "g", "r"]}}
        with pytest.raises(LenszooError, match=rf"{words} have u, g, r; .*, {sky}\.bands = \['g'"):
            AdaptTask(Recipe(**fields(skies, weights=None, **changed) | {"weights": FINDER}))


@pytest.mark.parametrize(
    ("method", "shown"), [("fine_tune", 1), ("joint", 2), ("dann", 3), ("batch_norm", 1)]
)
def test_how_many_images_an_epoch_shows(skies, method, shown):
    """A batch of each part in each of ceil(100 / 8) steps."""
    sky = {"preset": "lens_finding_easy", "images": 100, "seed": 1}
    source = None if method in ("fine_tune", "batch_norm") else sky
    recipe = Recipe(**fields(skies, source=source, data=sky | {"seed": 2}, method=method))
    assert AdaptTask.images_an_epoch(recipe) == 13 * 8 * shown
    task = AdaptTask(Recipe(**fields(skies, method=method, source=source and skies["source"])))
    assert sum(task.parts) == 8 * shown
