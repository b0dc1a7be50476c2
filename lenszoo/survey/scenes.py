"""Catalogue, pixels and settings of a search, put together: on tiles, or on cutouts."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError, counted
from lenszoo.files import expanded
from lenszoo.survey.cutouts import suits
from lenszoo.survey.footprints import Tile, read_tiles
from lenszoo.survey.positions import Positions
from lenszoo.survey.ready_cutouts import PixelSource, find_cutouts, open_positions
from lenszoo.survey.scoring import Members, of_cutouts, trained_settings
from lenszoo.survey.settings import Settings
from lenszoo.survey.tiles import list_tiles

log = logging.getLogger("lenszoo")

Path_ = str | os.PathLike[str]

_SHOWN = 5


@dataclass(frozen=True)
class TileOptions:
    """Options of a search that say where its pixels are, see :func:`lenszoo.survey.search`."""

    pattern: str | None = None
    resample: bool = False
    weight_maps: str | None = None
    masks: str | None = None
    mask_bits: int | None = None


@dataclass(frozen=True)
class Scene:
    """Objects and pixels of a search.

    Attributes:
        positions: the catalogue.
        settings: of the search, as the weights need them.
        places: what says where the pixels are, by which a search is known.
        open: lists all tiles, or the one stack or folder of cutouts, given the folder of results.
    """

    positions: Positions
    settings: Settings
    places: Mapping[str, Any]
    open: Callable[[Path], list[PixelSource]]


def on_cutouts(
    catalogue: Path_ | None,
    cutouts: Path_,
    columns: Mapping[str, str],
    settings: Settings,
    members: Members,
    options: TileOptions,
) -> Scene:
    """Return the scene of a search among cutouts that are made already.

    Raises:
        LenszooError: no such cutouts, or an option of tiles.
    """
    _refuse({**vars(options), "pattern": None}, "tiles")
    settings = _fitted(settings, members, str(catalogue or cutouts), False)
    settings = of_cutouts(members.opened[0], settings)
    source = find_cutouts(cutouts, options.pattern, settings.bands)
    positions = open_positions(catalogue, source, columns, members.columns)
    places = {"cutouts": source.path, "pattern": options.pattern}
    return Scene(positions, settings, places, lambda _: [source])


def on_tiles(
    catalogue: Path_ | None,
    tiles: Path_ | None,
    columns: Mapping[str, str],
    settings: Settings,
    members: Members,
    options: TileOptions,
) -> Scene:
    """Return the scene of a search on the tiles of a survey.

    Raises:
        LenszooError: no catalogue or tiles, or an option of cutouts.
    """
    _refuse({name: getattr(settings, name) for name in ("crop", "resize", "planes")}, "cutouts")
    if catalogue is None or tiles is None:
        raise LenszooError("A search on tiles needs a catalogue of positions.")
    source, first, label = tiles, members.opened[0], " + ".join(members.names)
    positions = Positions(catalogue, columns, members.columns)
    settings = _fitted(settings, members, str(catalogue), options.resample)
    places = {"tiles": str(expanded(tiles).resolve()), **vars(options)}
    del places["resample"]  # the pixel scale of the settings tells

    def opened(folder: Path) -> list[PixelSource]:
        listed = list_tiles(
            source, settings.bands, options.pattern, settings.zero_point, options.weight_maps,
            options.masks,
        )  # fmt: skip
        read = read_tiles(
            listed, settings.bands, folder / "tiles.parquet",
            lambda grids: suits(grids, first.pixel_scale, options.resample, label),
            reads_zero_points=first.zero_point is not None, mask_bits=options.mask_bits,
            target=settings.target,
        )  # fmt: skip
        _tell_of(read, source)
        return [*read]

    return Scene(positions, settings, places, opened)


def split_bands(
    bands: Sequence[str] | Sequence[int] | None,
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Return the names of bands, and the positions of bands, of which only one kind is given."""
    numbers = tuple(int(band) for band in bands or () if isinstance(band, int | np.integer))
    labels = tuple(band for band in bands or () if isinstance(band, str))
    if numbers and labels:
        raise LenszooError("bands are names or positions, not both.")
    return labels, numbers or None


def _refuse(options: Mapping[str, Any], kind: str) -> None:
    for name, value in options.items():
        if value not in (None, False):
            raise LenszooError(f"{name} is an option of {kind}; leave it out.")


def _fitted(settings: Settings, members: Members, catalogue: str, resample: bool) -> Settings:
    """Settle bands, pixel scale and how pixels are prepared by what the weights know."""
    first = members.opened[0]
    bands = settings.bands or first.bands
    count = members.shape[2]
    if len(bands) != count or len(set(bands)) != count:
        own = f" ({', '.join(first.bands)})" if first.bands else ""
        have = f"bands= names {len(bands)}" if bands else "it does not know their names"
        raise LenszooError(
            f"{first.name} takes {counted(count, 'band')}{own}, but {have}; name the survey's "
            "bands in order: bands=."
        )
    if resample and first.pixel_scale is None:
        raise LenszooError(
            f"{first.name} does not know the pixel scale of its training, so nothing can be "
            "resampled to it; leave out resample=True."
        )
    settings = replace(settings, bands=bands, pixel_scale=first.pixel_scale if resample else None)
    return trained_settings(first, catalogue, settings)


def _tell_of(tiles: Sequence[Tile], source: Path_) -> None:
    """Warn of tiles with faults; refuse when no tile is sound."""
    faults = [tile.fault for tile in tiles if tile.fault is not None]
    if len(faults) == len(tiles):
        raise LenszooError(f"{source}: none of {len(tiles)} tiles can be searched: {faults[0]}.")
    for fault in faults[:_SHOWN]:
        log.warning("Tile left out: %s", fault)
    if len(faults) > _SHOWN:
        log.warning("... and %d other tiles; summary.json lists them.", len(faults) - _SHOWN)
