"""Shine: surface brightness of a source at positions in its plane."""

from keras import ops

from lenszoo.simulation.trace import ellipticity_to_axis_ratio


def sersic(x, y, amplitude, r_eff, index, e1, e2):
    """Elliptical Sersic profile (Sersic 1968), ``I = I_e exp(-b_n ((R / R_eff)^(1/n) - 1))``.

    ``R = sqrt(q x'^2 + y'^2 / q)`` in the frame of the major axis and ``b_n = 1.9992 n - 0.3271``
    (Capaccioli 1989, good to 1e-3 for 0.5 < n < 10).

    Args:
        x, y: (batch, n) positions from the source's centre, arcsec.
        amplitude: brightness at ``r_eff``; r_eff: arcsec; index: n; e1, e2: ellipticity; each
            (batch, 1).
    """
    q, c, s = ellipticity_to_axis_ratio(e1, e2)
    xr, yr = c * x + s * y, c * y - s * x
    r2 = (q * xr * xr + yr * yr / q) / (r_eff * r_eff)
    b = 1.9992 * index - 0.3271
    power = ops.exp(ops.log(ops.maximum(r2, 1e-14)) * (0.5 / index))
    return amplitude * ops.exp(-b * (power - 1.0))
