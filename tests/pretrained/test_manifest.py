"""The schema and its errors, the writer, and where the manifest is found."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from entries import add_entry, write_manifest
from oneline import one_line

import lenszoo
from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import (
    WeightsEntry,
    WeightsFile,
    get_entry,
    list_weights,
    load_manifest,
)

PACKAGE = Path(lenszoo.__file__).resolve().parent


def test_lists_in_natural_order_with_wildcards(zoo):
    for name in ("resnet101.sky", "resnet18.sky_10", "resnet18.sky_9", "cnn.sky"):
        zoo.add(name)
    assert list_weights() == ["cnn.sky", "resnet18.sky_9", "resnet18.sky_10", "resnet101.sky"]
    assert list_weights("resnet18.*") == ["resnet18.sky_9", "resnet18.sky_10"]
    assert list_weights("*.sky") == ["cnn.sky", "resnet101.sky"]
    assert list_weights("nothing*") == []


def test_entry_by_name_or_by_tag_of_a_model(zoo):
    zoo.add("cnn.sky")
    zoo.add("resnet18.sky")
    assert get_entry("cnn.sky").model == "cnn"
    assert get_entry("sky", model="resnet18").name == "resnet18.sky"
    assert get_entry("cnn.sky", model="resnet18").name == "cnn.sky"
    with pytest.raises(LenszooError, match=r"Unknown weights 'sky'\..*cnn\.sky, resnet18\.sky"):
        get_entry("sky")
    with pytest.raises(LenszooError, match=r"Legal: resnet18\.sky\.$"):
        get_entry("skies", model="resnet18")


def test_entry_knows_its_file(zoo):
    content = zoo.add(parts=3)
    entry = get_entry("net.sky")
    assert (entry.tag, entry.bytes, entry.file_name) == ("sky", len(content), "net.sky.weights.h5")
    assert entry.input_shape == (150, 150, 1)
    del zoo.entries[0]["sha256"]
    zoo.write()
    one_line("entries[0].sha256 (net.sky): Field required", lambda: get_entry("net.sky"))


def test_hash_of_the_only_file_need_not_be_repeated(zoo):
    zoo.add()
    digest = zoo.entries[0].pop("sha256")
    zoo.write()
    assert get_entry("net.sky").sha256 == digest


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"licence": None}, r"entries\[0\]\.licence \(net\.sky\): Input should be a valid string"),
        ({"licences": "MIT"}, r"entries\[0\]\.licences \(net\.sky\): Extra inputs"),
        ({"name": "net"}, r"entries\[0\]\.name \(net\): String should match"),
        ({"name": "../net.sky"}, r"entries\[0\]\.name .*String should match"),
        ({"name": "other.sky"}, r"name 'other\.sky' is not the model 'net', a dot and a tag"),
        ({"classes": ["a", "b"]}, r"2 classes for num_classes 3"),
        ({"input_shape": [150, 150]}, r"entries\[0\]\.input_shape"),
        ({"input_shape": [150, 0, 1]}, r"entries\[0\]\.input_shape\[1\].*greater than 0"),
        ({"files": []}, r"entries\[0\]\.files .*at least 1"),
        ({"files": "net.h5"}, r"entries\[0\]\.files"),
        ({"files": 3}, r"entries\[0\]\.files"),
        ({"sha256": "0" * 64}, r"sha256 differs from that of the only file"),
        ({"created": "yesterday"}, r"entries\[0\]\.created"),
        ({"fingerprint": {"seed": 0, "logits": [], "atol": 0.1}}, r"fingerprint\.logits"),
        ({"fingerprint": {"seed": 0, "logits": [[1.0]], "atol": 0}}, r"fingerprint\.atol"),
    ],
)
def test_wrong_field_is_named(zoo, change, told):
    zoo.add()
    zoo.entries[0].update(change)
    zoo.write()
    with pytest.raises(LenszooError, match=told) as error:
        load_manifest()
    assert str(zoo.manifest) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "ABC"}, r"files\[0\]\.sha256"),
        ({"bytes": 0}, r"files\[0\]\.bytes"),
        ({"bytes": "many"}, r"files\[0\]\.bytes"),
        ({"path": "../../.bashrc"}, r"files\[0\]\.path"),
        ({"path": "/etc/passwd"}, r"files\[0\]\.path"),
        ({"path": ".hidden"}, r"files\[0\]\.path"),
    ],
)
def test_wrong_file_is_named(zoo, change, told):
    zoo.add()
    zoo.entries[0]["files"][0].update(change)
    zoo.write()
    with pytest.raises(LenszooError, match=told):
        load_manifest()


def test_one_name_or_file_twice_is_refused(zoo):
    zoo.add("net.sky")
    zoo.add("net.sea")
    zoo.entries[1]["files"] = zoo.entries[0]["files"]
    zoo.entries[1]["sha256"] = zoo.entries[0]["sha256"]
    zoo.write()
    one_line("'net.sky.weights.h5' stands in net.sky and again", lambda: load_manifest())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "no valid JSON"),
        (b'{"entries": [', "no valid JSON"),
        (b'{"base_url": ["\xff"]}', "no valid JSON"),
        (b'{"entries": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "no valid JSON"),
        (b"[]", "is wrong at its top"),
        (b'{"schema_version": 2}', "schema_version"),
        (b'{"entries": [7]}', r"entries\[0\]"),
        (b'{"entrys": []}', "entrys: Extra inputs"),
    ],
)
def test_bad_text(tmp_path, text, told):
    path = tmp_path / "weights_manifest.json"
    path.write_bytes(text)
    with pytest.raises(LenszooError, match=told) as error:
        load_manifest(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_manifest(tmp_path, monkeypatch):
    with pytest.raises(LenszooError, match=r"Cannot read the manifest .*No such file"):
        load_manifest(tmp_path / "no.json")
    one_line("Is a directory", lambda: load_manifest(tmp_path))
    monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "no.json"))
    with pytest.raises(LenszooError, match=r"LENSZOO_MANIFEST names .*no\.json, which is no file"):
        list_weights()


def test_writing_is_repeatable(zoo, tmp_path):
    for name in ("net.sky_10", "net.sky_9"):
        zoo.add(name)
        zoo.entries[-1]["metrics"] = {"test": {"b": 1.5, "a": None}, "measured": {"seed": 0}}
    zoo.write()
    manifest = load_manifest()
    target = tmp_path / "out.json"
    write_manifest(manifest, target)
    written = target.read_bytes()
    text = written.decode()
    assert text.endswith("}\n") and '\n  "schema_version": 1,' in text
    assert text.index("net.sky_9") < text.index("net.sky_10")
    assert text.index('"a": null') < text.index('"b": 1.5')
    again = load_manifest(target)
    assert {e.name: e for e in again.entries} == {e.name: e for e in manifest.entries}
    write_manifest(again, target)
    assert target.read_bytes() == written


def test_adding_an_entry(zoo, tmp_path):
    zoo.add("net.sky")
    weights = tmp_path / "net.sea.weights.h5"
    weights.write_bytes(b"sea")
    raw = copy.deepcopy(zoo.entries[0]) | {"name": "net.sea", "files": [WeightsFile.of(weights)]}
    del raw["sha256"]
    entry = WeightsEntry.model_validate(raw)
    assert (entry.bytes, entry.sha256[:8]) == (3, "4a69f19c")
    assert add_entry(entry, zoo.manifest).names() == ["net.sea", "net.sky"]
    assert list_weights() == ["net.sea", "net.sky"]
    before = zoo.manifest.read_bytes()
    one_line("has net.sea already", lambda: add_entry(entry, zoo.manifest))
    other = entry.model_copy(update={"name": "net.lake"})
    one_line("'net.sea.weights.h5' stands in", lambda: add_entry(other, zoo.manifest))
    bad = entry.model_copy(update={"metrics": {"auc": float("nan")}})
    one_line("metrics of net.sea", lambda: add_entry(bad, zoo.manifest, replace=True))
    assert zoo.manifest.read_bytes() == before, "a refused entry changes nothing"
    better = entry.model_copy(update={"metrics": {"auc": 0.99}})
    add_entry(better, zoo.manifest, replace=True)
    assert get_entry("net.sea").metrics == {"auc": 0.99}


# --- where it is found: a wheel and a checkout, each in a fresh process -------------------------

FIND = """
from lenszoo.errors import LenszooError
from lenszoo.pretrained import fetch_weights, list_weights
try:
    print(list_weights(), fetch_weights("net.sky"))
except LenszooError as error:
    print("LenszooError", error)
"""


@pytest.fixture
def installed(zoo, tmp_path, monkeypatch):
    """Return a folder that holds a copy of the package, as site-packages or a checkout does."""
    root = tmp_path / "root"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, root / "lenszoo", ignore=ignore)
    monkeypatch.delenv("LENSZOO_MANIFEST")
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    return root


def found(python, root, cwd):
    out, err = python(FIND, root=root, cwd=cwd).communicate(timeout=30)
    assert err == ""
    return out.strip()


def put(zoo, content, manifest, weights):
    manifest.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(zoo.manifest, manifest)
    weights.mkdir(parents=True)
    (weights / "net.sky.weights.h5").write_bytes(content)


def test_wheel_carries_manifest_and_small_weights(zoo, installed, python, tmp_path):
    data = installed / "lenszoo" / "_data"
    put(zoo, zoo.add(), data / "weights_manifest.json", data / "weights")
    # A stranger's file beside the package, as site-packages may hold, is none of ours.
    (installed / "weights_manifest.json").write_text("{}")
    (installed / "setup.cfg").write_text("[metadata]\nname = other\n")
    answer = found(python, installed, tmp_path)
    assert answer == f"['net.sky'] {data / 'weights' / 'net.sky.weights.h5'}"
    assert not zoo.cache.exists(), "what the wheel carries is not copied"


def test_checkout_has_them_at_its_root(zoo, installed, python, tmp_path):
    put(zoo, zoo.add(), installed / "weights_manifest.json", installed / "weights")
    answer = found(python, installed, tmp_path)
    assert answer.startswith("LenszooError No manifest at"), "no setup.cfg: not a checkout"
    (installed / "setup.cfg").write_text("[metadata]\nname = lenszoo\n")
    answer = found(python, installed, tmp_path)
    assert answer == f"['net.sky'] {installed / 'weights' / 'net.sky.weights.h5'}"


def test_importing_loads_no_backend(python):
    script = (
        "import sys, lenszoo.pretrained, lenszoo.pretrained.store\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch', 'requests'} & set(sys.modules)))"
    )
    out, err = python(script).communicate(timeout=60)
    assert out.strip() == "[]", err


# --- the zoo's own manifest ---------------------------------------------------------------------

ROOT = PACKAGE.parent
MIB = 1 << 20


@pytest.fixture(scope="module")
def own():
    path = ROOT / "weights_manifest.json"
    if not path.is_file():
        pytest.skip("not a checkout")
    return path


def test_own_manifest_is_written_as_the_writer_writes(own, tmp_path):
    write_manifest(load_manifest(own), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == own.read_bytes()


def test_own_weights_folder_holds_what_the_manifest_says(own):
    folder = ROOT / "weights"
    present = {path.name: path for path in folder.glob("*.weights.h5*")}
    files = [file for entry in load_manifest(own).entries for file in entry.files]
    assert {file.path for file in files} == set(present)
    for file in files:
        assert WeightsFile.of(present[file.path]).sha256 == file.sha256, file.path
        assert file.bytes <= 16 * MIB, file.path
    assert sum(file.bytes for file in files) <= 300 * MIB


def test_own_entries_name_recipes_that_exist(own):
    for entry in load_manifest(own).entries:
        recipe = PACKAGE / "recipes" / entry.recipe
        assert recipe.is_file(), f"{entry.name} names {recipe}"


def test_own_manifest_is_plain_json(own):
    content = json.loads(own.read_text())
    assert set(content) == {"schema_version", "base_url", "retired", "entries"}
