"""Candidates: the best of many tables, joined on the sky, matched, at another prevalence."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.survey.ranking import add_probability, best_of, join_on_sky, match_lenses, read_lenses

ARCSEC = 1 / 3600


def table(logits, ids=None, ra=None, dec=None):
    n = len(logits)
    logits = np.asarray(logits, np.float32)
    return pa.table(
        {
            "id": ids or [str(k) for k in range(n)],
            "ra": np.arange(n, dtype=float) if ra is None else np.asarray(ra, float),
            "dec": np.zeros(n) if dec is None else np.asarray(dec, float),
            "logit": pa.array(logits, mask=np.isnan(logits)),
            "prob": pa.array(1 / (1 + np.exp(-logits)), mask=np.isnan(logits)),
        }
    )


def test_the_best_of_many_tables_are_those_of_one_sort(tmp_path):
    rng = np.random.default_rng(0)
    logits = np.round(rng.normal(0, 1, 5000), 2)  # with ties
    logits[::7] = np.nan
    files = []
    for k in range(50):
        rows = slice(100 * k, 100 * k + 100)
        ids = [f"{i:04d}" for i in range(100 * k, 100 * k + 100)]
        pq.write_table(table(logits[rows], ids), tmp_path / f"{k}.parquet")
        files.append(tmp_path / f"{k}.parquet")
    order = sorted(np.flatnonzero(~np.isnan(logits)), key=lambda i: (-logits[i], i))
    for count in (1, 10, 300, 10_000):
        best = best_of(reversed(files), count)
        assert best["id"].to_pylist() == [f"{i:04d}" for i in order[:count]]


def test_neighbours_within_2_arcsec_are_joined_to_the_better_one():
    ra = 10 + np.array([0, 1.5, 3.0, 100, 101.9, 300]) * ARCSEC
    joined = join_on_sky(table([6, 5, 4, 3, 2, 1], list("abcdef"), ra))
    assert joined["id"].to_pylist() == ["a", "c", "d", "f"]
    assert joined["duplicates"].to_pylist() == [["b"], [], ["e"], []]
    assert len(join_on_sky(table([]))) == 0


def test_lenses_of_a_list_are_marked_by_position(tmp_path):
    candidates = table([2, 1], ra=[359.9999, 20.0], dec=[60.0, 60.0])
    (tmp_path / "lenses.csv").write_text(
        f"name,ra,dec\nCosmic Horseshoe,{0.0002},60\nfar,{20 + 2.1 * 2 * ARCSEC},60\nnone,,\n"
    )
    marked = match_lenses(candidates, read_lenses(tmp_path / "lenses.csv"))
    assert marked["known"].to_pylist() == ["Cosmic Horseshoe", None]
    assert marked["known_separation"][0].as_py() == pytest.approx(0.3 * 3.6 / 2, rel=1e-3)
    (tmp_path / "bare.csv").write_text("ra,dec\n20,60\n")
    marked = match_lenses(candidates, read_lenses(tmp_path / "bare.csv"))
    assert marked["known"].to_pylist() == [None, "unnamed"]


def test_prevalence_moves_calibrated_probabilities_by_bayes():
    probability = np.array([0.01, 0.5, 0.9, 0.999])
    rows = table(np.log(probability / (1 - probability)))
    moved = add_probability(rows, 0.001)["prob_at_prevalence"].to_numpy()
    expected = probability * 0.001 / (probability * 0.001 + (1 - probability) * 0.999)
    np.testing.assert_allclose(moved, expected, rtol=1e-4)
    # logits of a finder that learned on one lens in 26
    rare = add_probability(rows, 0.001, trained=1 / 26)["prob_at_prevalence"].to_numpy()
    odds, rare_odds = (p.astype(float) / (1 - p.astype(float)) for p in (moved, rare))
    np.testing.assert_allclose(rare_odds / odds, 25, rtol=1e-4)
    one_line("prevalence", lambda: add_probability(rows, 0.0))


def test_lists_in_hours_are_told_of_and_places_off_the_sky_refused(tmp_path, caplog):
    candidates = table([2, 1], ra=[150.0, 20.0], dec=[20.0, 60.0])
    (tmp_path / "hours.csv").write_text("Name,RA,DEC\nHorseshoe,10,20\n")
    assert match_lenses(candidates, read_lenses(tmp_path / "hours.csv"))["known"].null_count == 2
    (line,) = caplog.messages
    assert "1 would be if the list had ra in hours" in line
    (tmp_path / "degrees.csv").write_text("Name,RA,DEC\nHorseshoe,150,20\n")
    marked = match_lenses(candidates, read_lenses(tmp_path / "degrees.csv"))
    assert marked["known"].to_pylist() == ["Horseshoe", None]  # a name in any case
    (tmp_path / "off.csv").write_text("name,ra,dec\nodd,330,160\n")
    line = one_line("'odd' lies at ra 330, dec 160", lambda: read_lenses(tmp_path / "off.csv"))
    assert "off.csv" in line
