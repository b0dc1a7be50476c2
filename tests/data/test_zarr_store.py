import json
import os

import numpy as np
import pytest
from oneline import one_line
from tinyfixtures import opened, own_manifest, stack, zoo

from lenszoo import predict
from lenszoo.data.listing import as_index
from lenszoo.data.stacks import open_stack

zarr = pytest.importorskip("zarr", reason="needs the extra lenszoo[zarr]", exc_type=ImportError)

__all__ = ["opened", "own_manifest", "stack", "zoo"]

IMAGES = np.random.default_rng(0).normal(size=(10, 6, 6, 3)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    def write(name="s.zarr", images=IMAGES, version=3, chunks=(4, 6, 6, 3), **others):
        group = zarr.open_group(tmp_path / name, mode="w", zarr_format=version)
        group.create_array("images", data=images, chunks=chunks)
        for key, values in others.items():
            group.create_array(key, data=np.asarray(values))
        return tmp_path / name

    return write


@pytest.mark.parametrize("version", [2, 3])
def test_stores_of_both_versions_are_stacks(write, version):
    store = write(version=version, id=np.arange(10) + 2**62, labels=np.arange(10) % 2)
    rows = open_stack(str(store))
    assert len(rows.images) == 10 and set(rows.columns) == {"id", "labels"}
    for row in (9, 0, 5):  # in any order
        np.testing.assert_array_equal(rows.images[row].read(), IMAGES[row])
    assert rows.beside("id")[9] == 2**62 + 9 and rows.labels.tolist() == [0, 1] * 5
    assert str(open_stack(f"{store}[images]").images[3]) == f"{store}[images][3]"
    assert len(as_index(store)) == 10


def test_predict_answers_as_to_the_array(opened, own_manifest, stack, tmp_path):
    images = stack[0][:9]
    group = zarr.open_group(tmp_path / "p.zarr", mode="w")
    group.create_array("images", data=images, chunks=(4, *images.shape[1:]), shards=None)
    sharded = (8, *images.shape[1:])
    zarr.create_array(
        tmp_path / "q.zarr", data=images, chunks=(2, *images.shape[1:]), shards=sharded
    )
    expected = predict(opened, images)["logit_no"]
    for name in ("p.zarr", "q.zarr"):  # a group, and an array of its own in shards
        np.testing.assert_array_equal(predict(opened, tmp_path / name)["logit_no"], expected)


def test_lost_chunks_are_warned_of(write, caplog):
    store = write()
    (store / "images" / "c" / "1" / "0" / "0" / "0").unlink()
    assert not open_stack(str(store)).images[5].read().any()
    assert "1 of 3 chunks are not there and read as 0.0" in caplog.text


def test_damaged_chunks_are_told_of_and_cost_their_rows_alone(write):
    store = write(version=2)
    (store / "images" / "1.0.0.0").write_bytes(b"\xff" * 40)
    rows = open_stack(str(store))
    one_line("damaged", rows.images[5].read)
    np.testing.assert_array_equal(rows.images[9].read(), IMAGES[9])


def test_stores_of_strangers_run_nothing_and_claim_little(write, tmp_path):
    def refuse(message, version, change, name=None):
        store = write(f"{message[:4]}{version}.zarr", version=version)
        file = store / "images" / (name or {2: ".zarray", 3: "zarr.json"}[version])
        facts = json.loads(file.read_text())
        change(facts)
        file.write_text(json.dumps(facts))
        one_line(message, lambda: open_stack(str(store)))

    refuse("codec 'pickle'", 2, lambda facts: facts.update(filters=[{"id": "pickle"}]))
    refuse("codec 'pickle'", 2, lambda facts: facts.update(compressor={"id": "pickle"}))
    refuse(
        "codec 'numcodecs.pickle'", 3, lambda f: f["codecs"].append({"name": "numcodecs.pickle"})
    )
    inside = {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "evil"}]}}
    refuse("codec 'evil'", 3, lambda facts: facts.update(codecs=[inside]))
    refuse("claims", 2, lambda facts: facts.update(chunks=[10**9, 6, 6, 3]))
    refuse("metadata are damaged", 2, lambda facts: facts.update(shape="much"))
    store = write("link.zarr")
    (store / "images" / "more").symlink_to("/etc/passwd")
    one_line("a link", lambda: open_stack(str(store)))
    store = write("pipe.zarr")
    os.mkfifo(store / "images" / "c" / "9")
    one_line("a pipe", lambda: open_stack(str(store)))
    (tmp_path / "empty.zarr").mkdir()
    one_line("no Zarr store", lambda: open_stack(str(tmp_path / "empty.zarr")))
    store = write("half.zarr")
    (store / "images" / "zarr.json").write_text('{"shape": [10')
    one_line("damaged", lambda: open_stack(str(store)))
