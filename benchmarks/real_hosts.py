"""Write real galaxies as hosts of painted lenses, and real HST galaxies as their sources.

    python benchmarks/real_hosts.py HOSTS OUT [--stamps COSMOS]

HOSTS is an npz of cutouts of galaxies in the Dark Energy Survey: x (n, side, side, 5), the galaxy
in the middle, counts of zero point 30; bands. Written are OUT/hosts/ID.npy, the middle 64 pixels in
g, r, i, z, and OUT/hosts/hosts.csv with magnitudes in an aperture of 4 arcsec. COSMOS is an npz of
HST galaxies, x (n, side, side); those that stand alone in their stamp are written to OUT/stamps.
Both are for `data.real` of a recipe on lens_finding_des, with survey = "des_grizY".
"""

import argparse
from pathlib import Path

import numpy as np

from lenszoo.data.sky import measure_sky
from lenszoo.errors import LenszooError
from lenszoo.simulation import make_stamps

BANDS, SIZE, SCALE, ZERO_POINT = ("g", "r", "i", "z"), 64, 0.263, 30.0
APERTURE = 2.0  # radius [arcsec]


def write_hosts(file: Path, folder: Path) -> int:
    """Write cutouts and their table; return their number."""
    with np.load(file) as held:
        bands, images = list(held["bands"]), held["x"].astype(np.float32)
    images = images[..., [bands.index(band) for band in BANDS]]
    images -= measure_sky(images).level[:, None, None].astype(np.float32)
    start = (images.shape[1] - SIZE) // 2
    images = images[:, start : start + SIZE, start : start + SIZE]
    y, x = (np.mgrid[:SIZE, :SIZE] - (images.shape[1] - 1) / 2) * SCALE
    flux = images[:, np.hypot(x, y) < APERTURE].sum(1)
    folder.mkdir(parents=True)
    lines = [",".join(["id", *(f"mag_{band}" for band in BANDS)])]
    for k, (image, fluxes) in enumerate(zip(images, flux, strict=True)):
        np.save(folder / f"des{k:02}.npy", image.transpose(2, 0, 1))
        magnitudes = ZERO_POINT - 2.5 * np.log10(np.maximum(fluxes, 1.0))
        lines.append(",".join([f"des{k:02}", *(f"{m:.3f}" for m in magnitudes)]))
    (folder / "hosts.csv").write_text("\n".join(lines) + "\n")
    return len(images)


def write_stamps(file: Path, folder: Path) -> int:
    """Write those galaxies that can serve as a source; return their number."""
    with np.load(file) as held:
        images = held["x"]
    folder.mkdir(parents=True)
    written = 0
    for k, image in enumerate(images):
        try:
            make_stamps([image])
        except LenszooError:
            continue
        np.save(folder / f"cosmos{k:03}.npy", image)
        written += 1
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("hosts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stamps", type=Path)
    options = parser.parse_args()
    print(f"{write_hosts(options.hosts, options.out / 'hosts')} hosts")
    if options.stamps is not None:
        print(f"{write_stamps(options.stamps, options.out / 'stamps')} stamps")


if __name__ == "__main__":
    main()
