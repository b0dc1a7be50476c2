"""The examples run; what is a notebook too says the same as its script."""

import runpy
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))


def cells_of(script: Path) -> list[tuple[str, str]]:
    """The cells of a script in percent format, as (kind, source)."""
    cells = []
    for part in script.read_text(encoding="utf-8").split("# %%")[1:]:
        head, _, body = part.partition("\n")
        body = body.strip()
        if "[markdown]" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.splitlines()]
            cells.append(("markdown", "\n".join(lines)))
        else:
            cells.append(("code", body))
    return cells


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_the_script_and_shows_its_output(name):
    """Made by jupyter nbconvert --execute --inplace, from a fresh start and in order."""
    path = EXAMPLES / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    stored = [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert stored == cells_of(EXAMPLES / f"{name}.py")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "display_data"}
    assert all(output.get("name", "stdout") == "stdout" for output in outputs)
    assert "shortcut baseline" in "".join(output.get("text", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < 300_000


def check_picture(path: Path, contrast: float = 30) -> None:
    pixels = np.asarray(Image.open(path).convert("L"), float)
    assert pixels.shape[1] > 1200 and pixels.std() > contrast


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, tmp_path, monkeypatch):
    """And so does its script, which is the same code."""
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    assert "shortcut baseline" in text
    assert any("image/png" in output.get("data", {}) for output in outputs)
    check_picture(tmp_path / f"{name}.png")


def run_main(name, monkeypatch, *arguments):
    """Run an example as its users do, with arguments that make it small."""
    monkeypatch.setattr("sys.argv", [f"{name}.py", *map(str, arguments)])
    monkeypatch.setenv("MPLBACKEND", "agg")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.mark.slow
def test_compare_architectures(tmp_path, monkeypatch, capsys):
    small = ("--epochs", 1, "--images", 48, "--test-images", 48, "--preset", "deeplense_model_2")
    run_main(
        "compare_architectures",
        monkeypatch,
        *("simple_cnn", "cnn_attention", *small, "--out", tmp_path),
    )
    said = capsys.readouterr().out
    assert "cnn_attention" in said and "(shortcut baseline)" in said
    check_picture(tmp_path / "compare.png", contrast=15)  # mostly white


@pytest.mark.slow
def test_super_resolve(tmp_path, monkeypatch, capsys):
    small = ("--epochs", 1, "--images", 16, "--test-images", 4, "--out", tmp_path / "run")
    run_main("super_resolve", monkeypatch, *small)
    assert "% of the way" in capsys.readouterr().out
    check_picture(tmp_path / "run" / "super_resolve.png")


@pytest.mark.slow
def test_find_lenses(tmp_path, monkeypatch, capsys):
    small = ("--epochs", 1, "--images", 48, "--test-images", 40, "--out", tmp_path / "run")
    run_main("find_lenses", monkeypatch, *small)
    said = capsys.readouterr().out
    assert "image and table  AUC 0." in said and "of the 12 best candidates are lenses" in said
    assert "on the harder sky AUC 0." in said
    assert (tmp_path / "run" / "report.html").exists()
    with (tmp_path / "run" / "candidates.csv").open() as stream:
        assert len(stream.readlines()) == 1 + 22  # 20 others and 2 lenses
    check_picture(tmp_path / "run" / "find_lenses.png")


@pytest.mark.slow
def test_finder_for_your_survey(tmp_path, monkeypatch, capsys):
    small = ("--epochs", 1, "--images", 32, "--galaxies", 16, "--out", tmp_path / "own")
    run_main("finder_for_your_survey", monkeypatch, *small)
    assert "painted lenses among held-out galaxies: AUC" in capsys.readouterr().out
    assert (tmp_path / "own" / "run" / "report.html").exists()
    check_picture(tmp_path / "own" / "painted.png", contrast=15)  # mostly dark


@pytest.mark.slow
def test_search_a_survey(tmp_path, monkeypatch, capsys):
    for _ in range(2):  # the second time nothing is left to do
        run_main("search_a_survey", monkeypatch, "--objects", 60, "--out", tmp_path)
        said = capsys.readouterr().out
        assert "60 of 60 objects scored on 2 tiles" in said
        hits = int(said.rpartition("tiles\n")[2].split()[0])
        assert 1 <= hits <= 3  # of three lenses
    check_picture(tmp_path / "candidates.png", contrast=15)  # mostly dark


@pytest.mark.slow
def test_learn_from_votes(tmp_path, monkeypatch, capsys):
    small = ("--objects", 120, "--votes", 40, "--images", 32, "--test-images", 60)
    run_main("learn_from_votes", monkeypatch, *small, "--out", tmp_path)
    said = capsys.readouterr().out
    assert "40 votes: " in said and "before: " in said and "after: " in said
    hits = int(said.partition("votes: ")[2].split()[0])
    assert 8 <= hits <= 24  # of 24 lenses
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_bring_your_own(tmp_path, monkeypatch, capsys):
    from tinyzoo import tiny_zoo

    run_main("bring_your_own", monkeypatch, tiny_zoo().data, "--epochs", 1, "--out", tmp_path)
    mine, old = capsys.readouterr().out.splitlines()
    assert mine.startswith("classifier ") and old.startswith("vit_b16 ")
    assert "macro AUC" in mine and "shortcut baseline" in old


@pytest.mark.slow
def test_finetune_vit(tmp_path, monkeypatch, capsys):
    from tinyzoo import SIZE, tiny_zoo

    from lenszoo import build_model, load_model
    from lenszoo.pretrained.loading import save_weights

    tiny = {"patch": 5, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 8}
    keras.utils.set_random_seed(1)  # in some networks a bias of the keys stands still
    start = build_model("vit_ti16", input_shape=(SIZE, SIZE, 1), **tiny)
    weights = save_weights(start, tmp_path / "start.weights.h5")
    options = [f"--option={name}={value}" for name, value in tiny.items()]
    given = ("--model", "vit_ti16", "--weights", weights, *options, "--epochs", 3)
    run_main("finetune_vit", monkeypatch, tiny_zoo().data, *given, "--out", tmp_path / "run")
    assert "macro AUC" in capsys.readouterr().out
    tuned = load_model(tmp_path / "run")
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(start.get_weights(), tuned.get_weights(), strict=True)
    ]
    assert all(moved)
