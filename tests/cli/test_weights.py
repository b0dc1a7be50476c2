import shutil

import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


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
