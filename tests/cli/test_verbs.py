import csv
import json
import os
import pickle
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from tinyzoo import CLASSES, NAME

from lenszoo.data import read_image
from lenszoo.inference import provenance_of
from lenszoo.simulation import SPLIT_START, sample

pytestmark = pytest.mark.usefixtures("own_manifest")


class TestModels:
    def test_patterns_and_tasks(self, lenszoo, refused):
        shown = lenszoo("models", "*net18*").stdout.split("\n")
        assert shown[0].split()[:3] == ["resnet18", "classify", "150x150x1"]
        assert "Did you mean 'resnet18'" in refused("models", "resnet19")
        assert "Legal: classify" in refused("models", "--task", "classfy")


class TestWeights:
    def test_list_and_show(self, lenszoo, refused):
        listed = lenszoo("weights", "list").stdout
        assert listed.startswith(NAME) and listed.split()[-5:] == [
            "AUC",
            "0.9877",
            "no,",
            "sphere,",
            "vort",
        ]
        assert "has no card" in refused("weights", "show", NAME)
        shown = lenszoo("weights", "show", NAME, "--json").stdout
        assert "Apache-2.0" in shown and "simple_cnn.tiny_sim.toml" in shown
        assert lenszoo("weights", "list", "nothing*").stdout == ""
        assert NAME in refused("weights", "show", "simple_cnn.tiny")

    def test_fetch_path_verify(self, lenszoo, refused, zoo, tmp_path, monkeypatch):
        lies = zoo.manifest.parent / "weights" / f"{NAME}.weights.h5"
        for verb in ("fetch", "path"):
            assert lenszoo("weights", verb, NAME).stdout.strip() == str(lies)
        assert lenszoo("weights", "verify").stdout == f"{NAME}: sound\n"
        shutil.copy(zoo.manifest, tmp_path / "m.json")
        monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "m.json"))
        assert "lenszoo weights fetch" in refused("weights", "path", NAME)
        assert "not here" in lenszoo("weights", "verify").stdout  # by default that is no fault
        lenszoo("weights", "verify", NAME, code=1)
        assert "Needed: simple_cnn.tiny_sim.weights.h5" in refused("weights", "fetch", NAME)
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / lies.name).write_bytes(lies.read_bytes()[:-1])
        assert "bytes instead of" in lenszoo("weights", "verify", code=1).stdout

    def test_a_manifest_that_is_none(self, refused, tmp_path, monkeypatch):
        monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "gone.json"))
        assert "gone.json" in refused("weights", "list")
        (tmp_path / "gone.json").write_text("{")
        assert "no valid JSON" in refused("weights", "list")


class TestSimulate:
    def test_writes_what_sample_draws(self, lenszoo, tmp_path):
        out = tmp_path / "sky"
        done = lenszoo("simulate", "common_test_sim", out, "--train", 4, "--val", 3, "--seed", 5)
        assert f"{out / 'train'}: no 2, sphere 1, vort 1\n" in done.stdout
        drawn = sample("common_test_sim", 4, 5, SPLIT_START["train"]).images
        np.testing.assert_allclose(read_image(out / "train" / "no" / "2.npy"), drawn[3], atol=1e-6)
        assert len(list((out / "val").rglob("*.npy"))) == 3
        again = lenszoo("simulate", "common_test_sim", out, "--train", 4, "--val", 3, "--seed", 5)
        assert again.stdout == done.stdout

    def test_bad_input(self, refused, tmp_path):
        assert "Did you mean 'common_test_sim'" in refused("simulate", "common_test", tmp_path)
        (tmp_path / "file").write_text("")
        line = refused("simulate", "common_test_sim", tmp_path / "file", "--train", 3)
        assert str(tmp_path / "file") in line
        (tmp_path / "used").mkdir()
        (tmp_path / "used" / "x").write_text("mine")
        assert "not empty" in refused("simulate", "common_test_sim", tmp_path / "used")


@pytest.mark.usefixtures("blank_figures")
class TestTrain:
    def test_fine_tunes_from_a_name_and_goes_on(self, lenszoo, refused, zoo, tmp_path):
        command = ["train", "simple_cnn", "--data", zoo.data, "--weights", NAME]
        command += ["--batch-size", 24, "--learning-rate", 1e-4, "--out", tmp_path / "run"]
        command += ["--freeze", 2, "--set", "tta=true"]
        done = lenszoo(*command, "--epochs", 1)
        assert f"open {tmp_path / 'run' / 'report.html'}" in done.stdout
        assert done.stderr.startswith("epoch 1/1: ") and done.stderr.count("\n") == 1
        recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
        assert recipe["weights"] == NAME and recipe["data"]["directory"] == str(zoo.data)
        assert recipe["optimizer"]["learning_rate"] == 1e-4
        assert recipe["freeze"] == 2
        metrics = json.loads((tmp_path / "run" / "report.json").read_text())["metrics"]
        assert metrics["macro_ovr_auc"] > 0.95  # it started from weights that know the task
        assert metrics["tta"]["macro_ovr_auc"] > 0.95
        assert lenszoo(*command, "--epochs", 1).stdout == done.stdout
        assert "run of another recipe (epochs" in refused(*command, "--epochs", 2)

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
        assert len(re.findall(r"^\W+--[a-z]", text, re.MULTILINE)) <= 18

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


class TestEvaluate:
    def test_scores_a_folder_and_writes_the_page(self, lenszoo, zoo, tmp_path):
        done = lenszoo("evaluate", NAME, "--data", zoo.data, "--out", tmp_path / "r")
        assert "macro AUC" in done.stdout and "shortcut baseline" in done.stdout
        assert f"Open {tmp_path / 'r' / 'report.html'}" in done.stdout
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        assert report["metrics"]["n"] == 24 and report["provenance"]["weights"] == NAME

    def test_an_ensemble_over_turns_and_flips(self, lenszoo, zoo, tmp_path):
        both = f"{NAME},{zoo.run}"
        done = lenszoo("evaluate", both, "--data", zoo.data, "--tta", "--out", tmp_path / "r")
        assert "eight looks" in done.stdout
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        assert report["metrics"]["tta"]["macro_ovr_auc"] > 0.9
        assert report["provenance"]["weights"] == [NAME, str(zoo.run)]

    def test_scores_a_sky(self, lenszoo, refused, zoo, tmp_path):
        command = ("evaluate", NAME, "--preset", "common_test_sim", "--images", 6, "--out")
        assert "150 x 150 pixels, but" in refused(*command, tmp_path / "r")
        lenszoo(*command, tmp_path / "r", "--resize")
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        assert report["provenance"]["preset"] == "common_test_sim"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("", "Give --data FOLDER-or-CSV or --preset NAME"),
            ("--data {data} --preset common_test_sim", "one of them"),
            ("--data {data}/train/no", "has no labels"),
            ("--data {data} --classes a,b", "tells 3 classes apart"),
            ("--data {data} --classes a,b,c", "Legal: a, b, c"),
            ("--data {data} --bands x", "--bands 'x'"),
        ],
    )
    def test_bad_input(self, refused, zoo, tmp_path, arguments, message):
        words = arguments.format(data=zoo.data).split()
        assert message in refused("evaluate", NAME, *words, "--out", tmp_path / "r")


class TestPredict:
    def test_a_folder_to_csv_and_parquet(self, lenszoo, zoo, tmp_path):
        done = lenszoo("predict", NAME, zoo.data / "val", "--out", tmp_path / "t.csv")
        assert done.stdout.startswith(f"{tmp_path / 't.csv'}: 24 images: no ")
        assert done.stderr == ""
        with (tmp_path / "t.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        lenszoo("predict", zoo.run, zoo.data / "val", "--tta", "--out", tmp_path / "t.parquet")
        table = pq.read_table(tmp_path / "t.parquet")
        assert [row["id"] for row in rows] == table["id"].to_pylist()
        facts = provenance_of(tmp_path / "t.parquet")
        assert facts["weights"] == str(zoo.run) and facts["tta"]
        true = [row["id"].split("/")[0] for row in rows]
        assert np.mean([r["predicted"] == t for r, t in zip(rows, true, strict=True)]) > 0.9

    def test_an_ensemble(self, lenszoo, refused, zoo, tmp_path):
        command = ("predict", f"{NAME}, {zoo.run}", zoo.data / "val", "--out")
        lenszoo(*command, tmp_path / "t.csv")
        with (tmp_path / "t.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert {row["weights"] for row in rows} == {f"{NAME} + {zoo.run}"}
        assert {len(row["weights_sha256"]) for row in rows} == {64 + 3 + 64}
        assert "'gone'" in refused("predict", f"{NAME},gone", zoo.data, "--out", "t.csv")

    def test_a_comma_in_a_path_is_no_ensemble(self, lenszoo, zoo, tmp_path):
        shutil.copytree(zoo.run, tmp_path / "a,b")
        lenszoo("predict", tmp_path / "a,b", zoo.data / "val", "--out", tmp_path / "t.parquet")
        assert provenance_of(tmp_path / "t.parquet")["weights"] == str(tmp_path / "a,b")

    def test_several_files_and_a_table_of_other_columns(self, lenszoo, zoo, tmp_path):
        files = [zoo.data / "val" / name / "1.npy" for name in CLASSES]
        lenszoo("predict", NAME, *files, "--out", tmp_path / "a.parquet")
        (tmp_path / "list.csv").write_text(
            "name,file\n" + "".join(f"{i},{file}\n" for i, file in enumerate(files))
        )
        lenszoo(
            "predict", NAME, tmp_path / "list.csv", "--out", tmp_path / "b.parquet",
            "--path-column", "file", "--id-column", "name",
        )  # fmt: skip
        a, b = (pq.read_table(tmp_path / f"{name}.parquet") for name in "ab")
        assert a["logit_no"] == b["logit_no"] and b["id"].to_pylist() == ["0", "1", "2"]

    def test_skipped_files_are_counted(self, lenszoo, refused, zoo, tmp_path):
        shutil.copytree(zoo.data / "val" / "no", tmp_path / "in")
        (tmp_path / "in" / "3.npy").write_bytes(b"broken")
        command = ("predict", NAME, tmp_path / "in", "--out", tmp_path / "t.csv")
        assert "3.npy" in refused(*command)
        assert not (tmp_path / "t.csv").exists()
        assert "1 without an answer" in lenszoo(*command, "--on-bad", "skip").stdout

    @pytest.mark.parametrize(
        ("weights", "inputs", "out", "message"),
        [
            (NAME, "val", "t.txt", "must end in .parquet or .csv"),
            (NAME, "val", "list.csv/t.csv", "cannot be written"),
            (NAME, "none", "t.csv", "no such file"),
            (NAME, "list.csv", "t.csv", "no column 'path'"),
            ("simple_cnn.tiny", "val", "t.csv", "Did you mean 'simple_cnn.tiny_sim'"),
            ("./gone", "val", "t.csv", "gone"),
            ("damaged.weights.h5", "val", "t.csv", "damaged.weights.h5 is damaged"),
        ],
    )
    def test_bad_input(self, refused, zoo, tmp_path, monkeypatch, weights, inputs, out, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "val").symlink_to(zoo.data / "val")
        (tmp_path / "list.csv").write_text("a,b\n1,2\n")
        content = (zoo.run / "best.weights.h5").read_bytes()
        (tmp_path / "damaged.weights.h5").write_bytes(content[:5000])
        assert message in refused("predict", weights, inputs, "--out", out)
        assert not list(tmp_path.glob("t.*"))


class TestEmbed:
    def test_npy_and_parquet_hold_the_same(self, lenszoo, refused, zoo, tmp_path):
        for name in ("f.npy", "f.parquet"):
            done = lenszoo("embed", NAME, zoo.data / "val" / "no", "--out", tmp_path / name)
            assert done.stdout == f"{tmp_path / name}: 8 vectors of 64\n"
        vectors = np.stack(pq.read_table(tmp_path / "f.parquet")["features"].to_pylist())
        np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), vectors.astype(np.float32))
        line = refused("embed", NAME, zoo.data / "val", "--out", tmp_path / "f.csv")
        assert ".parquet or .npy" in line


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


class TestConvert:
    def test_a_pickled_pair(self, lenszoo, tmp_path):
        pair = np.empty(2, object)
        pair[:] = np.random.default_rng(0).random((6, 6)), 1e-23
        (tmp_path / "in").mkdir()
        np.save(tmp_path / "in" / "a.npy", pair, allow_pickle=True)
        done = lenszoo("convert", tmp_path / "in", tmp_path / "out")
        assert "1 images written, 0 were there already" in done.stdout
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "a.npy")[0], pair[0])

    def test_a_pickle_that_wants_more_is_refused(self, refused, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
        assert "evil.pkl" in refused("convert", "evil.pkl", "out")
        assert not (tmp_path / "evil").exists()


class TestDoctor:
    def test_all_is_well(self, lenszoo, zoo):
        text = lenszoo("doctor").stdout
        assert "BAD" not in text and f"{NAME}: sound" in text
        for word in ("lenszoo", "keras", "tensorflow", "backend", "manifest", "cache"):
            assert word in text

    def test_what_is_wrong_is_shown_and_the_rest_goes_on(self, lenszoo, zoo, tmp_path, monkeypatch):
        monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "gone.json"))
        result = lenszoo("doctor", code=1)
        assert "BAD  manifest" in result.stdout and "cache" in result.stdout
        assert "not well: manifest" in result.stderr
