"""A power of two next to a number divides it without loss, also at the ends of float32."""

import numpy as np

from lenszoo.flux_range import power_of_two


def test_numbers_of_float32_keep_their_digits():
    values = np.array([1e-38, 3e-31, 0.7, 1.0, 3.0, 3.4e38], np.float32)
    units = power_of_two(values).astype(np.float32)
    assert np.isfinite(units).all()
    parts = values / units
    assert ((parts >= 0.5) & (parts < 2)).all()
    np.testing.assert_array_equal(parts * units, values)


def test_what_is_no_positive_number_is_left_as_it_is():
    np.testing.assert_array_equal(power_of_two([0.0, -2.0, np.nan, np.inf]), 1.0)
