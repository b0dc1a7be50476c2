"""A made sky: tiles with coordinates and a catalogue of what is on them."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from oneline import one_line

BANDS = ("g", "r", "i")
SCALE = 0.2
NOISE = (0.03, 0.06, 0.11)  # of a pixel in each band, as the lens finders learned


def make_wcs(ra, dec, shape, scale=SCALE, angle=0.0, sip=False):
    """A gnomonic projection about (ra, dec), turned by ``angle`` degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"] if sip else ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = np.array([[-c, s], [s, c]]) * scale / 3600
    if sip:
        a = np.zeros((3, 3))
        a[2, 0], a[1, 1] = 2e-6, -1e-6
        from astropy.wcs import Sip

        wcs.sip = Sip(a, a.T.copy(), None, None, wcs.wcs.crpix)
    return wcs


def paint(wcs, shape, ra, dec, flux, width=0.6, noise=0.0, seed=0):
    """Gaussian blobs of a total flux and ``width`` arcsec at positions, and noise."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, noise, shape) if noise else np.zeros(shape)
    scale = np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    sigma = width / scale
    y, x = np.mgrid[: shape[0], : shape[1]]
    for px, py, f in zip(*wcs.all_world2pix(ra, dec, 0), flux, strict=True):
        near = (
            slice(max(int(py) - 40, 0), int(py) + 41),
            slice(max(int(px) - 40, 0), int(px) + 41),
        )
        r2 = (x[near] - px) ** 2 + (y[near] - py) ** 2
        image[near] += f * np.exp(-r2 / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return image.astype(np.float32)


def write_image(path: Path, image, wcs):
    """Write an image as its name says: .fits, .fits.gz or .fits.fz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = wcs.to_header(relax=True)
    if path.name.endswith(".fz"):
        hdu = fits.CompImageHDU(image, header, compression_type="RICE_1", quantize_level=64.0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    else:
        fits.writeto(path, image, header, overwrite=True)


def write_sky(folder: Path, tiles=2, side=300, objects=40, ending=".fits", seed=1):
    """Write overlapping tiles in a row, in three bands, and ``catalogue.csv``; return positions."""
    rng = np.random.default_rng(seed)
    step = 0.8 * side * SCALE / 3600
    ra = 150.0 + rng.uniform(-0.35 * step, (tiles - 0.65) * step, objects)
    dec = 2.0 + rng.uniform(-0.3, 0.3, objects) * step
    flux = rng.uniform(1.5, 15, (len(BANDS), objects))
    for t in range(tiles):
        wcs = make_wcs(150.0 + t * step, 2.0, (side, side))
        for b, band in enumerate(BANDS):
            near = np.abs(ra - 150.0 - t * step) < 0.75 * step
            image = paint(
                wcs,
                (side, side),
                ra[near],
                dec[near],
                flux[b][near],
                noise=NOISE[b],
                seed=10 * t + b,
            )
            write_image(folder / "tiles" / f"t{t}" / f"{band}{ending}", image, wcs)
    lines = [f"{10**18 + k},{float(ra[k])!r},{float(dec[k])!r}" for k in range(objects)]
    (folder / "catalogue.csv").write_text("\n".join(["id,ra,dec", *lines]) + "\n")
    return ra, dec


def refusal(run, *texts):
    """Check that a call is refused in one line that holds all of ``texts``."""
    line = one_line(texts[0], run)
    for text in texts:
        assert text in line, line
