"""lenszoo completeness: from cutouts to a table and a page, and what it refuses."""

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

from lenszoo import build_model
from lenszoo.simulation import get_survey, simulate_galaxies

pytestmark = pytest.mark.usefixtures("own_manifest", "blank_figures")


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Ten galaxies of 32 pixels, their catalogue, and a lens finder that learned nothing."""
    root = tmp_path_factory.mktemp("sky")
    rows = ["id,redshift,mag_r"]
    for i, image in enumerate(simulate_galaxies(get_survey("cfhtls_gri").sized(32), 10, 5).images):
        np.save(root / f"g{i}.npy", image)
        rows.append(f"g{i},{0.3 + 0.02 * i},{18 + 0.2 * i}")
    (root / "galaxies.csv").write_text("\n".join(rows) + "\n")
    keras.utils.set_random_seed(3)
    options = {"use": "image", "width": 4, "dim": 8, "heads": 2, "stretch": "noise"}
    build_model("lens_finder", input_shape=(32, 32, 3), **options).save(root / "finder.keras")
    return root


def command(sky, out, *more):
    return (
        "completeness", sky / "finder.keras", "--survey", "cfhtls_gri", "--galaxies",
        sky / "galaxies.csv", "--cutout-size", 32, "--out", out, "--per-bin", 4,
        "--batch-size", 8, "--axis", "einstein_radius=1,2,3", *more,
    )  # fmt: skip


def test_a_table_and_a_page(lenszoo, sky, tmp_path):
    shown = lenszoo(*command(sky, tmp_path / "out", "--threshold", 0)).stdout
    table = pq.read_table(tmp_path / "out" / "completeness.parquet")
    lenses, hits = sum(table["lenses"].to_pylist()), sum(table["found"].to_pylist())
    assert f"{hits} of {lenses} painted lenses found" in shown
    assert f"Open {tmp_path / 'out' / 'report.html'}" in shown
    # once more: all parts are there
    assert lenszoo(*command(sky, tmp_path / "out", "--threshold", 0)).stdout == shown


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--axis", "einstein_radius=3,4"), "given twice"),
        (("--axis", "colour=1,2"), "colour"),
        (("--rate", 1.5), "false-positive rate is 1.5"),
        (("--cutout-size", 64), "cutouts of 32 x 32 pixels"),
        (("--survey", "des_griz"), "des_grizY"),
        (("--crop", 16), "16 x 16"),
        (("--threshold", 1, "--rate", 0.1), "give one of them"),
        (("--id-column", "name"), "no column 'name'"),
    ],
)
def test_bad_input_is_refused_in_one_line(refused, sky, tmp_path, more, message):
    assert message in refused(*command(sky, tmp_path / "out", *more))
