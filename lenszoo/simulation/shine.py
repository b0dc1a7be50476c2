"""Shine: surface brightness of a galaxy at positions in its plane.

Parameters are (batch, 1) with positions (batch or 1, n), or (batch, components, 1) with positions
(batch or 1, 1, n).
"""

import math

from keras import ops

from lenszoo.simulation.trace import ellipticity_to_axis_ratio


def sersic(x, y, amplitude, r_eff, index, e1, e2, core=None):
    """Elliptical Sersic profile (Sersic 1968), ``I = I_e exp(-b_n ((R / R_eff)^(1/n) - 1))``.

    ``R = sqrt(q x'^2 + y'^2 / q)`` in the frame of the major axis and ``b_n = 1.9992 n - 0.3271``
    (Capaccioli 1989, good to 1e-3 for 0.5 < n < 10).

    Args:
        x, y: (batch, n) positions from the source's centre, arcsec.
        amplitude: brightness at ``r_eff``; r_eff: arcsec; index: n; e1, e2: ellipticity; each
            (batch, 1).
        core: arcsec within which the cusp is flattened, ``R^2 + core^2`` in place of ``R^2``; None
            keeps the cusp. A sub-grid cannot resolve a cusp, and its flux would depend on where
            the grid falls.
    """
    q, c, s = ellipticity_to_axis_ratio(e1, e2)
    xr, yr = c * x + s * y, c * y - s * x
    r2 = (q * xr * xr + yr * yr / q) / (r_eff * r_eff)
    if core is not None:
        r2 = r2 + (core / r_eff) * (core / r_eff)
    b = 1.9992 * index - 0.3271
    power = ops.exp(ops.log(ops.maximum(r2, 1e-14)) * (0.5 / index))
    return amplitude * ops.exp(-b * (power - 1.0))


def disc_plane(x, y, e1, e2):
    """Coordinates in the plane of an inclined disc, along and across its major axis.

    Both are scaled so that areas, and with them fluxes, stay what they are face on:
    ``u = sqrt(q) x'``, ``v = y' / sqrt(q)``.
    """
    q, c, s = ellipticity_to_axis_ratio(e1, e2)
    root = ops.sqrt(q)
    return root * (c * x + s * y), (c * y - s * x) / root


def _cosine_and_sine(angle):
    """Both by polynomials on [-1/2, 1/2] turns, good to 3e-6; XLA's own are slow on a CPU."""
    turns = angle * (0.5 / math.pi)
    turns = turns - ops.floor(turns + 0.5)
    # of the half angle, |half| <= pi / 2, where few terms do; then doubled
    half = math.pi * turns
    h2 = half * half
    cosine = 1.0 + h2 * (
        -0.5 + h2 * (1 / 24 + h2 * (-1 / 720 + h2 * (1 / 40320 - h2 * (1 / 3628800))))
    )
    sine = half * (
        1.0
        + h2
        * (-1 / 6 + h2 * (1 / 120 + h2 * (-1 / 5040 + h2 * (1 / 362880 - h2 * (1 / 39916800)))))
    )
    return cosine * cosine - sine * sine, 2.0 * sine * cosine


def _clumps(c, s, log_r, strength, phase):
    """``1 + strength cos(7 phi + 5 ln r + phase)``, of mean 1 around the centre.

    The seventh harmonic is in no pattern of one to four arms, so that the mean of their product is
    the product of their means.
    """
    c2, s2 = c * c - s * s, 2.0 * c * s
    c4, s4 = c2 * c2 - s2 * s2, 2.0 * c2 * s2
    c6, s6 = c4 * c2 - s4 * s2, s4 * c2 + c4 * s2
    c7, s7 = c6 * c - s6 * s, s6 * c + c6 * s
    cosine, sine = _cosine_and_sine(5.0 * log_r + phase)
    return 1.0 + strength * (c7 * cosine - s7 * sine)


def spiral_arms(x, y, amplitude, scale, e1, e2, arms, winding, phase, sharpness, clumps):
    """Logarithmic spiral arms of an inclined exponential disc, without the disc between them.

    ``I = A exp(-R) (1 - exp(-R^2)) exp(k (cos(m phi - m w ln R - p) - 1))``, R in scale lengths,
    times :func:`_clumps`: arms of constant pitch angle (Kennicutt 1981, doi:10.1086/112849) that
    begin about a scale length from the centre.

    Args:
        x, y: positions from the centre, arcsec.
        amplitude: A; scale: arcsec; e1, e2: ellipticity of the inclined disc.
        arms: m, one to four; winding: w, cotangent of the pitch angle, its sign the sense of
            rotation; phase: p, radians; sharpness: k; clumps: 0 to 1.
    """
    u, v = disc_plane(x, y, e1, e2)
    r2 = (u * u + v * v) / (scale * scale) + 1e-6
    log_r = 0.5 * ops.log(r2)
    r = ops.sqrt(r2)
    c, s = u / (r * scale), v / (r * scale)
    c2, s2 = c * c - s * s, 2.0 * c * s
    cm = ops.where(arms < 1.5, c, ops.where(arms < 2.5, c2, c2 * c - s2 * s))
    sm = ops.where(arms < 1.5, s, ops.where(arms < 2.5, s2, s2 * c + c2 * s))
    cm = ops.where(arms > 3.5, c2 * c2 - s2 * s2, cm)
    sm = ops.where(arms > 3.5, 2.0 * c2 * s2, sm)
    cosine, sine = _cosine_and_sine(arms * winding * log_r + phase)
    pattern = ops.exp(sharpness * (cm * cosine + sm * sine - 1.0))
    radial = ops.exp(-r) * (1.0 - ops.exp(-r2))
    return amplitude * radial * pattern * _clumps(c, s, log_r, clumps, phase)


def ring(x, y, amplitude, radius, width, e1, e2, lopsidedness, phase, clumps):
    """An inclined ring of Gaussian profile, ``A exp(-(R - R_0)^2 / (2 w^2))``.

    Times ``1 + lopsidedness cos(phi - phase)`` and :func:`_clumps`, factors of mean 1; radius and
    width in arcsec.
    """
    u, v = disc_plane(x, y, e1, e2)
    r = ops.sqrt(u * u + v * v + 1e-6)
    c, s = u / r, v / r
    cosine, sine = _cosine_and_sine(phase)
    t = (r - radius) / width
    around = 1.0 + lopsidedness * (c * cosine + s * sine)
    return amplitude * ops.exp(-0.5 * t * t) * around * _clumps(c, s, ops.log(r), clumps, phase)


def edge_on_disc(x, y, amplitude, scale, height, cosine, sine):
    """An exponential disc seen from the side (van der Kruit & Searle 1981).

    ``I = A t K_1(t) sech^2(z / z_0)`` with t = |x'| / scale; ``t K_1(t)`` is taken as
    ``exp(-t) sqrt(1 + pi t / 2)``, which is right at both ends and within 2 % between.

    Args:
        x, y: positions from the centre, arcsec.
        amplitude: A; scale: scale length, height: z_0, arcsec.
        cosine, sine: of the position angle of the disc.
    """
    along = ops.abs(cosine * x + sine * y) / scale
    below = ops.exp(-2.0 * ops.abs(cosine * y - sine * x) / height)
    radial = ops.exp(-along) * ops.sqrt(1.0 + (0.5 * math.pi) * along)
    return amplitude * radial * 4.0 * below / ((1.0 + below) * (1.0 + below))
