"""Einstein radius from mass and redshifts, as DeepLenseSim computes it."""

from functools import lru_cache

import numpy as np

H0 = 70.0  # km/s/Mpc, DeepLenseSim
OMEGA_M = 0.3  # flat, no radiation
_C_KM_S = 299792.458
# 4 G Msun / c^2 in Mpc: G = 6.6743e-11, Msun = 1.98841e30 kg, 1 Mpc = 3.0856775814913673e22 m
FOUR_GM_C2_MPC = 4 * 6.6743e-11 * 1.988409870698051e30 / 299792458.0**2 / 3.0856775814913673e22
_ARCSEC = 206265.0  # DeepLenseSim's rounding


@lru_cache(maxsize=4)
def _comoving_table(omega_m: float) -> tuple[np.ndarray, np.ndarray]:
    z = np.linspace(0.0, 5.0, 50001)
    inverse_e = 1.0 / np.sqrt(omega_m * (1 + z) ** 3 + 1 - omega_m)
    steps = 0.5 * (inverse_e[1:] + inverse_e[:-1]) * np.diff(z)
    return z, np.concatenate([[0.0], np.cumsum(steps)]) * _C_KM_S / H0


def comoving_distance(z: float, omega_m: float = OMEGA_M) -> float:
    """Line-of-sight comoving distance [Mpc] for 0 <= z <= 5, flat LCDM with H0 = 70 km/s/Mpc.

    >>> round(comoving_distance(0.5))
    1889
    """
    return float(np.interp(z, *_comoving_table(omega_m)))


def redshift_at(distance: float, omega_m: float = OMEGA_M) -> float:
    """Redshift at a comoving distance [Mpc], the inverse of :func:`comoving_distance`.

    >>> round(redshift_at(comoving_distance(0.5)), 6)
    0.5
    """
    return float(np.interp(distance, *reversed(_comoving_table(omega_m))))


def einstein_radius(mass: float, z_lens: float, z_source: float) -> float:
    """Einstein radius [arcsec] of ``mass`` [solar masses], as coded in DeepLenseSim.

    DeepLenseSim puts *luminosity* distances and ``D_LS = D_S - D_L`` into
    ``sqrt(4 G M / c^2 * D_LS / (D_L D_S))``: 1.281 arcsec in the example, where angular-diameter
    distances would give 1.665. The published data are made so.

    >>> round(einstein_radius(1e12, z_lens=0.5, z_source=1.0), 3)
    1.281
    """
    d_l = (1 + z_lens) * comoving_distance(z_lens)
    d_s = (1 + z_source) * comoving_distance(z_source)
    return float(np.sqrt(FOUR_GM_C2_MPC * mass * (d_s - d_l) / (d_l * d_s)) * _ARCSEC)


def deflection_ratio(
    z_lens: float, z_source: float, z_convention: float, omega_m: float = OMEGA_M
) -> float:
    """Deflection of a lens for a source at ``z_source``, over that for one at ``z_convention``.

    Angles scale with ``D_LS / D_S`` (angular-diameter distances), in a flat universe
    ``1 - chi_L / chi_S`` with comoving distances chi; it does not depend on H0.
    """
    chi = comoving_distance(z_lens, omega_m)
    source, convention = (1 - chi / comoving_distance(z, omega_m) for z in (z_source, z_convention))
    return source / convention
