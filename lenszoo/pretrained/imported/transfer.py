"""Put the tensors of a published file into a model, every one accounted for.

A variable without a tensor, a tensor without a variable and a shape that does not fit are errors:
silent random weights are worse than none. The stem's number of bands alone may differ; what depends
on the image size is resampled by the family's own ``Part.convert``.
"""

import fnmatch
from collections.abc import Iterable, Mapping

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.tensor_map import Part


def transfer(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    names: Mapping[str, Part],
    where: str,
    *,
    ignored: Iterable[str] = (),
    row: str | None = None,
) -> None:
    """Fill a model's backbone from published tensors.

    Args:
        model: a model of the zoo; its head is left as it is.
        tensors: the file's tensors, by name.
        names: for each variable of the backbone (``variable.path``) the tensor it comes from.
        where: the file, for messages.
        ignored: patterns of tensors that have no place in the model, such as ``classifier.*``.
        row: what messages call the model; by default its name.

    Raises:
        LenszooError: when a tensor is missing, left over, of another shape, or of integers.
    """
    row = row or model.name
    variables = backbone_variables(model)
    unnamed = [path for path in variables if path not in names]
    missing = [part.name for path, part in names.items() if part.name not in tensors]
    used = {part.name for part in names.values()}
    left = [
        name
        for name in tensors
        if name not in used and not any(fnmatch.fnmatchcase(name, p) for p in ignored)
    ]
    for fault, items in (
        (f"has nothing for {row}'s", unnamed),
        ("lacks", missing),
        (f"has tensors that {row} has no place for:", left),
    ):
        if items:
            more = f" and {len(items) - 1} more" if len(items) > 1 else ""
            raise LenszooError(f"{where} {fault} {sorted(items)[0]}{more}: is it for this model?")
    values = {}
    for path, variable in variables.items():
        name, convert = names[path]
        tensor, shape = np.asarray(tensors[name]), tuple(variable.shape)
        if tensor.dtype.kind in "iub":
            raise LenszooError(
                f"{where}: {name} holds {tensor.dtype}, which are no weights without their scale: "
                "get the file in float32 or float16."
            )
        try:
            value = convert(tensor)
        except LenszooError as error:
            raise LenszooError(f"{where}: {name}: {error}") from error
        except ValueError:  # of another number of axes
            value = tensor
        values[path] = adapt_bands(value, shape)
        if values[path].shape != shape:
            raise LenszooError(
                f"{where}: {name} has the shape {value.shape}, but {path} of {row} needs {shape}: "
                "is it for this model and its options?"
            )
        if not np.isfinite(values[path]).all():
            raise LenszooError(f"{where}: {name} holds NaN or infinite values: get it again.")
    for path, value in values.items():
        variables[path].assign(value)


def backbone_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """A model's variables below its head, by path; seeds of random layers left out."""
    return {
        variable.path: variable
        for layer in model.layers
        if layer.name not in HEAD
        for variable in layer.weights
    }


def adapt_bands(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Make a stem kernel (h, w, 3, filters), or of one band, one for another number of bands.

    For one band the sum over RGB: the exact answer of the original to grey repeated three times.
    For others RGB repeated in turns, times 3 / bands, as timm's ``adapt_input_conv`` does; or the
    one band, divided by their number. Any other difference of shapes is left as it is.
    """
    if kernel.shape == shape or len(shape) != 4 or kernel.shape[2:3] not in ((1,), (3,)):
        return kernel
    if (*kernel.shape[:2], kernel.shape[3]) != (*shape[:2], shape[3]):
        return kernel
    bands = shape[2]
    return share_out(kernel, bands)


def share_out(kernel: np.ndarray, bands: int) -> np.ndarray:
    """Make a kernel (h, w, n, filters) one for ``bands`` bands.

    For one band the sum over all, else the n in turns, times n / bands: equal images in all bands
    have the answer that they had.
    """
    if bands == 1:
        return kernel.sum(axis=2, keepdims=True)
    n = kernel.shape[2]
    return kernel[:, :, np.arange(bands) % n] * np.float32(n / bands)
