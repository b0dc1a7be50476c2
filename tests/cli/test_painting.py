"""Options of painting: the verbs that paint have them all, and they reach the reader."""

import inspect

import numpy as np
import pytest

from lenszoo.cli._painting import PAINTING, read_hosts
from lenszoo.cli.completeness import completeness
from lenszoo.cli.search import search
from lenszoo.cli.simulate import simulate
from lenszoo.simulation import get_survey, simulate_galaxies


@pytest.mark.parametrize("verb", [simulate, completeness])
def test_verbs_that_paint_have_all_options(verb):
    names = inspect.signature(verb).parameters
    assert names.keys() >= PAINTING.keys() | {"survey", "galaxies"} and "painting" not in names


def test_other_verbs_keep_their_own():
    names = inspect.signature(search).parameters
    assert "catalogue" in names and not names.keys() & {"kind", "law", "stamps"}


def test_options_reach_the_reader(tmp_path):
    images = simulate_galaxies(get_survey("cfhtls_gri").sized(32), 3, seed=1).images
    (tmp_path / "cut").mkdir()
    for k in (0, 2):
        np.save(tmp_path / "cut" / f"g{k}_all.npy", images[k])
    rows = "".join(f"g{k},0.4,19,{kind}\n" for k, kind in enumerate(("host", "", "lenses")))
    (tmp_path / "all.csv").write_text(f"name,redshift,mag_r,type\n{rows}")
    options = {name: default for name, (_, default) in PAINTING.items()}
    options |= {
        "images_in": tmp_path / "cut", "pattern": "{id}_all.npy", "id_column": "name",
        "on_missing": "skip", "kind": "type", "cutout_size": 32,
    }  # fmt: skip
    hosts = read_hosts("cfhtls_gri", tmp_path / "all.csv", options)
    assert hosts.ids == ("g0", "g2") and hosts.kinds.tolist() == ["host", "lens"]
    assert hosts.survey.cutout_size_pixels == 32
