import json

import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


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
            ("", "Give --data FOLDER-or-CSV, --preset NAME, or --split"),
            ("--data {data} --preset common_test_sim", "one of them"),
            ("--data {data}/train/no", "has no labels"),
            ("--data {data} --classes a,b", "tells 3 classes apart"),
            ("--data {data} --classes vort,sphere,no", "its classes are no, sphere, vort in this"),
            ("--data {data} --bands x", "--bands 'x'"),
        ],
    )
    def test_bad_input(self, refused, zoo, tmp_path, arguments, message):
        words = arguments.format(data=zoo.data).split()
        assert message in refused("evaluate", NAME, *words, "--out", tmp_path / "r")

    def test_other_names_of_known_classes_are_noted(self, lenszoo, zoo, tmp_path):
        val = zoo.data / "val"
        command = ("evaluate", NAME, "--data", val, "--out", tmp_path / "r", "--classes")
        note, refusal = lenszoo(*command, "a,b,c", code=2).stderr.splitlines()
        assert note == f"warning: {NAME}: its classes no, sphere, vort are called a, b, c."
        assert "Legal: a, b, c" in refusal
        assert lenszoo(*command, "no_sub,cdm,axion").stderr == ""

    def test_a_table_with_columns_of_other_names(self, lenszoo, refused, zoo, tmp_path):
        files = sorted((zoo.data / "val").glob("*/*.npy"))
        rows = [f"{i},{file},{file.parent.name}" for i, file in enumerate(files)]
        (tmp_path / "t.csv").write_text("\n".join(["name,file,kind", *rows]) + "\n")
        command = ("evaluate", NAME, "--data", tmp_path / "t.csv", "--out", tmp_path / "r")
        columns = ("--id-column", "name", "--path-column", "file", "--label-column", "kind")
        lenszoo(*command, *columns)
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        assert report["metrics"]["n"] == 24
        assert "no column 'path'" in refused(*command, "--overwrite")
        assert "no column 'label'" in refused(*command, *columns[:4], "--overwrite")
