import re
import sys
from pathlib import Path

import pytest

from lenszoo import evaluation, inference
from lenszoo.lazy import lazy_names, without_companions


@pytest.mark.parametrize("package", [evaluation, inference])
def test_every_name_of_a_stub_can_be_had(package):
    stub = Path(package.__file__).with_suffix(".pyi").read_text()
    assert package.__all__ == dir(package) == sorted(re.findall(r'^    "(\w+)",$', stub, re.M))
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_a_name_is_kept_once_it_was_used():
    get, names, public = lazy_names("lenszoo.evaluation")
    assert get("roc_auc") is evaluation.roc_auc is vars(evaluation)["roc_auc"]
    assert names() == public


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'lenszoo.evaluation' has no attribute 'auc_roc'"):
        _ = evaluation.auc_roc


def test_companions_of_keras_are_absent_for_its_import_alone(monkeypatch, tmp_path):
    for name in ("keras", "tensorflow", "jax", "matplotlib", "sklearn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with without_companions(), pytest.raises(ImportError):
        import matplotlib  # noqa: F401
    assert not {"jax", "matplotlib", "sklearn"} & set(sys.modules)
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    with without_companions():
        assert "jax" not in sys.modules  # can be imported
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with without_companions():
        assert sys.modules["jax"] is None
    sys.modules["sklearn"] = re
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with without_companions():
        assert sys.modules["sklearn"] is re
