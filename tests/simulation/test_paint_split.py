import numpy as np
from oneline import one_line

from lenszoo.simulation import make_stamps
from lenszoo.simulation.paint_split import split_sides


def test_split_does_not_depend_on_the_order(galaxies):
    (train, none), (held, _) = split_sides(galaxies, None, 0.3)
    (other_train, _), (other_held, _) = split_sides(galaxies.take(range(11, -1, -1)), None, 0.3)
    assert set(train.ids) == set(other_train.ids) and set(held.ids) == set(other_held.ids)
    assert len(held) == 4 and none is None
    one_line("split into two sides", lambda: split_sides(galaxies.take([0]), None, 0.3))


def test_stamps_are_split_as_well(galaxies):
    x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
    stamps = make_stamps([np.exp(-np.hypot(x, y) / r) for r in (3.0, 4.0, 5.0, 6.0)], list("abcd"))
    (_, train), (_, held) = split_sides(galaxies, stamps, 0.25)
    assert sorted(train.names + held.names) == ["a", "b", "c", "d"] and len(held) == 1
    place = stamps.names.index(held.names[0])
    np.testing.assert_array_equal(held.images[0], stamps.images[place])
    assert held.radius[0] == stamps.radius[place]
    one_line("One stamp cannot", lambda: split_sides(galaxies, stamps.take(np.array([0])), 0.3))
