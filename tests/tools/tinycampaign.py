"""Recipes of seconds on a simulated sky, and a folder to release their weights into."""

import tomllib
from pathlib import Path

from entries import write_manifest

from lenszoo.pretrained.manifest import FILE_NAME, Manifest

FIRST = """
model = "simple_cnn"
options = { width = 4 }
epochs = 2
batch_size = 12
seed = 1
[data]
preset = "common_test_sim"
images = 12
val_images = 9
test_images = 12
"""
SECOND = FIRST.replace("epochs = 2", 'epochs = 1\nweights = "simple_cnn.first"')
ORPHAN = SECOND.replace("simple_cnn.first", "nowhere")
BROKEN = FIRST.replace("common_test_sim", "common_test_sum")
RECIPES = {"first": FIRST, "broken": BROKEN, "orphan": ORPHAN, "second": SECOND}
IMAGES = 24  # to score on


def empty_root(root: Path) -> Path:
    """A folder with a manifest of nothing."""
    root.mkdir(parents=True)
    write_manifest(Manifest(), root / FILE_NAME)
    return root


def write_list(folder: Path, **recipes: str) -> Path:
    """Write recipes of simple_cnn by tag, and a list of them."""
    folder.mkdir(parents=True)
    for tag, text in recipes.items():
        tomllib.loads(text)
        (folder / f"simple_cnn.{tag}.toml").write_text(text)
    path = folder / "list.txt"
    path.write_text(
        "# in order\n" + "".join(f"simple_cnn.{tag}.toml  # {tag}\n" for tag in recipes)
    )
    return path
