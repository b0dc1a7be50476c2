"""No verb overwrites an input, a run or, unasked, anything that is there."""

import shutil

import numpy as np
import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


@pytest.fixture
def places(zoo, tmp_path):
    """A run, a table, an image and a report, each with its content."""
    run = shutil.copytree(zoo.run, tmp_path / "run")
    table = tmp_path / "t.csv"
    table.write_text(f"id,path\na,{next((zoo.data / 'val').rglob('*.npy'))}\n")
    image = tmp_path / "a.npy"
    shutil.copy(next((zoo.data / "val").rglob("*.npy")), image)
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.json").write_text("{}")
    return {"run": run, "table": table, "image": image, "report": report, "data": zoo.data}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("predict {name} {table} --out {table}", "is an input"),
        ("predict {name} {image} --out {table}", "is there already; choose another, or pass --ov"),
        ("embed {name} {image} --out {image}", "is an input"),
        ("embed {name} {table} --out {image}", "is there already"),
        ("evaluate {run} --data {data} --out {run}", "is an input"),
        ("evaluate {name} --data {data} --out {run}", "is the folder of a run"),
        ("evaluate {name} --data {data} --out {run} --overwrite", "is the folder of a run"),
        ("evaluate {name} --data {data} --out {report}", "is not empty"),
        ("evaluate {name} --data {data} --out {data}", "is an input"),
        ("simulate common_test_sim {run}", "is the folder of a run"),
        ("convert {image} {run}", "is the folder of a run"),
        ("upscale {name} {image} --out {image}", "is an input"),
        ("upscale {name} {image} --out {run}", "is the folder of a run"),
        ("train simple_cnn --data {data} --out {data}", "lies within the folder of inputs"),
        ("train simple_cnn --data {data} --out {data}/run", "lies within the folder of inputs"),
        ("pretrain simple_cnn --images-in {data} --out {data}/run", "lies within the folder"),
    ],
)
def test_a_target_that_would_be_lost_is_refused(refused, places, words, text):
    kept = {p: p.read_bytes() for p in places["run"].rglob("*") if p.is_file()}
    kept |= {places[name]: places[name].read_bytes() for name in ("table", "image")}
    assert text in refused(*words.format(name=NAME, **places).split())
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert not list(places["data"].glob("run"))


def test_overwrite_replaces_what_is_there(lenszoo, places):
    lenszoo("embed", NAME, places["table"], "--out", places["image"], "--overwrite")
    assert np.load(places["image"]).ndim == 2
