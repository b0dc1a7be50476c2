import pytest

pytestmark = pytest.mark.usefixtures("own_manifest")


class TestModels:
    def test_patterns_and_tasks(self, lenszoo, refused):
        shown = lenszoo("models", "*net18*").stdout.split("\n")
        assert shown[0].split()[:3] == ["resnet18", "classify", "150x150x1"]
        assert "Did you mean 'resnet18'" in refused("models", "resnet19")
        assert "Legal: classify" in refused("models", "--task", "classfy")
