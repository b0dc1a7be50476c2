import json

import numpy as np
import pytest
from cutshort import train_whole_and_cut
from oneline import one_line
from safetensors.numpy import save_file

from lenszoo import build_model, load_model
from lenszoo.data import Cutouts
from lenszoo.errors import LenszooError
from lenszoo.tasks.find_lenses.task import FindLensesTask, adapt_scales, calibrate
from lenszoo.training import Recipe, train

pytestmark = pytest.mark.usefixtures("blank_figures")

TINY = {"width": 4, "dim": 8, "heads": 2}


# class folders in place of the catalogue
FOLDERS = dict.fromkeys(("catalogue", "folder", "id", "label", "columns")) | {"directory": "x"}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A catalogue of 40 candidates, lenses with a ring and a redder colour, and their images."""
    root = tmp_path_factory.mktemp("survey")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :20] - 9.5
    ring = np.abs(np.hypot(x, y) - 6) < 1.5
    rows = ["name,is_lens,colour,size,flux_of_arc"]
    for kind in ("lenses", "nonlenses"):
        (root / "folders" / kind).mkdir(parents=True)
    (root / "images").mkdir()
    for i in range(40):
        lens = i % 2
        image = rng.normal(size=(2, 20, 20)) + 4 * lens * ring
        np.save(root / "images" / f"c{i}.npy", image)
        np.save(root / "folders" / ("lenses" if lens else "nonlenses") / f"c{i}.npy", image)
        gap = "" if i == 3 else f"{rng.normal() + lens:.3f}"
        rows.append(f"c{i},{lens},{gap},{rng.normal():.3f},{lens * (5 + rng.random()):.3f}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root


def fields(survey, **changes):
    data = {
        "catalogue": str(survey / "table.csv"),
        "folder": str(survey / "images"),
        "id": "name",
        "label": "is_lens",
        "columns": ["colour", "size"],
        "bands": ["g", "r"],
    }
    data |= changes.pop("data", {})
    return {
        "task": "find_lenses",
        "data": {k: v for k, v in data.items() if v is not None},
        "options": TINY,
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"learning_rate": 1e-2},
        "seed": 3,
        **changes,
    }


def test_a_run_on_a_catalogue_learns_calibrates_and_reports(survey, tmp_path):
    result = train(fields(survey, epochs=8), tmp_path / "run")
    assert result.metrics["auc"] > 0.9
    assert set(result.metrics["by_score"]) == {"image and table", "image only", "table only"}
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["classes"] == ["nonlens", "lens"]
    assert run["bands"] == ["g", "r"]
    assert run["model"]["options"]["columns"] == ["colour", "size"]
    model = load_model(tmp_path / "run")
    best = max(result.history, key=lambda row: row["val_auc"])
    assert float(model.get_layer("temperature").temperature) == pytest.approx(best["temperature"])
    scale = np.asarray(model.get_layer("stretch").scale)
    assert scale == pytest.approx([1.0, 1.0], rel=0.2)  # the noise of the images, not 1 by default


@pytest.mark.slow
def test_a_run_that_was_cut_ends_the_same(survey, tmp_path):
    train_whole_and_cut(FindLensesTask, Recipe(**fields(survey)), tmp_path)


@pytest.mark.parametrize("use", ["image", "table"])
def test_one_branch_is_given_only_what_it_uses(survey, use):
    recipe = Recipe(**fields(survey, use=use))
    task = FindLensesTask(recipe)
    model = task.build()
    batch, labels = task.epoch(0)[0]
    assert batch.shape == ((8, 20, 20, 2) if use == "image" else (8, 2))
    assert labels.shape == (8, 1)
    assert model(batch).shape == (8, 1)
    assert task.source.validation().images is None or use == "image"
    report = task.score(model, task.held_out()[1])
    assert list(report.metrics["by_score"]) == [f"{use} only"]


def test_class_folders(survey):
    data = {"directory": str(survey / "folders"), "bands": ("g", "r")}
    recipe = Recipe(**fields(survey, use="image") | {"data": data})
    task = FindLensesTask(recipe)
    assert task.source.image_shape == (20, 20, 2)
    held = task.source.validation()
    assert sorted(held.labels) == [0] * 4 + [1] * 4
    assert all(
        ("nonlenses" in name) == (label == 0)
        for name, label in zip(held.ids, held.labels, strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data": {"columns": None}},
            r"gives the label away: flux_of_arc .*allow_leaky_columns",
        ),
        ({"data": {"label": "colour"}}, "in column 'colour'"),
        ({"data": {"label": None}}, "label"),
        ({"data": {"catalogue": "nowhere.csv"}}, "nowhere.csv"),
        ({"data": FOLDERS, "use": "both"}, "class folders and stacks hold no"),
        ({"model": "resnet18"}, 'is no lens finder.*options.backbone = "resnet18"'),
        ({"input_shape": (24, 24, 2)}, "is not that of the images"),
        ({"data": {"bands": ["g"]}}, "names 1"),
    ],
)
def test_bad_recipes_are_one_line(survey, tmp_path, changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields(survey, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_weights_that_learned_in_another_unit_are_told_of(survey, tmp_path, caplog):
    train(fields(survey, epochs=1), tmp_path / "run")
    again = fields(survey, weights=str(tmp_path / "run"), options={})
    caplog.clear()
    FindLensesTask(Recipe(**again)).build()
    assert not [r for r in caplog.records if "it has to learn anew" in r.getMessage()]
    again["data"]["zero_point"] = 22.0
    FindLensesTask(Recipe(**again)).build()
    (line,) = [r.getMessage() for r in caplog.records if "it has to learn anew" in r.getMessage()]
    assert "the noise of a pixel is 15.8 times that of the training (3 mag" in line


def test_weights_of_one_band_learn_on_with_several(survey, tmp_path):
    rng = np.random.default_rng(1)
    first = {"bands": ["r"], "folder": str(tmp_path / "one")}
    (tmp_path / "one").mkdir()
    for path in (survey / "images").glob("*.npy"):
        np.save(tmp_path / "one" / path.name, np.load(path)[:1] + rng.normal(size=(1, 20, 20)))
    train(fields(survey, epochs=1, data=first), tmp_path / "run")
    again = fields(survey, weights=str(tmp_path / "run"), options={})
    with pytest.warns(UserWarning, match="shared out over 2 bands"):
        model = FindLensesTask(Recipe(**again)).build()
    assert model.input["images"].shape == (None, 20, 20, 2)
    # the scales are the noise of the new bands
    assert np.asarray(model.get_layer("stretch").scale) == pytest.approx([1, 1], rel=0.15)


def test_bands_in_another_order_than_the_weights_are_told(survey, tmp_path):
    train(fields(survey, epochs=1), tmp_path / "run")
    again = fields(survey, weights=str(tmp_path / "run"), options={})
    FindLensesTask(Recipe(**again))
    again["data"]["bands"] = ["r", "g"]
    again["data"]["pattern"] = "{id}.npy"
    one_line(
        "was trained on the bands g, r, the data have r, g", lambda: FindLensesTask(Recipe(**again))
    )


def test_scales_are_those_of_a_sorted_catalogue_as_a_whole(monkeypatch):
    monkeypatch.setattr("lenszoo.tasks.find_lenses.task.STATISTICS", 10)
    model = build_model("lens_finder", use="table", columns=["ra"], **TINY)
    ra = np.arange(1000, dtype=np.float32)[:, None]
    ids = tuple(map(str, range(1000)))
    adapt_scales(model, Cutouts(ids, None, ra, ("ra",), np.zeros(1000, np.int32)))
    columns = model.get_layer("columns")
    values = {weight.name: float(np.ravel(weight)[0]) for weight in columns.non_trainable_weights}
    assert values["mean"] == pytest.approx(499.5, abs=2), values


@pytest.mark.parametrize("told_apart", [True, False])
def test_examples_without_an_error_leave_the_temperature_alone(survey, monkeypatch, told_apart):
    task = FindLensesTask(Recipe(**fields(survey)))
    held = task.source.validation()
    logits = 8.0 * held.known_labels() - 4
    if not told_apart:
        logits[0] *= -1
    monkeypatch.setattr("lenszoo.tasks.find_lenses.task.lens_logits", lambda *_: logits)
    assert (calibrate(task.build(), held)["temperature"] == 1.0) == told_apart


def test_a_leak_may_be_allowed_and_is_told(survey):
    recipe = Recipe(**fields(survey, data={"columns": None}, allow_leaky_columns=True))
    assert [leak.column for leak in FindLensesTask(recipe).source.leaks] == ["flux_of_arc"]


def test_images_in_files_are_cut_and_scaled(survey):
    plain = FindLensesTask(Recipe(**fields(survey))).source.first().images
    looks = {"crop": 16, "scaling": [0.0, 4.0]}
    made = FindLensesTask(Recipe(**fields(survey, data=looks))).source.first().images
    np.testing.assert_allclose(made, plain[:, 2:18, 2:18] / 4, atol=1e-6)


def timm_vit(dim, depth, patches):
    """Random tensors in the names and shapes of timm's vision transformers."""
    shapes = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, 1 + patches, dim),
        "patch_embed.proj.weight": (dim, 3, 16, 16),
        "patch_embed.proj.bias": (dim,),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
        "head.weight": (1000, dim),
    }
    layers = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for block in range(depth):
        for layer, (out, into) in layers.items():
            shapes[f"blocks.{block}.{layer}.weight"] = (out * dim, into * dim)
            shapes[f"blocks.{block}.{layer}.bias"] = (out * dim,)
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{norm}.{kind}": (dim,) for kind in ("weight", "bias")}
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.05, size).astype(np.float32) for name, size in shapes.items()}


@pytest.fixture
def encoder(survey, tmp_path):
    """Fields of a recipe with a published encoder as backbone, and the tensors of its file."""
    tensors = timm_vit(192, 12, 9)
    file = tmp_path / "vit_tiny.safetensors"
    save_file(tensors, file)
    options = {"backbone": "vit_ti16", "dim": 8, "heads": 2, "stretch": "zscale"}
    return fields(survey, options=options, use="image", weights=str(file), epochs=1), tensors


@pytest.mark.parametrize("how", [{"lora": 2}, {"freeze": "backbone"}])
def test_a_published_encoder_is_the_backbone_frozen_or_with_lora(encoder, how):
    recipe, tensors = encoder
    task = FindLensesTask(Recipe(**recipe, **how))
    model = task.build()
    task.compile(model, 0)
    net = model.get_layer("backbone")
    expected = tensors["blocks.2.mlp.fc1.weight"].T
    np.testing.assert_array_equal(np.asarray(net.get_layer("block3_mlp1").kernel), expected)
    lora = 12 * 6 * 2 if "lora" in how else 0  # blocks, dense layers, matrices
    assert len(net.trainable_variables) == lora
    head = {v.path.split("/")[0] for v in model.trainable_variables} - {"query", "key", "value"}
    assert {"image_tokens", "attention_norm", "norm", "dense1", "dense2", "logits"} <= head
    assert np.asarray(model.get_layer("stretch").scale) == pytest.approx([1.0, 1.0], rel=0.2)


@pytest.mark.slow
def test_a_run_with_lora_saves_the_encoder_with_its_change(encoder, tmp_path):
    recipe, tensors = encoder
    train(recipe | {"lora": 2}, tmp_path / "run")
    net = load_model(tmp_path / "run" / "last.weights.h5").get_layer("backbone")
    bias = np.concatenate(
        [
            np.asarray(w).ravel()
            for w in net.get_layer("block3_attention").weights
            if "bias" in w.path
        ]
    )
    stored = [tensors[f"blocks.2.attn.{part}.bias"] for part in ("qkv", "proj")]
    np.testing.assert_array_equal(np.sort(bias), np.sort(np.concatenate(stored)))
    kernel = np.asarray(net.get_layer("block3_mlp1").kernel)
    change = kernel - tensors["blocks.2.mlp.fc1.weight"].T
    assert 0 < np.abs(change).max() < 0.1
    assert np.linalg.matrix_rank(change.astype(float), tol=1e-4) == 2
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["start"]["weights"]["name"] == recipe["weights"]


def test_published_weights_need_a_backbone_of_their_own(tmp_path):
    build = {
        "name": "lens_finder",
        "input_shape": (32, 32, 2),
        "weights": tmp_path / "a.safetensors",
    }
    one_line("fill the backbone of a lens finder: name it", lambda: build_model(**build))
    build["backbone"] = "resnet18_slim"
    one_line("Nobody published ImageNet weights of resnet18_slim", lambda: build_model(**build))
    build |= {"input_shape": (20, 20, 2), "backbone": "convnext_atto"}
    one_line("convnext_atto needs 32 x 32 pixels", lambda: build_model(**build))
