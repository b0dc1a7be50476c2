"""Surface brightness of galaxies: Sersic profile, spiral arms, ring, edge-on disc.

Parameters are (batch, 1) with positions (batch or 1, n), or (batch, components, 1) with positions
(batch or 1, 1, n). Positions and lengths are in arcsec, amplitudes in the unit of the brightness.
"""

import math

from keras import ops

from lenszoo.simulation.trace import ellipticity_to_axis_ratio


def sersic(x, y, amplitude, r_eff, index, e1, e2, core=None):
    """Elliptical Sersic profile (Sersic 1968), ``I = I_e exp(-b_n ((R / R_eff)^(1/n) - 1))``.

    ``R = sqrt(q x'^2 + y'^2 / q)`` in the frame of the major axis and ``b_n = 1.9992 n - 0.3271``
    (Capaccioli 1989), good to 1e-3 for 1.5 < n < 10; it is 0.4 % too small at n = 1 and 3 % at 0.5,
    so that these discs have as little less light within ``r_eff``.

    Args:
        x, y: positions from the centre [arcsec].
        amplitude: brightness at ``r_eff``.
        r_eff: half-light radius [arcsec].
        index: Sersic index n.
        e1, e2: ellipticity.
        core: radius within which the cusp is flattened, ``R^2 + core^2`` in place of ``R^2``
            [arcsec]; None keeps the cusp, whose flux on a sub-grid depends on where that falls.

    >>> import numpy as np
    >>> one = np.ones((1, 1), "float32")
    >>> brightness = sersic(0.5 * one, 0 * one, 3 * one, 0.5 * one, 4 * one, 0 * one, 0 * one)
    >>> round(float(brightness[0, 0]), 3)  # at the half-light radius, the amplitude
    3.0
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

    Both are scaled so that areas and fluxes are those of the disc face on: ``u = sqrt(q) x'``,
    ``v = y' / sqrt(q)``.
    """
    q, c, s = ellipticity_to_axis_ratio(e1, e2)
    root = ops.sqrt(q)
    return root * (c * x + s * y), (c * y - s * x) / root


def _cosine_and_sine(angle):
    """Cosine and sine by polynomials, good to 3e-6; XLA's own are slow on a CPU."""
    turns = angle * (0.5 / math.pi)
    turns = turns - ops.floor(turns + 0.5)
    # polynomials of the half angle, |half| <= pi / 2, need few terms; then the angle is doubled
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


# clumps: harmonics of the azimuth, and their winding with ln r
_HARMONICS = ((5, 6.0), (7, -5.0), (11, 3.0))


def _clumps(c, s, log_r, strength, phase):
    """Clumps: ``1 + 0.4 strength (sum over k of cos(k phi + w_k ln r + k phase))``, k = 5, 7, 11.

    The mean over the azimuth is 1, also after multiplication by a pattern of two to four arms,
    which has none of these harmonics.
    """
    c2, s2 = c * c - s * s, 2.0 * c * s
    c4, s4 = c2 * c2 - s2 * s2, 2.0 * c2 * s2
    c5, s5 = c4 * c - s4 * s, s4 * c + c4 * s
    c7, s7 = c5 * c2 - s5 * s2, s5 * c2 + c5 * s2
    c11, s11 = c7 * c4 - s7 * s4, s7 * c4 + c7 * s4
    total = 0.0
    for (k, winding), ck, sk in zip(_HARMONICS, (c5, c7, c11), (s5, s7, s11), strict=True):
        cosine, sine = _cosine_and_sine(winding * log_r + k * phase)
        total = total + ck * cosine - sk * sine
    return 1.0 + (0.4 * strength) * total


def spiral_arms(x, y, amplitude, scale, e1, e2, arms, winding, phase, sharpness, clumps):
    """Logarithmic spiral arms of an inclined exponential disc, without the disc between them.

    ``I = A exp(-R) (1 - exp(-R^2)) exp(k (cos(m phi - m w ln R - p) - 1))``, R in scale lengths,
    times :func:`_clumps`: arms of constant pitch angle (Kennicutt 1981, doi:10.1086/112849) that
    begin about a scale length from the centre.

    Args:
        x, y: positions from the centre [arcsec].
        amplitude: A.
        scale: scale length of the disc [arcsec].
        e1, e2: ellipticity of the inclined disc.
        arms: m, one to four.
        winding: w, cotangent of the pitch angle; its sign is the sense of rotation.
        phase: p [radians].
        sharpness: k.
        clumps: strength, 0 to 0.8; 0 for a single arm, whose flux they would change.
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
    """Inclined ring of Gaussian profile, ``A exp(-(R - R_0)^2 / (2 w^2))``.

    Times ``1 + lopsidedness cos(phi - phase)`` and :func:`_clumps`, factors of mean 1; radius and
    width in arcsec, phase in radians.
    """
    u, v = disc_plane(x, y, e1, e2)
    r = ops.sqrt(u * u + v * v + 1e-6)
    c, s = u / r, v / r
    cosine, sine = _cosine_and_sine(phase)
    t = (r - radius) / width
    around = 1.0 + lopsidedness * (c * cosine + s * sine)
    return amplitude * ops.exp(-0.5 * t * t) * around * _clumps(c, s, ops.log(r), clumps, phase)


LANE = 0.35  # scale height of the dust over that of the stars


def edge_on_disc(x, y, amplitude, scale, height, cosine, sine, dust):
    """Edge-on exponential disc (van der Kruit & Searle 1981).

    ``I = A t K_1(t) sech^2(z / z_0)`` with t = |x'| / scale; ``t K_1(t)`` is approximated by
    ``exp(-t) sqrt(1 + pi t / 2)``, exact in both limits and within 2 % between. A lane of dust in
    the plane absorbs ``dust exp(-(z / (LANE z_0))^2)`` of the light.

    Args:
        x, y: positions from the centre [arcsec].
        amplitude: A.
        scale: scale length [arcsec].
        height: scale height z_0 [arcsec].
        cosine, sine: of the position angle of the disc.
        dust: fraction absorbed in the plane, 0 to 1.
    """
    along = ops.abs(cosine * x + sine * y) / scale
    above = ops.abs(cosine * y - sine * x) / height
    tail = ops.exp(-2.0 * above)
    radial = ops.exp(-along) * ops.sqrt(1.0 + (0.5 * math.pi) * along)
    lane = 1.0 - dust * ops.exp(-above * above * (1.0 / LANE**2))
    return amplitude * radial * lane * 4.0 * tail / ((1.0 + tail) * (1.0 + tail))
