"""lenszoo mine: a catalogue in, the hardest false positives out."""

import keras
import numpy as np
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from lenszoo import build_model
from lenszoo.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six cutouts with their catalogue, the even ones known lenses, and a finder."""
    root = tmp_path_factory.mktemp("mine")
    rng = np.random.default_rng(3)
    rows = ["id,found,tile"]
    for i in range(6):
        np.save(root / f"o{i}.npy", rng.normal(0.0, 0.02, (3, 64, 64)).astype(np.float32))
        rows.append(f"o{i},{(i + 1) % 2},{i // 4}")
    (root / "objects.csv").write_text("\n".join(rows) + "\n")
    keras.utils.set_random_seed(1)
    options = {"use": "image", "width": 4, "dim": 8, "heads": 1}
    build_model("lens_finder", input_shape=(64, 64, 3), **options).save(root / "finder.keras")
    return root


def mine(folder, out, *options):
    command = ["mine", str(folder / "finder.keras"), str(folder / "objects.csv"), "--out", str(out)]
    return CliRunner().invoke(app, [*command, "--images-in", str(folder), *options])


def test_known_lenses_are_left_out_and_columns_stay(folder, tmp_path):
    done = mine(folder, tmp_path / "mined.csv", "--label", "found", "--number", "2")
    assert done.exit_code == 0 and "mined.csv: 2 objects, probabilities" in done.output
    table = pyarrow.csv.read_csv(tmp_path / "mined.csv")
    assert set(table["id"].to_pylist()) < {"o1", "o3", "o5"}
    assert {"kind", "logit_lens", "tile"} <= set(table.column_names)


def test_faults_are_one_line(folder, tmp_path):
    refused = mine(folder, tmp_path / "mined.csv", "--label", "truth")
    assert refused.exit_code == 2 and "No column 'truth'" in refused.output
    refused = mine(folder, tmp_path / "mined.txt", "--label", "truth")  # before anything is read
    assert refused.exit_code == 2 and ".parquet" in refused.output
    (tmp_path / "mined.csv").write_text("mine")
    refused = mine(folder, tmp_path / "mined.csv")
    assert refused.exit_code != 0 and (tmp_path / "mined.csv").read_text() == "mine"
