"""Upscale images: files, a folder, or what is in memory."""

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from lenszoo.data.dataset import Dataset
from lenszoo.data.formats import IMAGE_SUFFIXES, split_hdu
from lenszoo.data.index import DatasetIndex
from lenszoo.data.listing import as_index
from lenszoo.data.part import ImagePart
from lenszoo.data.readers import image_name
from lenszoo.data.stacks import is_stack_file, open_stack, stack_file
from lenszoo.errors import LenszooError, unknown
from lenszoo.files import at_home, expanded, is_writable, is_written, replacing
from lenszoo.inference.inputs import as_plain
from lenszoo.inference.upscaling.checks import check_like_training, check_range
from lenszoo.inference.upscaling.formats import open_image, suffixes_out
from lenszoo.inference.upscaling.memory import upscale_images
from lenszoo.inference.upscaling.pixels import Scaling
from lenszoo.inference.upscaling.stacks import upscale_stack
from lenszoo.inference.upscaling.tiles import Flux, Progress, Settings, upscale_one
from lenszoo.inference.upscaling.upscaler import Upscaler, UpscalerLike, open_upscaler

OnError = Literal["raise", "skip"]
PngOut = Literal["npy", "png"]

# An `out` that ends like this is meant as a file.
_FILES = (*IMAGE_SUFFIXES, ".tif", ".tiff", ".npz")

_logger = logging.getLogger(__name__)


class Upscaled(NamedTuple):
    """Outcome of one input.

    Attributes:
        source: the input's name.
        target: the file of its upscaled image.
        status: "written"; "kept", when it was there already; or "failed".
        error: why it failed, else None.
    """

    source: str
    target: Path
    status: Literal["written", "kept", "failed"]
    error: str | None = None


def upscale(
    model: UpscalerLike,
    inputs: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    scale: int | None = None,
    hdu: int | str | None = None,
    scaling: Scaling = "auto",
    tile: int | None = None,
    overlap: int | None = None,
    batch_size: int | None = None,
    conserve_flux: bool = True,
    flux: Flux = "surface_brightness",
    png_out: PngOut = "npy",
    path_column: str = "path",
    overwrite: bool = False,
    skip_existing: bool = False,
    on_error: OnError = "raise",
    progress: Progress | None = None,
) -> Any:
    """Upscale images with a super-resolution model: to an array, or with ``out`` file by file.

    Without ``out`` the images, of one size, become an array. With it each file becomes one of
    float32:

    - ``.npy`` becomes ``.npy`` with the axes in the order of the input.
    - A stack, many images in ``.npy``, ``.npz`` or HDF5, becomes one ``.npy`` stack with the axes
      in the order of the input.
    - FITS becomes FITS of the same shape and header, in which the coordinates are scaled so that
      every source keeps its place in the sky
      (:func:`lenszoo.inference.upscaling.wcs.scaled_header`), magnitudes stay true
      (:func:`lenszoo.data.flux_units.finer_pixels`) and HISTORY tells model and options; NaN
      stays NaN. An image from an extension stays in one; the file's other HDUs are not copied,
      and nothing is compressed (``a.fits.gz`` becomes ``a.fits``).
    - PNG and JPEG, read as [0, 1], become ``.npy`` (H, W) or (H, W, 3), or 16-bit grey PNG.

    Files are written whole or not at all, so that one which is there is complete.

    Args:
        model: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file, or a model.
        inputs: an image file, a stack, a list of image files, a folder (with all below it), or a
            table of paths. ``file.fits[SCI]`` names one HDU. Without ``out`` also an array
            (n, H, W, bands) or (n, H, W), and all else in memory that :func:`lenszoo.predict` takes
            for images.
        out: a folder, made where missing, in which outputs have the inputs' names (below a folder
            of inputs also their subfolders); or for one input the name of a file.
        scale: refuse weights of another scale than this.
        hdu: with ``out``, number or name of the HDU, for FITS files with several images.
        scaling, tile, overlap, batch_size, conserve_flux, flux: as in
            :func:`lenszoo.inference.upscaling.upscale_array`.
        png_out: format of the outputs of PNG and JPEG files in a folder: "npy" or "png", which
            clips to [0, 1] and rounds to 1/65535.
        path_column: a table's column of paths.
        overwrite: replace outputs that are there.
        skip_existing: keep outputs that are there, to go on where an earlier call stopped. They
            are not compared with the model or the options of this call.
        on_error: "raise" stops at the first input that fails, "skip" goes on with the next one;
            outputs written before stay in either case.
        progress: is told (inputs done, inputs in all), for a single input (tiles done, all).

    Returns:
        float32 (n, scale * H, scale * W, bands); with ``out`` the outcome of each input, a list of
        :class:`Upscaled`. Both in the order of the inputs.

    Raises:
        LenszooError: in one line: weights that do not load, do not upscale, or have another scale;
            no inputs, or an input that is damaged, pickled, of another kind, or of other bands
            than the model takes; a FITS file with several images and no choice; without ``out``,
            images of several sizes, and options of written files; an ``out`` that cannot be
            written, would replace an input, or holds outputs already. Under
            on_error="skip" only when every input fails.

    Example:
        >>> import numpy as np
        >>> from lenszoo import upscale
        >>> images = np.random.default_rng(0).random((1, 20, 20), "float32")
        >>> upscale("srcnn.sr_75_150_sim", images).shape
        (1, 40, 40, 1)
        >>> np.save("stamp.npy", images[0])
        >>> written = upscale("srcnn.sr_75_150_sim", "stamp.npy", "fine.npy")
        >>> np.load("fine.npy").shape[-2:]
        (40, 40)
    """
    if on_error not in get_args(OnError):
        raise unknown("on_error", str(on_error), get_args(OnError))
    if png_out not in get_args(PngOut):
        raise unknown("png_out", str(png_out), get_args(PngOut))
    settings = Settings(scaling, tile, overlap, batch_size, conserve_flux, flux)
    inputs = as_plain(inputs)
    if out is None:
        _refuse_options(
            hdu=hdu is not None, png_out=png_out != "npy", overwrite=overwrite,
            skip_existing=skip_existing, on_error=on_error != "raise",
        )  # fmt: skip
        return upscale_images(open_upscaler(model, scale), inputs, settings, path_column, progress)
    if isinstance(inputs, np.ndarray | Dataset):
        raise LenszooError(
            "out= is for files: leave it out for images in memory, and save the array."
        )
    out = expanded(out)
    with _without_traces(out):
        jobs = _plan(inputs, out, png_out, path_column)
        if not (overwrite or skip_existing):
            _refuse_existing(jobs)
        upscaler = open_upscaler(model, scale)
        results: list[Upscaled] = []
        told: set[str] = set()
        for source, target in jobs:
            if skip_existing and not overwrite and is_written(target):
                results.append(Upscaled(source, target, "kept"))
            else:
                tiles = progress if len(jobs) == 1 else None
                try:
                    _upscale_file(upscaler, source, target, settings, hdu, tiles, told)
                    results.append(Upscaled(source, target, "written"))
                except LenszooError as error:
                    if on_error == "raise":
                        raise
                    _logger.warning("%s", error)
                    results.append(Upscaled(source, target, "failed", str(error)))
            if progress is not None and len(jobs) > 1:
                progress(len(results), len(jobs))
        if all(result.status == "failed" for result in results):
            raise LenszooError(f"None of {len(jobs)} inputs could be upscaled: {results[0].error}")
        return results


def _refuse_options(**options: bool) -> None:
    """Raise LenszooError where an option of written files is chosen and none are written."""
    for name, is_chosen in options.items():
        if is_chosen:
            instead = ", or file.fits[SCI] for an HDU" if name == "hdu" else ""
            raise LenszooError(f"{name}= is for files: give out= too{instead}.")


@contextlib.contextmanager
def _without_traces(out: Path) -> Iterator[None]:
    """Remove folders that were made for outputs and are still empty when the block fails."""
    new = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in new:
            with contextlib.suppress(OSError):  # it holds outputs, or was not made
                folder.rmdir()
        raise


def _upscale_file(
    upscaler: Upscaler,
    source: str,
    target: Path,
    settings: Settings,
    hdu: int | str | None,
    progress: Progress | None,
    told: set[str],
) -> None:
    try:
        stack = open_stack(source) if is_stack_file(source) else None
        if stack is not None:
            _make_folder(target.parent)
            with replacing(target) as (_, stream):
                upscale_stack(upscaler, stack, settings, stream, progress)
            return
        image = open_image(source, target, upscaler.scale, hdu, settings.flux)
        check_range(image.pixels, source)
        name = source if hdu is None or split_hdu(source)[1] is not None else f"{source}[{hdu}]"
        check_like_training(upscaler, image.pixels, settings.scaling, name, told)
        upscaled = upscale_one(upscaler, image.pixels, settings, progress=progress, name=source)
        _make_folder(target.parent)
        with replacing(target) as (_, stream):
            image.write(upscaled, _history(upscaler, settings), stream)
    except MemoryError as error:
        raise LenszooError(
            f"{source}: not enough memory for it and {upscaler.scale**2} times its pixels; cut it "
            "into parts, or give a smaller tile or batch size."
        ) from error


def _history(upscaler: Upscaler, settings: Settings) -> list[str]:
    facts = upscaler.facts
    return [
        f"lenszoo {facts['lenszoo']}: upscaled by {upscaler.scale} with {facts['weights']}",
        f"lenszoo weights sha256: {facts['weights_sha256'] or 'unknown'}",
        f"lenszoo backend {facts['backend']}, scaling {settings.scaling}",
        f"lenszoo {settings.flux}, flux conserved: {'yes' if settings.conserve_flux else 'no'}",
    ]


# --- from inputs to outputs ----------------------------------------------------------------------


def _plan(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: Path,
    png_out: PngOut,
    path_column: str,
) -> list[tuple[str, Path]]:
    """Pair every input with its output.

    Raises:
        LenszooError: no inputs, one of a kind that is not read, or an ``out`` that cannot be used.
    """
    name = _only_name(inputs)
    if is_stack_file(name) and open_stack(name) is not None:
        index = DatasetIndex((name,), (Path(name),), source="the stack")
    else:
        index = as_index(inputs, path_column=path_column)
    sources = []
    for path in index.paths:
        if isinstance(path, ImagePart):
            raise LenszooError(
                f"{path}: whole files are upscaled, or a stack by its name; write the image to a "
                "file of its own, or leave out out=, for an array."
            )
        if not isinstance(path, str | os.PathLike):
            raise LenszooError(f"{image_name(path)}: one file a time is upscaled, not its bands.")
        sources.append(os.fspath(path))
    endings = [suffixes_out(source) for source in sources]
    is_file = out.name.lower().endswith(_FILES) and not out.is_dir()
    if is_file and len(sources) > 1:
        raise LenszooError(f"{out}: {len(sources)} inputs need a folder, not one file.")
    if is_file:
        if not out.name.lower().endswith(endings[0]):
            raise LenszooError(
                f"{out}: from {sources[0]} comes a file that ends in {' or '.join(endings[0])}."
            )
        targets = [out]
    else:
        root = _root(Path(index.source))
        _refuse_inside(out, root if Path(index.source).is_dir() else None)
        targets = [
            out / _output_name(source, root, ending, png_out)
            for source, ending in zip(sources, endings, strict=True)
        ]
    _check_targets(sources, targets)
    _make_folder(out.parent if is_file else out)
    return list(zip(sources, targets, strict=True))


def _only_name(inputs: Any) -> str:
    """Return the name of the only input; empty where there are several, or none by name."""
    if isinstance(inputs, list | tuple) and len(inputs) == 1:
        inputs = inputs[0]
    return at_home(inputs) if isinstance(inputs, str | os.PathLike) else ""


def _root(source: Path) -> Path | None:
    """The folder that names of outputs are relative to: of inputs, or that of their table."""
    if source.is_dir():
        return source
    return source.parent if source.is_file() else None


def _output_name(source: str, root: Path | None, endings: tuple[str, ...], png_out: PngOut) -> Path:
    file = Path(stack_file(source) if is_stack_file(source) else split_hdu(source)[0])
    name = Path(file.name)
    if root is not None and file.is_relative_to(root) and ".." not in file.relative_to(root).parts:
        name = file.relative_to(root)
    if name.suffix.lower() in (".gz", ".fz"):
        name = name.with_suffix("")
    if name.suffix.lower() in endings and name.suffix.lower() != ".png":
        return name
    return name.with_suffix(".png" if png_out == "png" and ".png" in endings else endings[0])


def _refuse_inside(out: Path, root: Path | None) -> None:
    """Outputs among the inputs would be inputs of the next call."""
    if root is not None and out.resolve().is_relative_to(root.resolve()):
        raise LenszooError(f"{out}: lies within the folder of inputs; choose a folder outside it.")


def _check_targets(sources: list[str], targets: list[Path]) -> None:
    """Raise LenszooError where outputs would replace each other or an input."""
    target, count = Counter(targets).most_common(1)[0]
    if count > 1:
        both = [s for s, t in zip(sources, targets, strict=True) if t == target][:2]
        raise LenszooError(
            f"{both[0]} and {both[1]} would both be written to {target}; upscale them one by one."
        )
    inputs = {Path(split_hdu(stack_file(source))[0]).resolve() for source in sources}
    for target in targets:
        if target.resolve() in inputs:
            raise LenszooError(f"{target}: is an input itself; choose another name or folder.")
        if target.is_dir():
            raise LenszooError(f"{target}: is a folder; an output of that name cannot be written.")


def _refuse_existing(jobs: list[tuple[str, Path]]) -> None:
    there = [target for _, target in jobs if target.exists()]
    if there:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise LenszooError(
            f"{there[0]}: is there already{more}; choose another place, or pass overwrite=True or "
            "skip_existing=True."
        )


def _make_folder(folder: Path) -> None:
    reason = is_writable(folder)
    if reason is not None:
        raise LenszooError(f"{folder}: cannot be written ({reason}); choose another folder.")
