"""The zoo as it stands in this checkout: manifest, weights, recipes, and what is made of them."""

import configparser
import fnmatch
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import results
from cards import loading
from result_tables import superseded
from typer.testing import CliRunner

from lenszoo.cli import app
from lenszoo.files import sha256_of
from lenszoo.models.build import check_config
from lenszoo.models.registry import model_info
from lenszoo.pretrained import get_entry, load_manifest
from lenszoo.pretrained.manifest import FILE_NAME
from lenszoo.simulation import get_preset
from lenszoo.tasks.recipes import recipe_files
from lenszoo.training import Recipe

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
MANIFEST = load_manifest(ROOT / FILE_NAME)
NAMES = MANIFEST.names()
EARLIER = superseded(MANIFEST.entries)
RECIPES = {path.name: path for path in recipe_files()}


@pytest.fixture(autouse=True)
def real_zoo(monkeypatch, tmp_path):
    """This checkout's manifest and folder of weights, no cache and no server."""
    monkeypatch.setenv("LENSZOO_MANIFEST", str(ROOT / FILE_NAME))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    monkeypatch.delenv("LENSZOO_WEIGHTS_URL", raising=False)


@pytest.fixture(scope="module")
def manifest():
    return MANIFEST


def test_every_file_is_here_and_sound_or_can_be_fetched(manifest):
    for file in (file for entry in manifest.entries for file in entry.files):
        here = ROOT / "weights" / file.path
        if here.is_file():
            assert (here.stat().st_size, sha256_of(here)) == (file.bytes, file.sha256), file.path
        else:
            assert file.urls or manifest.base_url, f"{file.path} is nowhere"


def test_the_folder_holds_what_the_manifest_names_and_no_more_than_it_may(manifest):
    files = [file for entry in manifest.entries for file in entry.files]
    there = {path.name: path.stat().st_size for path in (ROOT / "weights").iterdir()}
    assert not there.keys() - {file.path for file in files}
    assert max(file.bytes for file in files) <= 16 * MIB
    assert sum(file.bytes for file in files) <= 300 * MIB
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]["lenszoo._data.weights"].split(",")
    wheel = [
        size
        for name, size in there.items()
        if any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in patterns)
    ]
    assert wheel and max(wheel) <= 3 * MIB and sum(wheel) <= 12 * MIB


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in EARLIER else ()) for n in NAMES]
)
def test_the_lines_of_the_card_load_it_with_its_fingerprint(name):
    entry = get_entry(name)
    if not all((ROOT / "weights" / file.path).is_file() for file in entry.files):
        pytest.skip("on a mirror only")
    known = {}
    exec(loading(entry), known)  # load_model compares the fingerprint
    assert known["model"].count_params() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_makes_that_model_on_that_sky(name):
    entry = get_entry(name)
    recipe = Recipe.load(RECIPES[entry.recipe])
    preset = get_preset(recipe.data.preset)
    assert recipe.model == entry.model
    assert (preset.name, recipe.seed) == (entry.data["preset"], entry.data["seed"])
    assert entry.pixel_scale == preset.pixel_scale
    inherited = get_entry(recipe.weights).options if recipe.weights in NAMES else {}
    wanted = inherited | recipe.options
    if recipe.task in ("adapt", "find_lenses"):  # the data add columns
        assert wanted.items() <= entry.options.items()
        assert entry.options["use"] == getattr(recipe, "use", entry.options["use"])
    else:
        # through defaults: an option may be newer than the entry
        made, known = (
            check_config(model_info(entry.model), entry.input_shape, entry.num_classes, options)
            for options in (wanted, entry.options)
        )
        assert made == known
    if recipe.task == "super_resolve":
        assert entry.input_shape[2] == preset.image_shape[2]
        return
    bands = len(entry.data.get("bands", preset.bands))
    assert entry.input_shape == (*preset.image_shape[:2], bands)
    if recipe.task != "pretext":
        assert entry.classes == preset.classes


def test_every_figure_names_a_command_that_there_is(manifest):
    scripts = set()
    for entry in manifest.entries:
        assert entry.metrics["test"], entry.name
        python, script, *arguments = shlex.split(entry.metrics["measured"]["command"])
        assert python == "python" and entry.name in arguments
        scripts.add(script)
    for script in scripts:
        command = [sys.executable, ROOT / script, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and "usage" in done.stdout.lower(), done.stderr


def test_the_command_shows_the_card_and_the_entry():
    name = "resnet18_slim.common_test_sim"
    shown = CliRunner().invoke(app, ["weights", "show", name])
    assert shown.stdout == (ROOT / "docs" / "cards" / f"{name}.md").read_text("utf-8")
    raw = CliRunner().invoke(app, ["weights", "show", name, "--json"])
    assert json.loads(raw.stdout) == get_entry(name).model_dump(mode="json")


def test_readme_results_and_cards_are_what_the_manifest_says():
    assert results.faults(ROOT) == ([], []), "run `make results`"
