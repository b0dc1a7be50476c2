"""Galaxies to paint lenses on, read from a catalogue and its cutouts."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.dataset import Dataset
from lenszoo.data.fits import read_pixel_scale
from lenszoo.data.flux_units import read_zero_points
from lenszoo.data.names import galaxy_kind
from lenszoo.data.table import read_table
from lenszoo.errors import LenszooError, counted
from lenszoo.simulation.paint_checks import check_pixel_scales, check_zero_points
from lenszoo.simulation.paint_galaxies import DISPERSION, REDSHIFT, Galaxies, make_galaxies
from lenszoo.simulation.surveys import ImagingSurvey, get_survey

log = logging.getLogger("lenszoo")

_OF_SURVEY = {"bands", "zero_point", "layout"}  # the survey names them, not the caller


def read_galaxies(
    survey: str | ImagingSurvey,
    catalogue: str | os.PathLike[str],
    *,
    kind: str | None = None,
    **attributes: object,
) -> Galaxies:
    """Read galaxies to paint on from a catalogue (CSV or Parquet) and a folder of cutouts.

    Args:
        survey: a survey, its name or its TOML file.
        catalogue: the table; columns as for :func:`make_galaxies`, and ``id``.
        kind: a column of text that says what each galaxy is: empty or ``host`` for those to paint
            on, ``lens`` (by any of the names of that class) for real lenses.
        attributes: of :class:`lenszoo.data.Catalogue`: images, pattern, id, sky, on_missing ...
            Bands and zero points are the survey's.

    Raises:
        LenszooError: as :func:`make_galaxies` and :meth:`lenszoo.data.Catalogue.load`; cutouts of
            another size or pixel scale.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from lenszoo.simulation import read_galaxies, simulate_galaxies
        >>> for name, image in zip("ab", simulate_galaxies("des_grizY", 2, seed=1).images):
        ...     np.save(f"{name}.npy", image)
        >>> _ = Path("galaxies.csv").write_text("id,redshift,mag_r\\na,0.4,19.5\\nb,0.5,20.1\\n")
        >>> len(read_galaxies("des_grizY", "galaxies.csv", images="."))
        2
    """
    survey = get_survey(survey)
    for name in _OF_SURVEY & attributes.keys():
        raise LenszooError(
            f"{catalogue}: survey {survey.name} says which bands and zero points its cutouts have; "
            f"leave {name}= out, or change the survey's file."
        )
    setting = {"bands": survey.names, "mask_value": survey.mask_value} | attributes
    reader = Catalogue(catalogue, **setting)  # type: ignore[arg-type]
    names = [REDSHIFT, DISPERSION, *(f"mag_{band}" for band in survey.names), "ra", "dec"]
    names += [band.psf_fwhm_column for band in survey.bands if band.psf_fwhm_column is not None]
    data, paths = _load(reader, names)
    source = str(catalogue)
    check_pixel_scales(survey, map(_pixel_scales, paths), data.ids, source)
    check_zero_points(survey, map(read_zero_points, paths), data.ids, source)
    assert data.images is not None
    maps = None
    if survey.rms_map is not None:
        setting |= {"pattern": survey.rms_map, "sky": None, "mask_value": None}
        of_noise = Catalogue(catalogue, **setting)  # type: ignore[arg-type]
        noise = _load(of_noise, (), "noise map", data.images.shape[1:])[0]
        both = set(data.ids) & set(noise.ids)  # some may be left out
        if not both:
            raise LenszooError(f"{source}: not one galaxy has both a cutout and a noise map.")
        data, noise = (
            part.take([row for row, name in enumerate(part.ids) if name in both])
            for part in (data, noise)
        )
        maps = noise.images
    assert data.images is not None
    columns = dict(zip(data.columns, data.table.T, strict=True))
    galaxies = make_galaxies(
        survey, data.images, columns, ids=data.ids, rms_map=maps, source=source
    )
    if kind is None:
        return galaxies
    table = read_table(catalogue)
    table.need([kind], "Name the column of kinds.")
    kinds = dict(zip(reader.rows().ids, map(galaxy_kind, table.text(kind)), strict=True))
    return replace(galaxies, kinds=np.array([kinds[name] for name in galaxies.ids], object))


def _load(
    reader: Catalogue,
    names: Sequence[str],
    noun: str = "cutout",
    shape: tuple[int, ...] | None = None,
) -> tuple[Dataset, list[Any]]:
    """Read images with their NaN, those of the columns that there are, and the images' files.

    Args:
        reader: the catalogue.
        names: of the columns.
        noun: name of an image in messages.
        shape: (H, W, bands) of the images, by default that of the first.
    """
    rows = reader.rows()
    # positions are no columns to learn from, nor is text: that is refused here
    table = read_table(reader.path)
    there = [name for name in names if name in table.columns]
    values = [
        rows.table[:, rows.columns.index(name)] if name in rows.columns else table.numbers(name)
        for name in there
    ]
    opened = reader.open(rows)
    assert opened.files is not None
    present = [row for row, path in enumerate(opened.files.paths) if path is not None]
    if len(present) < len(rows):
        log.info(
            "%s: %s without a %s left out", reader.path,
            counted(len(rows) - len(present), "object"), noun,
        )  # fmt: skip
    rows, values = rows.take(present), [column[present] for column in values]
    images = [opened.files[row] for row in present]
    expected = images[0].shape if shape is None else shape
    for name, image in zip(rows.ids, images, strict=True):
        if image.shape != expected:
            raise LenszooError(
                f"{reader.path}: the {noun} of id {name!r} has shape {image.shape}, not {expected} "
                f"as {'the first' if shape is None else 'the cutouts'}; cut all out to one size."
            )
    read = replace(
        rows, images=np.stack(images), columns=tuple(there),
        table=np.reshape(values, (len(there), len(rows))).T,
    )  # fmt: skip
    return read, [opened.files.paths[row] for row in present]


def _pixel_scales(path: Any) -> list[float | None]:
    """Pixel scales of the files of an image [arcsec/pixel]."""
    files = [path] if isinstance(path, str | os.PathLike) else path
    return [read_pixel_scale(file) for file in files if file is not None]
