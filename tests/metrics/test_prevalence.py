"""Prevalence: purity, inspections per lens and moved probabilities are those of counting."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.metrics.prevalence import at_prevalence, inspections_per_lens, purity_at


def test_purity_and_inspections_are_those_of_a_drawn_survey():
    rng = np.random.default_rng(0)
    lens = rng.random(2_000_000) < 0.01
    passes = rng.random(len(lens)) < np.where(lens, 0.4, 0.02)
    purity = lens[passes].mean()
    assert purity_at(0.4, 0.02, 0.01) == pytest.approx(purity, rel=0.03)
    assert inspections_per_lens(0.4, 0.02, 0.01) == pytest.approx(1 / purity, rel=0.03)


def test_where_nothing_passes_or_only_non_lenses_do():
    assert np.isnan(inspections_per_lens(0.0, 0.0, 1e-3))
    assert inspections_per_lens(0.0, 0.1, 1e-3) == np.inf
    assert inspections_per_lens(0.3, 0.0, 1e-3) == 1


def test_moved_probabilities_are_those_of_resampled_classes():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, 400_000)
    lens = rng.random(len(logits)) < 1 / (1 + np.exp(-logits))
    kept = lens | (rng.random(len(lens)) < 0.1)  # ten times as many lenses a non-lens
    moved = at_prevalence(logits[kept], 10 / 11, trained=0.5)
    high = moved > 1
    assert lens[kept][high].mean() == pytest.approx(
        (1 / (1 + np.exp(-moved[high]))).mean(), abs=5e-3
    )
    assert np.allclose(at_prevalence(moved, 0.5, trained=10 / 11), logits[kept])


@pytest.mark.parametrize("share", [0, 1, -1e-3, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    one_line(f"prevalence is {share}", lambda: at_prevalence(0.0, share))
    one_line("prevalence", lambda: at_prevalence(0.0, 1e-3, trained=share))
    one_line("prevalence", lambda: inspections_per_lens(0.5, 0.1, share))
