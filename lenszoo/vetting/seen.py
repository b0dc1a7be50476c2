"""Images as a finder took them: prepared as the facts of its search or prediction say."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.dataset import Dataset
from lenszoo.data.readers import ImageFiles, ImagePath
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Fit, Images
from lenszoo.inference.preparing import Preparation

log = logging.getLogger("lenszoo")

_PREPARED = ("crop", "sky", "zero_point", "scaling")


class Trained(NamedTuple):
    """Inputs that weights learned on.

    Attributes:
        shape: (height, width, bands); None where the weights take any.
        zero_point: AB magnitude of flux 1; None where unknown.
    """

    shape: tuple[int | None, int | None, int] | None
    zero_point: float | None


def trained_inputs(weights: Sequence[str]) -> Trained | None:
    """Return what the first of some weights learned on; None, with a warning, where it is gone."""
    from lenszoo.pretrained.manifest import get_entry

    shape: tuple[int | None, int | None, int] | None
    try:
        entry = get_entry(weights[0])
        shape, inputs = entry.input_shape, entry.inputs
    except LenszooError:
        from lenszoo.pretrained.source import resolve  # imports Keras

        try:
            source = resolve(weights[0])
        except LenszooError as error:
            log.warning("%s", error)
            return None
        inputs = source.inputs
        shape = None if source.config is None else source.config.input_shape
    return Trained(shape, None if inputs is None else inputs.zero_point)


def finder_fit(facts: Mapping[str, Any]) -> Fit:
    """Return how a finder takes its images.

    Args:
        facts: of ``search.json``, or those of :func:`lenszoo.predict` in a table's metadata.

    Raises:
        LenszooError: its weights are gone.
    """
    weights = facts["weights"]
    names = [weights] if isinstance(weights, str) else list(weights)
    trained = trained_inputs(names)
    if trained is None:
        raise LenszooError(
            f"{names[0]}: the weights are gone, so how they took the images is unknown; put them "
            "back, or grade a table that names images and no weights."
        )
    if trained.shape is None:
        raise LenszooError(f"{names[0]}: does not say which images it takes.")
    preparation = Preparation(
        **{name: _tuples(facts.get(name)) for name in _PREPARED},
        any_scale=True,
        target=facts.get("target", trained.zero_point),
        reads_headers=facts.get("zero_point") is None and trained.zero_point is not None,
    )
    planes = facts.get("planes") if "planes" in facts or "cutouts" in facts else facts.get("bands")
    return Fit(
        trained.shape, " + ".join(names), facts.get("on_bad", "raise"), bool(facts.get("resize")),
        _tuples(planes), preparation,
    )  # fmt: skip


def read_seen(source: ImagePath, fit: Fit, mask_value: float | None = None) -> np.ndarray:
    """Read an image (H, W, bands) as a finder took it.

    Args:
        source: as :func:`lenszoo.data.read_image` takes it.
        fit: of :func:`finder_fit`.
        mask_value: pixel value that marks masked pixels.

    Raises:
        LenszooError: it cannot be read, or has bad pixels that the finder passes over.
    """

    def blank(image: np.ndarray) -> None:
        image[image == np.float32(mask_value)] = np.nan

    files = ImageFiles([source], None if mask_value is None else blank)
    read = Images(Dataset(("",), files=files), fit).read(0)
    if read.image is None:
        raise LenszooError(str(read.error))
    return read.image


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
