"""Which recipe weights are of by their name, and which names are left."""

from pathlib import Path

import pytest
import weights_names as names
from oneline import one_line

from lenszoo.pretrained.manifest import Manifest


@pytest.fixture
def packaged(monkeypatch):
    stems = ("net.sky", "net.sky_v2", "net.sky_v4", "net.sea")
    monkeypatch.setattr(names, "recipe_files", lambda: [Path(f"{stem}.toml") for stem in stems])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("net.sky", ["net.sky"]),
        ("net.sky_v2", ["net.sky_v2"]),  # and no other: the name is that recipe's
        ("net.sky_v3", ["net.sky_v2", "net.sky"]),
        ("net.sky_v6", ["net.sky_v4", "net.sky_v2", "net.sky"]),
        ("net.sea_v2", ["net.sea"]),
    ],
)
def test_recipes_by_name(packaged, name, known):
    assert [path.stem for path in names.recipes_of(name)] == known


def test_a_recipe_of_ones_own(packaged):
    assert names.recipes_of("net.own", "folder/own.toml") == [Path("folder/own.toml")]
    one_line("Weights are called like their recipe", lambda: names.recipes_of("net.own"))
    one_line("letters, digits", lambda: names.recipes_of("net.own", "my own.toml"))


def test_a_free_name_is_no_other_recipes(packaged):
    manifest = Manifest()
    assert names.free_name("net.sky", manifest) == "net.sky_v3"
    assert names.free_name("net.sky_v4", manifest) == "net.sky_v3"
    assert names.free_name("net.sea", manifest) == "net.sea_v2"
    assert not names.is_taken("net.sea", manifest)


@pytest.mark.parametrize(
    "name", ["net", "net.", ".sky", "net.my sky", "net.sky.2", "net/x.sky", ""]
)
def test_what_is_no_name(name):
    one_line("cannot name weights", lambda: names.check_name(name))
