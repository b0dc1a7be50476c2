"""Packages of weights: which one holds a name, and files that an installed one brings."""

import sys

import pytest

from lenszoo import list_models, list_weights
from lenszoo.errors import LenszooError
from lenszoo.pretrained.packages import FAMILIES, family_of, package_folders, package_of


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of weights; its code must not run."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    package_folders.cache_clear()

    def place(module: str, files: dict[str, bytes] | None = None) -> None:
        facts = site / f"{module}-1.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (facts / "entry_points.txt").write_text(f"[lenszoo.weights]\n{module} = {module}\n")
        if files is not None:
            (site / module).mkdir()
            (site / module / "__init__.py").write_text("raise SystemExit('was run')")
            for name, content in files.items():
                (site / module / name).write_bytes(content)
        package_folders.cache_clear()

    yield place
    package_folders.cache_clear()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("lens_finder.easy_sim", "lenszoo-weights-finders"),
        ("srresnet_1.sr_75_150_sim", "lenszoo-weights-super-resolution"),
        ("esrn_8.sr_75_150_sim", "lenszoo-weights-super-resolution"),
        ("vit_b16.common_test_sim", "lenszoo-weights-vit"),
        ("resnet18_slim.rotation_sim", "lenszoo-weights-classifiers"),
        ("resnet34.common_test_sim", "lenszoo-weights-classifiers-large"),
    ],
)
def test_the_package_of_a_name(name, package):
    assert package_of(name) == package


def test_each_family_has_models():
    families = {family_of(f"{model}.tag") for model in list_models()}
    assert families == FAMILIES.keys()
    assert {family_of(name) for name in list_weights()} == FAMILIES.keys()


@pytest.mark.parametrize("parts", [1, 3])
def test_weights_come_from_an_installed_package_and_none_of_its_code_is_run(
    zoo, server, install, parts
):
    content = zoo.add(parts=parts)
    names = [file["path"] for file in zoo.entries[-1]["files"]]
    size = -(-len(content) // parts)
    files = {name: content[i * size : (i + 1) * size] for i, name in enumerate(names)}
    install("weights_of_net", files)
    assert zoo.fetch().read_bytes() == content
    assert server.total == 0 and "weights_of_net" not in sys.modules


def test_a_damaged_file_of_a_package_is_passed_over(zoo, server, install, caplog):
    content = zoo.add()
    install("weights_of_net", {"net.sky.weights.h5": b"?" + content[1:]})
    server.on("/a/net.sky.weights.h5", server.ok(content))
    assert zoo.fetch().read_bytes() == content
    assert "weights_of_net/net.sky.weights.h5 is damaged" in caplog.text


def test_a_package_without_its_folder_is_told_of(install, caplog):
    install("weights_gone")
    assert package_folders() == ()
    assert "package of weights weights_gone is installed in part" in caplog.text


def test_missing_weights_name_their_package(zoo, monkeypatch):
    zoo.add()
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    with pytest.raises(LenszooError, match="or install the package lenszoo-weights-classifiers"):
        zoo.fetch()
