"""How the command starts, explains itself and fails, in processes of its own where that matters."""

import re

import pytest

import lenszoo as package
from lenszoo.cli import app
from lenszoo.models.registry import list_models

HEAVY = {"keras", "tensorflow", "jax", "numpy", "h5py", "matplotlib", "sklearn", "astropy"}
VERBS = (
    "upscale",
    "quickstart",
    "completeness",
    "export",
    "mine",
    "realism",
    "similar",
    "vet",
    "models",
    "weights",
    "simulate",
    "surveys",
    "search",
    "train",
    "pretrain",
    "adapt",
    "evaluate",
    "predict",
    "embed",
    "convert",
    "doctor",
)


@pytest.mark.parametrize("arguments", ["models", "--help", "--version", "weights list"])
def test_what_needs_no_backend_loads_none(fresh, arguments):
    code = "import sys; sys.argv = ['lenszoo', *sys.argv[1:]]\ntry:\n import lenszoo.cli as c\n"
    code += " c.main()\nfinally:\n print('LOADED', *sys.modules)"
    done = fresh(*arguments.split(), python=("-c", code))
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.partition("LOADED")[2].split()
    assert loaded and not HEAVY & set(loaded)


def test_models_of_a_process_of_its_own(fresh):
    done = fresh("models", "resnet*")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == list_models("resnet*")


def test_help_lists_every_verb(lenszoo):
    text = lenszoo("--help").stdout
    for name in VERBS:
        assert re.search(rf"\b{name}\b", text)
    assert set(VERBS) == {c.name or c.callback.__name__ for c in app.registered_commands} | {
        group.name for group in app.registered_groups
    }


@pytest.mark.parametrize(
    "name", [*VERBS, *(f"weights {v}" for v in ("list", "show", "fetch", "path", "verify"))]
)
def test_every_verb_explains_itself_with_an_example_that_parses(lenszoo, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "200")
    text = lenszoo(*name.split(), "--help").stdout
    if name == "weights":
        return
    assert "--debug" in text
    example = re.search(r"Example: (lenszoo .*\S)", text)[1]
    assert example.startswith(f"lenszoo {name}")
    options = re.findall(r"(?<= )--[a-z-]+", example)
    assert all(option in text for option in options)


def test_version(lenszoo):
    assert lenszoo("--version").stdout == f"lenszoo {package.__version__}\n"


def test_a_verb_that_does_not_exist_or_lacks_an_argument(lenszoo):
    assert "No such command" in lenszoo("modles", code=2).stderr
    assert "Missing" in lenszoo("predict", code=2).stderr


def test_the_backend_starts_without_a_word(fresh, own_manifest):
    """TensorFlow's C++ log must not stand in the way of the one line that matters."""
    done = fresh("predict", "no_such.weights", "nowhere", "--out", "t.csv")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("lenszoo: ") and done.stderr.count("\n") == 1
    assert "nowhere: no such file or folder" in done.stderr


def test_a_backend_that_is_not_there_is_one_line(fresh):
    code = "import sys; sys.modules['tensorflow'] = None; sys.argv = ['lenszoo', 'doctor']\n"
    code += "import lenszoo.cli as c; c.main()"
    done = fresh(python=("-c", code), KERAS_BACKEND="tensorflow")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install tensorflow" in done.stderr and "KERAS_BACKEND" in done.stderr


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("lenszoo pred", ["predict"]),
        ("lenszoo train --batch", ["--batch-size"]),
        ("lenszoo predict simple_cnn.t", ["simple_cnn.tiny_sim"]),
        ("lenszoo predict a,simple_cnn.t", ["a,simple_cnn.tiny_sim"]),
    ],
)
def test_the_shell_completes_verbs_options_and_weights(fresh, own_manifest, words, completions):
    done = fresh(
        _LENSZOO_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert done.stdout.split() == completions, done.stderr


def test_the_help_of_train_fits_on_a_screen(fresh):
    done = fresh("train", "--help", COLUMNS="80")
    assert len(done.stdout.strip().splitlines()) <= 42
