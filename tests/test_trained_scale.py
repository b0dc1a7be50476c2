from oneline import one_line

from lenszoo.trained_scale import InputScale, stored_scale


def test_what_a_run_stores_is_read_or_passed_over():
    stored = {"noise": [0.02], "sky": [0.1], "peak": [9.0], "zero_point": 25.0}
    assert stored_scale(stored) == InputScale((0.02,), (0.1,), (9.0,), 25.0)
    for odd in (None, [], {}, stored | {"noise": ["x"]}, stored | {"sky": [0.1, 0.2]}):
        assert stored_scale(odd) is None
    one_line("noise and peak above 0", lambda: InputScale((0.0,), (0.1,), (9.0,)))
