"""Order and turns of an epoch: by seed and epoch, and the same for ever."""

from lenszoo.data import d4_elements, epoch_order
from lenszoo.data.epochs import patch_corners


def test_epochs_and_seeds_differ():
    orders = {epoch_order(50, s, e).tobytes() for s in range(3) for e in range(3)}
    elements = {d4_elements(50, s, e).tobytes() for s in range(3) for e in range(3)}
    assert len(orders) == len(elements) == 9
    assert sorted(epoch_order(50, 1, 2)) == list(range(50))
    assert set(d4_elements(500, 0, 0).tolist()) == set(range(8))


def test_unfinished_runs_go_on_with_the_order_that_they_began_with():
    """Drawn by version 0.1.0: another order would resume every run on other batches."""
    assert epoch_order(8, 3, 2).tolist() == [6, 5, 0, 7, 2, 1, 3, 4]
    assert d4_elements(8, 3, 2).tolist() == [7, 7, 4, 0, 1, 2, 6, 0]
    corners = [[[1, 2], [0, 3]], [[3, 4], [3, 2]]]
    assert patch_corners(2, 2, (5, 9), 3, 2).tolist() == corners
