from oneline import one_line

from lenszoo.pretrained.imported import SOURCES
from lenszoo.pretrained.imported.sources import Source
from lenszoo.pretrained.loading import build_model


def test_a_tag_that_a_row_does_not_have():
    one_line(
        "Unknown published weights of resnet18 'imagenet21k'",
        lambda: build_model("resnet18", weights="imagenet21k"),
    )


def test_cached_names_are_plain_and_differ():
    sources = [source for tags in SOURCES.values() for source in tags.values() if source]
    names = [name for source in sources for name in source.addresses]
    assert len(set(names)) == len(names)
    assert not any("/" in name or ":" in name for name in names)


def test_the_hub_may_be_a_mirror(monkeypatch):
    source = Source("owner/net")
    for hub in ("https://huggingface.co", "http://mirror.example/hf"):
        assert source.addresses == {
            f"owner--net--{file}": f"{hub}/owner/net/resolve/main/{file}"
            for file in ("model.safetensors", "pytorch_model.bin")
        }
        monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example/hf/")
