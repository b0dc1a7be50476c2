import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from tinyzoo import NAME

from lenszoo import load_model, predict
from lenszoo.inference import provenance_of

pytestmark = pytest.mark.usefixtures("own_manifest")


@pytest.mark.usefixtures("blank_figures")
class TestTrain:
    def test_fine_tunes_from_a_name_and_goes_on(self, lenszoo, refused, zoo, tmp_path):
        command = ["train", "simple_cnn", "--data", zoo.data, "--weights", NAME]
        command += ["--batch-size", 24, "--out", tmp_path / "run"]
        command += ["--freeze", 2, "--set", "tta=true"]
        done = lenszoo(*command, "--epochs", 1)
        assert f"open {tmp_path / 'run' / 'report.html'}" in done.stdout
        first, epoch = done.stderr.splitlines()
        assert first.startswith(f"start ({NAME}): val_auc ") and epoch.startswith("epoch 1/1: ")
        recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
        assert recipe["weights"] == NAME and recipe["data"]["directory"] == str(zoo.data)
        assert recipe["optimizer"]["learning_rate"] == 1e-4
        assert recipe["freeze"] == 2
        metrics = json.loads((tmp_path / "run" / "report.json").read_text())["metrics"]
        assert metrics["macro_ovr_auc"] > 0.95  # it started from weights that know the task
        assert metrics["tta"]["macro_ovr_auc"] > 0.95
        again = lenszoo(*command, "--epochs", 1).stdout
        assert "finished already; nothing trained. " in again
        assert again.endswith(done.stdout.partition(": ")[2])
        assert "run of another recipe (epochs" in refused(*command, "--epochs", 2)

    def test_images_are_cut_and_scaled_and_so_they_are_later(self, lenszoo, refused, zoo, tmp_path):
        for part in ("train", "val"):
            for path in (zoo.data / part).glob("*/*.npy"):
                counts = tmp_path / "data" / path.relative_to(zoo.data)
                counts.parent.mkdir(parents=True, exist_ok=True)
                image = np.pad(np.load(path)[0], 3, mode="reflect")
                np.save(counts, 5000 * image + 300)
        command = ("train", "simple_cnn", "--data", tmp_path / "data", "--epochs", 1, "--out")
        looks = ("--set", "data.crop=20", "--set", "data.scaling=minmax")
        lenszoo(*command, tmp_path / "run", *looks, "--set", "options.width=4")
        data = json.loads((tmp_path / "run" / "recipe.json").read_text())["data"]
        assert (data["crop"], data["scaling"]) == (20, "minmax")
        assert load_model(tmp_path / "run").input_shape == (None, 20, 20, 1)
        images = tmp_path / "data" / "val" / "no"
        done = lenszoo("predict", tmp_path / "run", images, "--out", tmp_path / "a.parquet")
        assert "scaled as in training: scaling=minmax" in done.stderr and "crop=20" in done.stderr
        facts = provenance_of(tmp_path / "a.parquet")
        assert (facts["crop"], facts["scaling"]) == (20, "minmax")
        as_scaled = pq.read_table(tmp_path / "a.parquet")["logit_no"].to_numpy()
        again = predict(load_model(tmp_path / "run"), [images / f"{k}.npy" for k in range(8)])
        assert sorted(again["logit_no"].to_pylist()) == pytest.approx(sorted(as_scaled), abs=1e-5)
        preset = ("train", "simple_cnn", "--preset", "common_test_sim", "--out", tmp_path / "b")
        line = refused(*preset, "--set", "data.crop=20")
        assert "crop has an effect with directory, csv, stack alone" in line

    @pytest.mark.slow
    def test_learns_from_teachers(self, lenszoo, zoo, tmp_path):
        lenszoo(
            "train", "simple_cnn", "--data", zoo.data, "--epochs", 1, "--out", tmp_path / "run",
            "--teacher", f"{NAME},{zoo.run}", "--set", "distill.weight=0.75",
        )  # fmt: skip
        recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
        assert recipe["distill"]["teacher"] == [NAME, str(zoo.run)]
        assert recipe["distill"]["weight"] == 0.75

    def test_files_are_not_counted(self, refused, zoo, tmp_path):
        command = ("train", "simple_cnn", "--data", zoo.data, "--out", tmp_path / "run")
        assert "--images counts simulated images" in refused(*command, "--images", 5)

    def test_help_fits_a_screen(self, lenszoo, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")
        text = lenszoo("train", "--help").stdout
        assert len(text.splitlines()) <= 50
        assert len(re.findall(r"^\W+--[a-z]", text, re.MULTILINE)) <= 19

    @pytest.mark.slow
    def test_folds(self, lenszoo, zoo, tmp_path):
        done = lenszoo(
            "train", "simple_cnn", "--data", zoo.data / "val", "--weights", NAME, "--epochs", 1,
            "--folds", 2, "--out", tmp_path / "folds",
        )  # fmt: skip
        assert "macro_ovr_auc" in done.stdout and "over 2 folds" in done.stdout
        assert (tmp_path / "folds" / "fold_2" / "report.html").is_file()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("simple_cnn", "Nothing to train on: give --data FOLDER-or-CSV or --preset NAME"),
            ("simple_cnn --data {data} --preset common_test_sim", "--data or --preset, not both"),
            ("simple_cn --data {data}", "Did you mean 'simple_cnn'"),
            ("gone.toml", "gone.toml"),
            ("simple_cnn --preset comon_test_sim", "Did you mean 'common_test_sim'"),
            ("simple_cnn --data {data}/none", "no such folder"),
            ("simple_cnn --data none.csv", "none.csv"),
            ("simple_cnn --data {data} --epochs 0", "epochs"),
            ("simple_cnn --data {data} --weights simple_cnn.gone", "simple_cnn.tiny_sim"),
            (
                "simple_cnn --data {data} --folds 1",
                "folds: Input should be greater than or equal to 2",
            ),
            ("simple_cnn --preset common_test_sim --folds 3", "folds needs files"),
            ("simple_cnn --data {data} --freeze backbone", "freeze needs weights"),
            ("simple_cnn --data {data} --freeze stem", "give 'backbone' or a number of blocks"),
            ("simple_cnn --data {data} --set distill.weight=0.5", "distill.teacher"),
            ("simple_cnn --data {data} --set epoch=3", "'epoch'"),
            (
                "simple_cnn --preset common_test_sim_binary --teacher simple_cnn.tiny_sim",
                "The teacher simple_cnn.tiny_sim takes images of (20, 20, 1)",
            ),
        ],
    )
    def test_bad_input(self, refused, zoo, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        words = arguments.format(data=zoo.data).split()
        assert message in refused("train", *words, "--out", tmp_path / "run")

    def test_a_recipe_file_with_a_typo_names_the_field(self, refused, zoo, tmp_path):
        toml = tmp_path / "r.toml"
        toml.write_text(f'model = "simple_cnn"\nepoch = 3\n[data]\ndirectory = "{zoo.data}"\n')
        assert "'epoch'" in refused("train", toml, "--out", tmp_path / "run")

    def test_a_recipe_of_lenszoo_takes_other_data(self, refused, tmp_path):
        """Its curriculum, which files cannot have, goes: the folder is all that is wrong."""
        words = ("resnet18_slim.common_test_sim", "--data", tmp_path / "none")
        assert "no such folder" in refused("train", *words, "--out", tmp_path / "run")

    def test_a_folder_that_is_in_use_or_cannot_be_written(self, refused, zoo, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("x")
        command = ("train", "simple_cnn", "--data", zoo.data, "--out")
        assert "holds other files" in refused(*command, tmp_path / "mine")
        assert "thesis.tex/run" in refused(*command, tmp_path / "mine" / "thesis.tex" / "run")
