"""The folder of a repository: the hub's metadata, and files that load by name."""

import shutil

import numpy as np
import pytest
import yaml
from oneline import one_line
from publish import ROOT, publish
from safetensors.numpy import load_file

import lenszoo
from lenszoo.pretrained.store import fetch_weights

NAME = "srcnn.sr_75_150_sim"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("repository") / "weights"
    assert publish(out, "srcnn.*") == [NAME]
    return out


def test_the_card_has_the_metadata_of_the_hub(folder):
    _, head, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    facts = yaml.safe_load(head)
    (entry,) = facts["model-index"]
    assert entry["name"] == NAME
    (result,) = entry["results"]
    assert result["task"]["type"] == "image-to-image"
    assert 39 < result["metrics"][0]["value"] < 42
    low, high = result["metrics"][0]["args"]["interval_95"]
    assert low < result["metrics"][0]["value"] < high
    assert f"cards/{NAME}.md" in text and (folder / "cards" / f"{NAME}.md").is_file()


def test_safetensors_hold_the_numbers_of_the_model(folder):
    stored = load_file(folder / "safetensors" / f"{NAME}.safetensors")
    model = lenszoo.load_model(NAME)
    kernels = sorted(float(np.abs(w).sum()) for w in model.get_weights() if w.ndim == 4)
    told = sorted(float(np.abs(w.astype("f4")).sum()) for w in stored.values() if w.ndim == 4)
    np.testing.assert_allclose(told, kernels, rtol=1e-6)


def test_the_folder_serves_weights_by_name(folder, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    manifest = shutil.copy(folder / "weights_manifest.json", tmp_path / "elsewhere")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(manifest))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", str(folder))
    monkeypatch.setattr("lenszoo.pretrained.store.checkout_root", lambda: None)
    monkeypatch.setattr("lenszoo.pretrained.store.packaged_data", lambda: tmp_path / "none")
    assert fetch_weights(NAME).is_relative_to(tmp_path / "cache")


def test_bad_places_and_patterns_are_refused(folder, tmp_path):
    one_line("No weights match 'nothing*'", lambda: publish(tmp_path / "a", "nothing*"))
    one_line("is not empty", lambda: publish(folder, "srcnn.*"))
    shutil.copyfile(ROOT / "weights_manifest.json", tmp_path / "weights_manifest.json")
    message = "is missing: get it before publishing srcnn"
    one_line(message, lambda: publish(tmp_path / "b", "srcnn.*", tmp_path))
