"""What is installed: a wheel works away from the checkout, with manifest, recipes and weights."""

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

QUESTIONS = """
import json, lenszoo
from lenszoo.pretrained.cards import read_card
from lenszoo.pretrained.store import local_path
from lenszoo.training import Recipe
from lenszoo.tasks.recipes import recipe_files
name = "resnet18_slim.common_test_sim"
print(json.dumps({
    "where": lenszoo.__file__,
    "weights": lenszoo.list_weights(),
    "recipes": [p.stem for p in recipe_files()],
    "model": Recipe.load(name).model,
    "card": read_card(name),
    "local": str(local_path(name)),
    "outputs": list(lenszoo.load_model(name).output_shape),
}))
"""


def ask(python_path: Path, folder: Path) -> dict:
    environment = os.environ | {
        "PYTHONPATH": str(python_path),
        "LENSZOO_OFFLINE": "1",
        "LENSZOO_CACHE": str(folder / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-c", QUESTIONS]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_setup_cfg_names_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = set(config["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("lenszoo/**/__init__.py")
    }
    assert named - {"lenszoo._data", "lenszoo._data.cards", "lenszoo._data.weights"} == found


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds what `pip wheel .` makes, unpacked as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 15 * 2**20
    target = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "-t", target, wheel], check=True, timeout=300)
    return target


def test_a_wheel_and_a_checkout_hold_the_same_zoo(installed, tmp_path):
    away = ask(installed, tmp_path)
    here = ask(ROOT, tmp_path)
    assert away["where"].startswith(str(installed))
    assert here["where"].startswith(str(ROOT))
    assert away["local"].startswith(str(installed))
    assert here["local"].startswith(str(ROOT))
    for same in ("weights", "recipes", "model", "card", "outputs"):
        assert away[same] == here[same]
    assert away["weights"]
