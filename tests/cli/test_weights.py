import hashlib
import json
import re
import shutil

import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


class TestWeights:
    def test_list_and_show(self, lenszoo, refused, zoo):
        listed = lenszoo("weights", "list").stdout
        header, row = listed.splitlines()
        assert header.split() == ["name", "size", "score", "where", "classes"]
        lies = zoo.manifest.parent / "weights" / f"{NAME}.weights.h5"
        size = f"{lies.stat().st_size / 2**10:.0f} KiB"
        assert re.split(" {2,}", row) == [
            NAME, size, "AUC 0.9877", "here", "no, sphere, vort",
        ]  # fmt: skip
        assert header.index("where") == row.index("here")
        assert "has no card" in refused("weights", "show", NAME)
        shown = lenszoo("weights", "show", NAME, "--json").stdout
        assert "Apache-2.0" in shown and "simple_cnn.tiny_sim.toml" in shown
        line = refused("weights", "list", "nothing*")
        assert "Unknown weights 'nothing*'" in line and zoo is not None
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

    def test_where_they_lie_is_told_truthfully(self, lenszoo, zoo, tmp_path, monkeypatch):
        manifest = json.loads(zoo.manifest.read_text())
        content = (zoo.manifest.parent / "weights" / f"{NAME}.weights.h5").read_bytes()
        halves = content[:1000], content[1000:]
        manifest["entries"][0]["files"] = [
            {"path": f"{NAME}.weights.h5.part{k}of2", "bytes": len(half), "urls": [],
             "sha256": hashlib.sha256(half).hexdigest()} for k, half in enumerate(halves, 1)
        ]  # fmt: skip
        (tmp_path / "m.json").write_text(json.dumps(manifest))
        monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "m.json"))

        def where():
            return re.split(" {2,}", lenszoo("weights", "list").stdout.splitlines()[1])[3]

        assert where() == "not here"
        assert "not here yet, fetched when first used" in lenszoo("doctor").stdout
        (tmp_path / "weights").mkdir()
        for file, half in zip(manifest["entries"][0]["files"], halves, strict=True):
            (tmp_path / "weights" / file["path"]).write_bytes(half)
        assert where() == "here, in parts"
        assert "sound, in parts that are joined when first used" in lenszoo("doctor").stdout
        lenszoo("weights", "fetch", NAME)
        assert where() == "here"

    def test_a_manifest_that_is_none(self, refused, tmp_path, monkeypatch):
        monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "gone.json"))
        assert "gone.json" in refused("weights", "list")
        (tmp_path / "gone.json").write_text("{")
        assert "no valid JSON" in refused("weights", "list")
