"""PSF of a survey's band as a sum of separable kernels, and checks of PSF images.

A kernel that is separable blurs an image with two small matrix products. Two Gaussians are; any
other image of a PSF is the sum of few such kernels, its singular vectors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from lenszoo.data.fits import read_pixel_scale
from lenszoo.data.readers import read_image
from lenszoo.errors import LenszooError
from lenszoo.simulation.psf import PSF
from lenszoo.simulation.surveys import ImagingSurvey, SurveyBand
from lenszoo.simulation.surveys.imaging import PROFILES

_NORMALISED = 0.02  # largest distance of the sum of a PSF image from 1
_CENTRED = 0.5  # largest distance of its centroid from the middle [pixels]
_RANK = 1e-4  # light that the left-out singular vectors may hold
_LOST = 1e-6  # singular values, of the largest, that no image shows


@dataclass(frozen=True, eq=False)
class BandPSF:
    """PSF of one band.

    Attributes:
        fwhm: full width at half maximum [arcsec]; NaN where each galaxy has its own.
        profile: shape of a PSF that is known by its width; None of an image.
        image: (H, W) of sum 1 on the cutout's pixels, both odd; None without.
    """

    fwhm: float
    profile: PSF | None
    image: np.ndarray | None = None

    def content(self) -> bytes:
        """Bytes that are the same for the same PSF alone."""
        image = b"" if self.image is None else np.ascontiguousarray(self.image).tobytes()
        return repr((self.fwhm, self.profile)).encode() + image

    @property
    def terms(self) -> int:
        """Separable kernels that make up the PSF."""
        return len(self._vectors()[0]) if self.image is not None else 2

    def _vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows (terms, H) and (terms, W) whose products sum to the image."""
        assert self.image is not None
        u, s, v = np.linalg.svd(self.image)
        total = np.abs(self.image).sum()
        for n in range(1, len(s) + 1):
            rest = self.image - (u[:, :n] * s[:n]) @ v[:n]
            if np.abs(rest).sum() < _RANK * total:
                break
        root = np.sqrt(s[:n])
        return (u[:, :n] * root).T, v[:n] * root[:, None]

    def matrices(
        self, pixels: np.ndarray, samples: np.ndarray, fwhm: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Matrices R and C, (terms, pixels, samples): flux in pixels is ``sum of R B C^T``.

        B is the brightness [flux/arcsec^2] at the samples (rows y, columns x).

        Args:
            pixels: centres of the pixels along an axis [arcsec].
            samples: centres of the samples along an axis, evenly spaced [arcsec].
            fwhm: full width at half maximum of this galaxy's PSF [arcsec].
        """
        step = float(samples[1] - samples[0])
        scale = float(pixels[1] - pixels[0])
        offset = pixels[:, None] - samples[None, :]
        if self.image is None:
            assert self.profile is not None
            width = self.fwhm if fwhm is None else fwhm
            rows = []
            for fraction, sigma in self.profile.gaussians():
                # a core narrower than the samples would miss them all
                sigma = max(sigma * width, 0.6 * step)
                kernel = np.exp(-0.5 * (offset / sigma) ** 2) / (math.sqrt(2 * math.pi) * sigma)
                rows.append(math.sqrt(fraction) * kernel * step * scale)
            return np.array(rows), np.array(rows)
        result = []
        for vectors in self._vectors():
            middle = (vectors.shape[1] - 1) / 2
            place = middle + offset / scale
            rows = [
                # light between the outermost pixels and the empty ones around is not cut off
                ndimage.map_coordinates(vector, place[None], order=3, mode="grid-constant")
                for vector in vectors
            ]
            result.append(np.array(rows) * step)
        return result[0], result[1]


def band_psfs(survey: ImagingSurvey) -> tuple[BandPSF, ...]:
    """PSFs of a survey's bands, images read and checked.

    Raises:
        LenszooError: as :func:`check_psf`.
    """
    return tuple(_band_psf(survey, band) for band in survey.bands)


def _band_psf(survey: ImagingSurvey, band: SurveyBand) -> BandPSF:
    if band.psf_image is None:
        width = math.nan if band.psf_fwhm_arcsec is None else band.psf_fwhm_arcsec
        return BandPSF(width, PROFILES[band.psf_profile])
    path = str(Path(survey.folder) / band.psf_image)
    image = read_image(path)
    if image.shape[2] != 1:
        raise LenszooError(f"{path}: {image.shape[2]} images; the PSF of a band is one.")
    scale = read_pixel_scale(path)
    checked = check_psf(
        image[..., 0], path, survey.pixel_scale_arcsec, survey.cutout_size_pixels, scale
    )
    return BandPSF(image_fwhm(checked) * survey.pixel_scale_arcsec, None, checked)


def check_psf(
    image: np.ndarray, source: str, pixel_scale: float, size: int, own_scale: float | None = None
) -> np.ndarray:
    """Check an image of a PSF; return it with a sum of 1 and odd sides, (H, W) float64.

    Args:
        image: (H, W).
        source: name for messages.
        pixel_scale: that of the survey [arcsec/pixel].
        size: pixels a side of the cutouts.
        own_scale: pixel scale that the file's header gives [arcsec/pixel].

    Raises:
        LenszooError: NaN, another pixel scale, a PSF that is larger than the cutouts, not
            normalised, or not centred.
    """
    image = np.asarray(image, np.float64)
    bad = int((~np.isfinite(image)).sum())
    if bad:
        raise LenszooError(f"{source}: {bad} pixels of the PSF are NaN or infinite; mend them.")
    if own_scale is not None and abs(own_scale / pixel_scale - 1) > 0.01:
        raise LenszooError(
            f'{source}: the PSF has pixels of {own_scale:.3g}", the survey of {pixel_scale:.3g}"; '
            "resample it to the survey's."
        )
    if max(image.shape) > size:
        raise LenszooError(
            f"{source}: the PSF is {image.shape[0]} x {image.shape[1]} pixels, larger than the "
            f"cutouts ({size}); cut it out around its centre."
        )
    total = float(image.sum())
    if abs(total - 1) > _NORMALISED:
        raise LenszooError(
            f"{source}: the PSF's pixels sum to {total:.4g}, not to 1; divide it by its sum."
        )
    y, x = (
        float((image * (np.arange(n) - (n - 1) / 2).reshape(shape)).sum() / total)
        for n, shape in zip(image.shape, ((-1, 1), (1, -1)), strict=True)
    )
    if math.hypot(x, y) > _CENTRED or min(image.shape) % 2 == 0 or max(image.shape) % 2 == 0:
        peak = np.unravel_index(int(image.argmax()), image.shape)
        raise LenszooError(
            f"{source}: the PSF is not centred: {image.shape[0]} x {image.shape[1]} pixels, the "
            f"brightest at row {peak[0]}, column {peak[1]}, the centroid {math.hypot(x, y):.2f} "
            "pixels from the middle; cut out an odd number of pixels around the centre."
        )
    return image / total


def image_fwhm(image: np.ndarray) -> float:
    """Full width at half maximum of an image's peak, of the area above half of it [pixels]."""
    fine = ndimage.zoom(image, 5, order=3, mode="grid-constant", grid_mode=True)
    return 2.0 * math.sqrt(float((fine > 0.5 * fine.max()).sum()) / math.pi) / 5


def stacked_matrices(
    psfs: Sequence[BandPSF], pixels: np.ndarray, samples: np.ndarray, fwhm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of all bands, (bands, terms, pixels, samples) float32, padded with zeros.

    Args:
        psfs: of the bands.
        pixels, samples: as for :meth:`BandPSF.matrices`.
        fwhm: widths of one galaxy's PSF, (bands,) [arcsec].
    """
    terms = max(psf.terms for psf in psfs)
    shape = (len(psfs), terms, len(pixels), len(samples))
    rows, columns = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for band, (psf, width) in enumerate(zip(psfs, fwhm, strict=True)):
        r, c = psf.matrices(pixels, samples, float(width))
        rows[band, : len(r)], columns[band, : len(c)] = r, c
    return rows, columns


def compressed(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rewrite matrices of PSFs in a basis of what passes through them: few smooth vectors.

    Args:
        rows, columns: (bands, terms, pixels, samples).

    Returns:
        ``basis``, (samples, k), and the matrices for ``basis^T B basis`` in place of ``B``, (bands,
        terms, pixels, k), float32 each.
    """
    each = np.concatenate([m.reshape(-1, m.shape[-1]) for m in (rows, columns)])
    _, values, vectors = np.linalg.svd(each.astype(np.float64), full_matrices=False)
    basis = vectors[values > _LOST * values[0]].T
    return tuple(part.astype(np.float32) for part in (basis, rows @ basis, columns @ basis))
