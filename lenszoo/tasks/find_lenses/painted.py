"""Training data of lens finding that is painted: lenses on galaxies of a survey, beside others.

The galaxies are split by their ids before anything is painted, so that none is on both sides.
"""

import functools
import math
from hashlib import sha256
from typing import Any

import numpy as np

from lenszoo.data import Dataset
from lenszoo.data.augment import d4
from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.content import hash_arrays
from lenszoo.data.epochs import d4_elements, epoch_order
from lenszoo.data.names import HOST, LENS, LENS_CLASSES
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, PaintLaw, read_galaxies, read_stamps
from lenszoo.simulation.paint import failure_text
from lenszoo.simulation.paint_draw import Painter, Painting
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_render import TILE, render_paintings
from lenszoo.simulation.paint_split import split_sides
from lenszoo.simulation.random import scene_generator
from lenszoo.tasks.find_lenses.batches import as_targets
from lenszoo.tasks.find_lenses.recipe import LensData, Negatives
from lenszoo.tasks.parts import TRAIN, VALIDATION, Part, digest
from lenszoo.tasks.sources import TrainingData

_FIRST = 1024  # examples that scales are taken from, of lenses that are new every epoch
_ATTEMPTS = 16  # galaxies tried for a lens
_STRIDE = 2**32 + 1  # from one attempt to the next, on another galaxy
_ROW = ("redshift", "velocity_dispersion", "magnitude", "psf_fwhm", "rms")  # of a galaxy
_TILES = 6  # of lenses, kept while batches of them are put together


def open_painted(data: LensData, use: str, seed: int) -> TrainingData:
    """Open galaxies of a survey, to paint lenses on while training.

    Args:
        data: the recipe's table, with ``galaxies`` and ``survey``.
        use: "image": painted lenses have no table.
        seed: of the lenses and of the order.

    Raises:
        LenszooError: whatever is wrong with the survey or the files, in one line; a part of the
            negatives without galaxies on one side of the split.
    """
    if use != "image":
        raise LenszooError(f'{data.galaxies}: painted lenses have no table; use = "image".')
    negatives = data.negatives or Negatives()
    options = {"images": data.folder, "pattern": data.pattern, "id": data.id, "sky": data.sky}
    assert data.survey is not None and data.galaxies is not None
    galaxies = read_galaxies(data.survey, data.galaxies, kind=negatives.column, **options)
    if data.bands is not None and data.bands != galaxies.survey.names:
        raise LenszooError(
            f"{data.galaxies}: painted lenses have all bands of {galaxies.survey.name} "
            f"({', '.join(galaxies.survey.names)}); leave data.bands out."
        )
    stamps = None if data.stamps is None else read_stamps(data.stamps)
    law = data.law or PaintLaw()
    train, val = (
        PaintedSide(
            side, law, own, negatives, str(data.galaxies), real_share=data.real_lenses or 0.0
        )
        for side, own in split_sides(galaxies, stamps, data.val_fraction)
    )

    def epoch(e: int, batch_size: int, augment: str | None) -> PaintedBatches:
        return PaintedBatches(
            train,
            data.images,
            seed,
            batch_size,
            "train",
            epoch=e,
            fresh=data.fresh,
            augment=augment,
        )

    parts = painted_parts(train, val)
    # adapt learns from those that are held
    held = min(data.images, _FIRST) if data.fresh else data.images
    survey = galaxies.survey
    size, scale = survey.cutout_size_pixels, survey.pixel_scale_arcsec
    return TrainingData(
        data.images,
        epoch,
        functools.cache(lambda: painted_dataset(val, data.val_images, seed, "val")),
        None,
        {
            "survey": survey.name, "galaxies": data.galaxies, "pixel_scale": scale, "seed": seed,
            "hosts": len(train.hosts), "held_out_hosts": len(val.hosts), "law": law.model_dump(),
            "negatives": negatives.model_dump(), "zero_point": ZERO_POINT,
            "real_lenses": 0 if data.real_lenses is None else len(train.real_lenses),
            "digest": digest(parts, LENS_CLASSES),
        },
        image_shape=(size, size, len(survey.names)),
        class_names=LENS_CLASSES,
        bands=survey.names,
        parts=parts,
        first=functools.cache(lambda: painted_dataset(train, held, seed, "train")),
    )  # fmt: skip


def painted_parts(train: "PaintedSide", val: "PaintedSide") -> dict[str, Part]:
    """Return the galaxies of both sides, the stamps and the survey, which paintings depend on."""
    parts = {TRAIN: _part(train.galaxies), VALIDATION: _part(val.galaxies)}
    for name, side in (("stamp", train), ("held-out stamp", val)):
        if (stamps := side.painter.stamps) is not None:
            parts[name] = Part(stamps.names, hash_arrays(stamps.images))
    survey = train.galaxies.survey
    psfs = b"".join(psf.content() for psf in train.galaxies.psfs)
    content = sha256(survey.model_dump_json().encode() + psfs).hexdigest()
    return parts | {"survey": Part((survey.name,), (content,))}


def _part(galaxies: Galaxies) -> Part:
    """Galaxies of one side of the split, their kinds in place of classes."""
    rows = hash_arrays(*(getattr(galaxies, name) for name in _ROW))
    kinds = tuple(map(str, galaxies.kinds))
    return Part(galaxies.ids, hash_arrays(galaxies.images), kinds, rows)


class PaintedSide:
    """One side of the split: galaxies to paint on, and those that stand for non-lenses.

    Args:
        galaxies: of this side.
        law, stamps: as for :func:`lenszoo.simulation.paint`.
        negatives: ratio and parts.
        source: name of the galaxies in messages.
        real_share: share of the lenses that are real ones.
    """

    def __init__(
        self,
        galaxies: Galaxies,
        law: PaintLaw,
        stamps: Any,
        negatives: Negatives,
        source: str,
        *,
        real_share: float = 0.0,
    ) -> None:
        kinds = galaxies.kinds
        self.galaxies, self.ratio, self.law, self.source = galaxies, negatives.ratio, law, source
        self.hosts = np.flatnonzero(kinds == HOST)
        if not len(self.hosts):
            raise LenszooError(f"{source}: one side of the split has no host to paint lenses on.")
        self.painter = Painter(galaxies.take(self.hosts), law, stamps)
        self.real_share, self.real_lenses = real_share, np.flatnonzero(kinds == LENS)
        if real_share and not len(self.real_lenses):
            raise LenszooError(
                f"{source}: one side of the split has no galaxy of kind {LENS!r} "
                "(data.real_lenses)."
            )
        self.weight = np.where(kinds == LENS, 0.0, 1.0 / np.sum(kinds != LENS))
        if negatives.parts:
            self.weight = np.zeros(len(kinds))
        for part, share in negatives.parts.items():
            rows = kinds == part
            if not rows.any():
                raise LenszooError(
                    f"{source}: one side of the split has no galaxy of kind {part!r} "
                    "(data.negatives.parts)."
                )
            self.weight[rows] += share / rows.sum() / sum(negatives.parts.values())
        # as of catalogues, fluxes are those of the zero point of the simulated skies
        points = [band.zero_point_mag for band in galaxies.survey.bands]
        self.factor = (10.0 ** (0.4 * (ZERO_POINT - np.array(points)))).astype(np.float32)

    def counts(self, n: int) -> tuple[int, int]:
        """Lenses and non-lenses among n examples, at least one of each."""
        lenses = min(max(round(n / (1.0 + self.ratio)), 1), n - 1)
        return lenses, n - lenses

    def real(self, lenses: int) -> int:
        """Number of real ones among so many lenses; at least one is painted."""
        return min(round(self.real_share * lenses), lenses - 1)

    def paint(self, numbers: range, seed: int) -> tuple[np.ndarray, list[Painting]]:
        """Paint lenses of these numbers, each on the next galaxy that passes the floors."""
        paintings = [self._draw(number, seed) for number in numbers]
        hosts, painter = self.painter.galaxies, self.painter
        rows = np.array([p.row for p in paintings])
        arcs = render_paintings(
            paintings, hosts.survey, hosts.psfs, hosts.psf_fwhm[rows], painter.stamps,
            painter.sources.reference,
        )["noisy"]  # fmt: skip
        return (hosts.images[rows] + arcs) * self.factor, paintings

    def _draw(self, number: int, seed: int) -> Painting:
        floors: list[str] = []
        for attempt in range(_ATTEMPTS):
            index = number + attempt * _STRIDE
            drawn = self.painter.draw(scene_generator(seed, index), index % len(self.hosts))
            if not isinstance(drawn, str):
                return drawn
            floors.append(drawn)
        most = max(set(floors), key=floors.count)
        raise LenszooError(
            f"{self.source}: not one of {_ATTEMPTS} galaxies carries a lens that passes the "
            f"floors; most have {failure_text(most, self.law)} (data.law)."
        )

    def others(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw positions of n non-lenses by the shares of their parts."""
        return rng.choice(len(self.weight), n, p=self.weight)


class PaintedBatches(ThreadedDataset):
    """Batches of painted lenses and galaxies as they are, of one epoch; always the same ones.

    Args:
        side: the galaxies.
        n: examples in all.
        seed: of the lenses, the non-lenses and the order.
        batch_size: examples a batch; the last may be short.
        split: "train" or "val", whose lenses have other numbers.
        epoch: number of the epoch.
        fresh: new lenses and non-lenses every epoch; false shows the first epoch's again.
        augment: "d4" turns and flips each example.
    """

    def __init__(
        self,
        side: PaintedSide,
        n: int,
        seed: int,
        batch_size: int,
        split: str,
        *,
        epoch: int = 0,
        fresh: bool = False,
        augment: str | None = None,
    ) -> None:
        super().__init__()
        self.side, self.seed, self.batch_size = side, seed, batch_size
        lenses, others = side.counts(n)
        turn = epoch if fresh else 0
        self.start, self.lenses = SPLIT_START[split] + turn * lenses, lenses
        self.order = epoch_order(n, seed, epoch)
        self.is_lens = self.order < lenses
        # the first examples are real lenses, each shown as often as the next
        self.real = np.resize(side.real_lenses, side.real(lenses))
        # lenses are painted in the order in which they are shown, a tile at a time
        self.rank = np.cumsum(self.is_lens & (self.order >= len(self.real))) - 1
        # numbers of their own, far from those of the lenses
        rng = scene_generator(seed, SPLIT_START[split] + 2**62 + turn)
        self.others = side.others(others, rng)
        self.turns = d4_elements(n, seed, epoch) if augment == "d4" else None
        self.tile = functools.lru_cache(maxsize=_TILES)(self._tile)

    def __len__(self) -> int:
        """Batches."""
        return math.ceil(len(self.order) / self.batch_size)

    def _tile(self, number: int) -> np.ndarray:
        first = self.start + number * TILE
        last = min(first + TILE, self.start + self.lenses)
        return self.side.paint(range(first, last), self.seed)[0]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index``: images (batch, H, W, bands) and labels (batch, 1) float32."""
        places = slice(index * self.batch_size, (index + 1) * self.batch_size)
        examples, lens, rank = self.order[places], self.is_lens[places], self.rank[places]
        pixels = self.side.galaxies.images
        images = np.empty((len(examples), *pixels.shape[1:]), np.float32)
        for k, (example, is_lens) in enumerate(zip(examples, lens, strict=True)):
            if example < len(self.real):
                images[k] = pixels[self.real[example]] * self.side.factor
            elif is_lens:
                images[k] = self.tile(int(rank[k]) // TILE)[rank[k] % TILE]
            else:
                images[k] = pixels[self.others[example - self.lenses]] * self.side.factor
        if self.turns is not None:
            images = d4(images, self.turns[examples])
        return images, as_targets(lens)


def painted_dataset(side: PaintedSide, n: int, seed: int, split: str) -> Dataset:
    """Paint the lenses of a split and hold them in memory, with non-lenses, none of them twice.

    Returns:
        Up to n examples; ``groups`` are the ids of the galaxies.
    """
    lenses, others = side.counts(n)
    start = SPLIT_START[split]
    real = side.real_lenses[: side.real(lenses)]
    images, paintings = side.paint(range(start, start + lenses - len(real)), seed)
    rng = scene_generator(seed, start + 2**62)
    positive = np.flatnonzero(side.weight)
    rows = rng.choice(len(side.weight), min(others, len(positive)), replace=False, p=side.weight)
    galaxies = side.galaxies
    hosts = [str(side.painter.galaxies.ids[p.row]) for p in paintings]
    names = [f"{name}_lens{start + k}" for k, name in enumerate(hosts)]
    unpainted = [galaxies.ids[row] for row in (*real, *rows)]
    labels = np.repeat(np.array([1, 0], np.int32), (len(names) + len(real), len(rows)))
    return Dataset(
        (*names, *unpainted),
        np.concatenate([images, galaxies.images[[*real, *rows]] * side.factor]),
        labels=labels,
        bands=galaxies.survey.names,
        groups=np.array([*hosts, *unpainted]),
        provenance={"survey": galaxies.survey.name, "galaxies": side.source},
    )
