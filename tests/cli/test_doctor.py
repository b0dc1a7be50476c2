import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


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
