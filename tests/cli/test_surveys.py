import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lenszoo.simulation import list_surveys, simulate_galaxies

pytestmark = pytest.mark.usefixtures("own_manifest")


def test_list(lenszoo):
    lines = lenszoo("surveys").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list_surveys()
    assert any(line.startswith('des_grizY    64 pixels of 0.263"') for line in lines)


def test_show(lenszoo, refused):
    shown = lenszoo("surveys", "kids_ugri").stdout
    assert "Kuijken et al. 2019" in shown and len(shown.splitlines()) == 7
    assert "Did you mean 'kids_ugri'" in refused("surveys", "kids")


class TestPaint:
    @pytest.fixture
    def catalogue(self, tmp_path):
        galaxies = simulate_galaxies("cfhtls_gri", 5, seed=1)
        folder = tmp_path / "cutouts"
        folder.mkdir()
        rows = ["id,redshift,velocity_dispersion,mag_r"]
        for i, image in enumerate(galaxies.images):
            np.save(folder / f"g{i}.npy", image)
            numbers = (galaxies.redshift[i], galaxies.velocity_dispersion[i])
            rows.append(",".join(map(str, (f"g{i}", *numbers, galaxies.magnitude[i, 1]))))
        path = tmp_path / "galaxies.csv"
        path.write_text("\n".join(rows) + "\n")
        return path

    def test_paints(self, lenszoo, catalogue, tmp_path):
        out = tmp_path / "painted"
        options = ("--galaxies", catalogue, "--images-in", tmp_path / "cutouts")
        done = lenszoo(
            "simulate", "--survey", "cfhtls_gri", *options, out, "--train", 8, "--val", 2
        )
        assert f"{out / 'train'}: nonlens 4, lens " in done.stdout
        assert len(list((out / "val" / "nonlens").glob("*.npy"))) == 1
        assert list((out / "train" / "lens").glob("g?_lens2.npy"))

    @pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
    def test_painting_that_is_stopped_says_how_to_start_again(self, refused, catalogue, tmp_path):
        out = tmp_path / "painted"
        options = ("--galaxies", catalogue, "--images-in", tmp_path / "cutouts", out)
        command = ["simulate", "--survey", "cfhtls_gri", *map(str, options), "--train", "1000000"]
        process = subprocess.Popen(
            [sys.executable, "-m", "lenszoo", *command],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            end = time.monotonic() + 120
            while not list(out.glob("train/lens/*.npy")):
                assert process.poll() is None and time.monotonic() < end, process.stderr.read()
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=120)[1]
        finally:
            process.kill()
        line = f"lenszoo: stopped; painting does not go on: delete {out} and start again.\n"
        assert (process.returncode, rest) == (130, line)
        assert "is not empty" in refused(*command)

    def test_bad_input(self, refused, catalogue, tmp_path):
        out = tmp_path / "painted"
        line = refused("simulate", "--survey", "cfhtls_gri", out)
        assert "give --galaxies CATALOGUE and OUT" in line
        line = refused("simulate", "common_test_sim", out, "--galaxies", catalogue)
        assert "--galaxies: only with --survey" in line
        assert "Name OUT" in refused("simulate", "common_test_sim")
        options = ("--galaxies", catalogue, "--images-in", tmp_path / "cutouts", out)
        line = refused("simulate", "--survey", "cfhtls_gri", "--cutout-size", 48, *options)
        assert "cutouts of 64 x 64 pixels, survey cfhtls_gri has 48" in line
        assert "Unknown survey" in refused("simulate", "--survey", "cfhtls", *options)
