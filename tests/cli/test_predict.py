import csv
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from tinyzoo import CLASSES, NAME

from lenszoo.inference import provenance_of

pytestmark = pytest.mark.usefixtures("own_manifest")


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

    def test_an_engine_that_cannot_be_had(self, lenszoo, refused, zoo, tmp_path):
        command = ("predict", NAME, zoo.data / "val", "--out", tmp_path / "t.csv", "--engine")
        line = refused(*command, "onnx", "--precision", "bfloat16")
        assert "bfloat16" in line or "pip install" in line
        assert ("engine=" not in line and "--engine keras" in line) or "pip install" in line
        assert not (tmp_path / "t.csv").exists()

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

    def test_cutouts_at_the_positions_of_a_table(self, lenszoo, refused, zoo, tmp_path):
        files = [zoo.data / "val" / name / "1.npy" for name in CLASSES]
        wide = np.concatenate([np.load(file)[0] for file in files], axis=1)
        np.save(tmp_path / "wide.npy", wide)
        rows = [f"{name},wide.npy,{20 * k + 9.5},9.5\n" for k, name in enumerate(CLASSES)]
        (tmp_path / "t.csv").write_text("id,path,x,y\n" + "".join(rows))
        command = ("predict", NAME, tmp_path / "t.csv", "--out", tmp_path / "a.parquet")
        cutting = ("--cutout-size", 20)
        lenszoo(*command, *cutting)
        lenszoo("predict", NAME, *files, "--out", tmp_path / "b.parquet")
        a, b = (pq.read_table(tmp_path / f"{name}.parquet") for name in "ab")
        assert a["logit_no"] == b["logit_no"] and a["id"].to_pylist() == list(CLASSES)
        assert a["path"].to_pylist() == [str(tmp_path / "wide.npy")] * 3
        assert a["x"].to_pylist() == [9.5, 29.5, 49.5]
        lenszoo("embed", NAME, tmp_path / "t.csv", "--out", tmp_path / "c.npy", *cutting)
        assert np.load(tmp_path / "c.npy").shape[0] == 3
        again = (*command, "--overwrite")
        assert "--cutout-size says how much" in refused(*again, "--position-columns", "x,y")
        line = refused(*again, *cutting, "--position-columns", "ra=x,dec=y")
        assert "wide.npy: only a FITS file has coordinates" in line
        line = refused(*again, *cutting, "--position-columns", "ra,dec")
        assert "no column 'ra'" in line and "with --position-columns." in line
        assert "--pattern is said of" in refused(*again, *cutting, "--pattern", "{id}.npy")
        rows[1] = "sphere,wide.npy,70,9.5\n"
        (tmp_path / "t.csv").write_text("id,path,x,y\n" + "".join(rows))
        assert "outside the image of 20 x 60" in refused(*again, *cutting)
        done = lenszoo(*again, *cutting, "--on-bad", "skip")
        assert "1 without an answer" in done.stdout

    def test_names_of_strangers_do_not_reach_the_terminal(self, lenszoo, zoo, tmp_path):
        bad = tmp_path / "in" / "a\x1b[2J.npy"
        bad.parent.mkdir()
        bad.write_bytes(b"broken")
        command = ("predict", NAME, tmp_path / "in", "--out", tmp_path / "t.csv")
        assert r"a\x1b[2J.npy" in lenszoo(*command, code=2).stderr
        shutil.copy(zoo.data / "val" / "no" / "1.npy", bad)
        done = lenszoo(*command, "--classes", "\x1b[31mred,b,c")
        assert r"\x1b[31mred" in done.stderr and "\x1b" not in done.stderr + done.stdout

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
            (NAME, "val", "t.txt", "must end in .parquet, .csv, .fits or .ecsv"),
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
