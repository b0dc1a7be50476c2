"""Axes of a selection function: bins, places, and what cannot be an axis."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import PaintLaw
from lenszoo.tasks.find_lenses.selection_axes import (
    Axis,
    cells,
    check_axes,
    default_axes,
    parse_axes,
)

COLUMNS = ("z_source", "magnification")
MAGNITUDES = np.array([18.0, 19.0, 20.0, np.nan])


def test_values_are_put_into_bins_with_their_lower_edge_and_the_last_upper_one():
    axis = Axis("z_source", (1.0, 2.0, 4.0))
    values = np.array([0.9, 1.0, 1.9, 2.0, 4.0, 4.1, np.nan])
    assert axis.place(values).tolist() == [-1, 0, 0, 1, 1, -1, -1]
    assert axis.bins == [(1.0, 2.0), (2.0, 4.0)]


def test_each_bin_has_a_law_of_its_own():
    axes = parse_axes(["einstein_radius=1,2,3", "z_source=1,2", "source_magnitude=22,23,24"])
    grid = cells(axes, PaintLaw(arc_contrast=0.5))
    assert [cell.law.einstein_radius_arcsec for cell in grid] == [(1, 2), (1, 2), (2, 3), (2, 3)]
    assert [cell.law.source_magnitude for cell in grid] == [(22, 23), (23, 24)] * 2
    assert {cell.law.arc_contrast for cell in grid} == {0.5}
    assert {cell.host for cell in grid} == {-1}


def test_a_bin_beyond_the_law_is_told_in_one_line():
    axes = parse_axes(["einstein_radius=1,70"])
    message = "no lens can be painted in the bin einstein_radius 1 to 70: einstein_radius_arcsec"
    one_line(message, lambda: cells(axes, PaintLaw()))


def test_the_default_axes_lie_within_the_law_and_leave_unknown_magnitudes_out():
    law = PaintLaw(einstein_radius_arcsec=(0.9, 1.4), source_magnitude=(23, 25))
    axes = default_axes(law, MAGNITUDES)
    assert [axis.name for axis in axes] == ["einstein_radius", "source_magnitude"]
    assert axes[0].edges == (0.9, 1.0, 1.4) and axes[1].edges == (23, 23.5, 24.4, 25)
    axes = default_axes(law, np.linspace(17, 21, 50))
    assert axes[2].edges[0] <= 17 and axes[2].edges[-1] >= 21 and len(axes[2].bins) == 3


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "needs an axis"),
        (["einstein_radius"], "give a name and edges"),
        (["einstein_radius=1,x"], "give a name and edges"),
        (["einstein_radius=1"], "two rising edges"),
        (["einstein_radius=2,1"], "two rising edges"),
        (["einstein_radius=1,nan"], "two rising edges"),
        (["einstein_radius=0,1"], "above 0"),
        (["einstein_radius=1,2", "einstein_radius=2,3"], "given twice"),
        (["z_sorce=1,2"], "z_sorce"),
        (["lens_magnitude=10,11"], "the galaxies are of 18.0 to 20.0 mag"),
    ],
)
def test_what_cannot_be_an_axis(texts, message):
    one_line(message, lambda: check_axes(parse_axes(texts), COLUMNS, MAGNITUDES))


def test_lens_magnitudes_that_nobody_knows():
    axes = parse_axes(["lens_magnitude=18,19"])
    one_line("no galaxy has a magnitude", lambda: check_axes(axes, COLUMNS, np.full(3, np.nan)))
