import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from oneline import one_line

from lenszoo import evaluate
from lenszoo.errors import LenszooError
from lenszoo.training import cross_validate, train

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def table(images, monkeypatch):
    """A table in memory whose paths start from the current folder."""
    monkeypatch.chdir(images)
    rows = [(f"{name}/{k}.npy", name) for name in ("bar", "dot") for k in range(12)]
    columns = {"id": [row[0] for row in rows], "path": [row[0] for row in rows]}
    return pa.table({**columns, "label": [row[1] for row in rows]})


def test_a_table_in_memory_trains_resumes_and_scores(fields, table, tmp_path, monkeypatch):
    run = tmp_path / "run"
    fields = fields | {"epochs": 1, "data": {"csv": table, "val_fraction": 0.25}}
    result = train(fields, run)
    kept = json.loads((run / "recipe.json").read_text())["data"]["csv"]
    assert kept.startswith(f"{run}/table-") and kept.endswith(".parquet")
    Path(kept).write_bytes(b"PAR1")  # damaged
    again = train(fields, run)  # finished; the same table names the same file
    assert again.metrics == result.metrics
    report = evaluate(run, table)
    assert report.metrics["n"] == 24
    with pytest.raises(LenszooError, match=r"is gone"):
        train(fields | {"data": {"csv": table.slice(1), "val_fraction": 0.25}}, run)
    monkeypatch.chdir(tmp_path)  # the kept table holds whole paths
    assert evaluate(run, split="val").metrics["n"] == 6


def test_a_stack_trains_resumes_and_scores(fields, images, tmp_path):
    files = [images / name / f"{k}.npy" for name in ("bar", "dot") for k in range(12)]
    pixels = np.stack([np.load(file) for file in files])
    np.savez(tmp_path / "s.npz", images=pixels, labels=np.repeat(["bar", "dot"], 12))
    data = {"stack": str(tmp_path / "s.npz"), "val_fraction": 0.25}
    run = tmp_path / "run"
    result = train(fields | {"epochs": 1, "data": data}, run)
    assert json.loads((run / "run.json").read_text())["classes"] == ["bar", "dot"]
    assert evaluate(run, split="val").metrics["macro_ovr_auc"] == pytest.approx(
        result.metrics["macro_ovr_auc"]
    )
    report = evaluate(run, tmp_path / "s.npz")
    assert report.metrics["n"] == 24
    assert any("it was trained on" in note for note in report.notes)
    pixels[3] += 0.1
    np.savez(tmp_path / "s.npz", images=pixels, labels=np.repeat(["bar", "dot"], 12))
    with pytest.raises(LenszooError, match="3 has another content now"):
        train(fields | {"epochs": 1, "data": data}, run)
    np.savez(tmp_path / "u.npz", images=pixels)
    one_line("training needs labels", lambda: train(
        fields | {"data": {"stack": str(tmp_path / "u.npz")}}, tmp_path / "other"))  # fmt: skip


def test_a_folder_of_others_is_left_as_it_is(fields, table, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("hello")
    with pytest.raises(LenszooError, match="holds other files and no run"):
        train(fields | {"data": {"csv": table}}, mine)
    assert [path.name for path in mine.iterdir() if path.name[0] != "."] == ["notes.txt"]
    one_line("no column 'path'", lambda: train(
        fields | {"data": {"csv": table.drop(["path"])}}, tmp_path / "x"))  # fmt: skip
    one_line("read from a file", lambda: train(
        fields | {"data": {"galaxies": table}}, tmp_path / "x"))  # fmt: skip


def test_a_cross_validation_keeps_its_table(fields, table, tmp_path):
    fields = fields | {"epochs": 1, "data": {"csv": table}}
    summary = cross_validate(fields, tmp_path / "cv", folds=2)
    assert len(summary["folds"]) == 2
    assert len(list((tmp_path / "cv").glob("table-*.parquet"))) == 1


def test_a_catalogue_in_memory_finds_its_images_in_the_current_folder(table):
    names = {"bar": "nonlens", "dot": "lens"}
    labels = [names[label] for label in table["label"].to_pylist()]
    catalogue = pa.table({"id": table["path"].to_pylist(), "label": labels})
    plan = {"task": "find_lenses", "use": "image", "epochs": 1}
    data = {"catalogue": catalogue, "val_fraction": 0.25}
    result = train(plan | {"data": data}, Path("run"))
    assert result.metrics["n"] == 6
    assert train(plan | {"data": data}, Path("run")).metrics == result.metrics
