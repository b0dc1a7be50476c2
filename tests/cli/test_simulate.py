import numpy as np
import pytest

from lenszoo.data import read_image
from lenszoo.simulation import SPLIT_START, sample

pytestmark = pytest.mark.usefixtures("own_manifest")


class TestSimulate:
    def test_writes_what_sample_draws(self, lenszoo, tmp_path):
        out = tmp_path / "sky"
        done = lenszoo("simulate", "common_test_sim", out, "--train", 4, "--val", 3, "--seed", 5)
        assert f"{out / 'train'}: no 2, sphere 1, vort 1\n" in done.stdout
        drawn = sample("common_test_sim", 4, 5, SPLIT_START["train"]).images
        np.testing.assert_allclose(read_image(out / "train" / "no" / "2.npy"), drawn[3], atol=1e-6)
        assert len(list((out / "val").rglob("*.npy"))) == 3
        again = lenszoo("simulate", "common_test_sim", out, "--train", 4, "--val", 3, "--seed", 5)
        assert again.stdout == done.stdout

    def test_bad_input(self, refused, tmp_path):
        assert "Name a sky, PRESET, and OUT" in refused("simulate")
        assert "Name OUT, the folder" in refused("simulate", "common_test_sim")
        assert "Did you mean 'common_test_sim'" in refused("simulate", "common_test", tmp_path)
        (tmp_path / "file").write_text("")
        line = refused("simulate", "common_test_sim", tmp_path / "file", "--train", 3)
        assert str(tmp_path / "file") in line
        painting = ("--kind", "k", "--law", "natural")
        line = refused("simulate", "common_test_sim", tmp_path / "a", *painting)
        assert "--kind, --law: only with --survey" in line
        assert "give --galaxies" in refused("simulate", "--survey", "des_grizY", tmp_path / "a")
        (tmp_path / "used").mkdir()
        (tmp_path / "used" / "x").write_text("mine")
        assert "not empty" in refused("simulate", "common_test_sim", tmp_path / "used")
