import keras
import pytest
from tinyzoo import NAME

from lenszoo.cli.doctor import _backend, _versions

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

    def test_images_with_channels_first_are_told(self, monkeypatch):
        monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
        assert [well for name, _, well in _backend() if name == "images"] == [False]

    @pytest.mark.parametrize("password", ["p", "p,q", "p q r", "p@q/", "p?q"])
    @pytest.mark.parametrize("scheme", ["https://", "s3://", "ftp://", "file://", ""])
    def test_no_password_of_a_mirror_is_shown(self, scheme, password, monkeypatch):
        secret = password.replace("p", "hush1").replace("q", "hush2").replace("r", "hush3")
        monkeypatch.setenv("LENSZOO_WEIGHTS_URL", f"{scheme}user:{secret}@host/w")
        lines = [line for _, line, _ in _versions() if "LENSZOO_WEIGHTS_URL" in line]
        assert len(lines) == 1 and "hush" not in lines[0]
