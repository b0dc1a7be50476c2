"""The example runs as a script and as a notebook, which say the same."""

import runpy
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


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
def test_notebook_is_the_script_and_stores_no_output(name):
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    stored = [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert stored == cells_of(EXAMPLES / f"{name}.py")
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def check_picture(path: Path) -> None:
    pixels = np.asarray(Image.open(path).convert("L"), float)
    assert pixels.shape[1] > 1200 and pixels.std() > 30


@pytest.mark.parametrize("name", NAMES)
def test_script_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    said = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert said["report"].metrics["macro_ovr_auc"] > 0.95
    assert "shortcut baseline" in capsys.readouterr().out
    check_picture(tmp_path / f"{name}.png")


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, tmp_path, monkeypatch):
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
