"""Lens finder: images and catalogue of a survey in one attention network."""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import (
    BatchNormalization,
    BranchDropout,
    ColourTerm,
    ColumnTokens,
    NonFiniteGuard,
    Stretch,
    Temperature,
    TokenMean,
)
from lenszoo.models.checks import check_heads, check_names, check_positive, check_rate
from lenszoo.models.factory import InputShape
from lenszoo.models.registry import model_info

USES = ("both", "image", "table")
BRANCHES = {"image": "images", "table": "table"}  # branch: its input
CONV = "conv"  # the backbone that is no row of the registry
# backbones whose maps or patches are the tokens; of other transformers it is one pooled vector
OF_TOKENS = ("convnext", "dinov2")
_MAX_GRID = 8  # largest side of the grid of image tokens


def lens_finder(
    input_shape: InputShape,
    *,
    columns: int | Sequence[str] = (),
    use: str | None = None,
    backbone: str = CONV,
    stretch: str = "asinh",
    softening: float = 1.0,
    width: int = 32,
    dim: int = 64,
    heads: int = 4,
    dropout: float = 0.1,
    branch_dropout: float = 0.2,
    colours: bool = False,
    mean: float | None = None,
    std: float | None = None,
    name: str = "lens_finder",
) -> keras.Model:
    """Build image tokens and table tokens, one self-attention over both, and two dense layers.

    The image branch stretches each band and convolves it; every position of its last maps is a
    token. The table branch embeds every column as a token. One layer of self-attention (Vaswani et
    al. 2017, arXiv:1706.03762) acts on both; :func:`attention_maps` returns its weights. The mean
    of the tokens goes through two dense layers to one logit.

    Args:
        input_shape: ``(height, width, bands)`` of images in a linear unit of flux, sky-subtracted
            unless the stretch measures each image.
        columns: names of the table's columns, or their number.
        use: ``"both"``, ``"image"`` or ``"table"``; by default both where there are columns.
        backbone: ``"conv"``, two rounds of convolution and max-pooling, or a classifier of the
            registry, of which the last maps are used, or the tokens of all patches.
        stretch: ``asinh``, ``sqrt``, ``log``, ``linear``, ``zscale`` or ``noise``, see
            :class:`lenszoo.layers.Stretch`; with ``noise``, which takes sky level and noise from
            each image, the answer does not depend on the unit of flux or on a constant sky.
        softening: scale of the stretch in units of the sky noise.
        width: channels of the first convolution of ``"conv"``; the second doubles them.
        dim: length of a token.
        heads: attention heads; they divide ``dim``.
        dropout: rate in the two dense layers.
        branch_dropout: share of the training examples with one branch alone.
        colours: add a term of the colours to the logit, see :class:`lenszoo.layers.ColourTerm`;
            fitted on the training images before the network is trained.
        mean: subtracted from the stretched images by a backbone that has this option, such as
            ``convnext_nano``; by default as there.
        std: divides them after that; likewise.
        name: name of the model.

    Returns:
        A model to one float32 logit ``(batch, 1)``, from a dictionary of ``images`` (batch, height,
        width, bands) and ``table`` (batch, columns), or from one of them alone. Missing values of
        the table are NaN; a NaN pixel makes the logit NaN.

    Raises:
        LenszooError: when an option is not legal.

    Example:
        >>> from lenszoo.models.lens_finder import lens_finder
        >>> lens_finder((64, 64, 4), columns=["mag_g", "ellipticity"]).output_shape
        (None, 1)
    """
    n_columns = columns if isinstance(columns, int) else len(check_names("columns", columns))
    if use is None:
        use = "both" if n_columns else "image"
    _check(use, n_columns, dim, heads, dropout)
    if colours and (use != "image" or input_shape[2] < 2 or None in input_shape):
        raise LenszooError('colours=True needs use="image" and two bands or more of a fixed size.')
    inputs: dict[str, Any] = {}
    branches = []
    if use != "table":
        inputs["images"] = keras.Input(input_shape, name="images")
        check_positive(width=width)
        x = Stretch(stretch, softening, name="stretch")(inputs["images"])
        scaling = {"mean": mean, "std": std}
        if backbone == CONV and any(value is not None for value in scaling.values()):
            raise LenszooError(
                f"mean and std scale the pixels of a row of the registry, not of {CONV!r}: got "
                f"mean={mean}, std={std}."
            )
        maps = _convolve(x, width) if backbone == CONV else _body(backbone, x.shape[1:], scaling)(x)
        branches.append(_image_tokens(maps, dim))
        checked = x if stretch == "noise" else inputs["images"]
    if use != "image":
        inputs["table"] = keras.Input((n_columns,), name="table")
        branches.append(ColumnTokens(dim, name="columns")(inputs["table"]))
    if len(branches) == 2:
        weights = BranchDropout(branch_dropout, name="branches")(*branches)
        tokens = layers.Concatenate(axis=1, name="tokens")(branches)
    else:
        tokens = branches[0]
        weights = ops.ones_like(tokens[..., 0])
    x = _attend(
        tokens,
        weights,
        layers.LayerNormalization(name="attention_norm"),
        layers.MultiHeadAttention(heads, dim // heads, name="attention"),
    )
    x = layers.LayerNormalization(name="norm")(x)
    x = TokenMean(name="features")(x, weights)
    for i in (1, 2):
        x = layers.Dense(dim, activation="gelu", name=f"dense{i}")(x)
        x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    x = layers.Dense(1, dtype="float32", name="logits")(x)
    if colours:
        x = ColourTerm(name="colours")(x, inputs["images"])
    x = Temperature(name="temperature")(x)
    # a table may hold NaN, its tokens never do
    x = NonFiniteGuard(name="guard")(x, checked if use != "table" else branches[-1])
    return keras.Model(inputs if len(inputs) == 2 else next(iter(inputs.values())), x, name=name)


def _check(use: str, n_columns: int, dim: int, heads: int, dropout: float) -> None:
    if use not in USES:
        raise unknown("use", use, USES)
    if use != "image" and n_columns < 1:
        raise LenszooError(
            f"use={use!r} needs columns, the names of the table's columns or their number."
        )
    check_positive(dim=dim, heads=heads)
    check_heads(heads, dim)
    check_rate(dropout=dropout)


def _image_tokens(maps: Any, dim: int) -> Any:
    """Maps of the image branch as tokens (batch, positions, dim), at most 8 x 8 of them."""
    if len(maps.shape) == 4:
        side = max(maps.shape[1:3])
        if side > _MAX_GRID:
            maps = layers.MaxPooling2D(-(-side // _MAX_GRID), padding="same", name="grid")(maps)
        maps = layers.Reshape((-1, maps.shape[-1]), name="positions")(maps)
    elif len(maps.shape) == 2:
        maps = layers.Reshape((1, -1), name="positions")(maps)
    return layers.Dense(dim, name="image_tokens")(maps)


def _convolve(x: Any, width: int) -> Any:
    """Two rounds of convolution, BatchNorm, ReLU and max-pooling."""
    for i in (1, 2):
        x = layers.Conv2D(width * i, 5, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling2D(name=f"pool{i}")(x)
    return x


def _body(backbone: str, shape: InputShape, scaling: dict[str, float | None]) -> keras.Model:
    """A classifier of the registry up to its last maps, tokens or vector.

    ``scaling`` holds those of its options that are not None.
    """
    row = model_info(backbone)
    if not row.classifies:
        raise LenszooError(f"backbone {backbone} is no classifier: see `lenszoo models`.")
    module, factory = row.factory.split(":")
    build = getattr(importlib.import_module(module), factory)
    options = row.options | {name: value for name, value in scaling.items() if value is not None}
    if lost := options.keys() & scaling.keys() - inspect.signature(build).parameters.keys():
        raise LenszooError(f"backbone {backbone} has no option {min(lost)}: leave it out.")
    if backbone.startswith(OF_TOKENS) and None not in shape:
        options["head"] = "flatten"
    try:
        net = build(shape, 2, name="net", **options)
    except LenszooError:
        raise
    except ValueError as error:  # Keras, of maps that shrink to nothing
        raise LenszooError(
            f"backbone {backbone} needs {row.min_size} x {row.min_size} pixels or more, got "
            f"{shape[0]} x {shape[1]}."
        ) from error
    return keras.Model(net.input, net.get_layer("features").input, name="backbone")


def _attend(tokens: Any, weights: Any, norm: Any, attention: Any) -> Any:
    """Self-attention with a shortcut, to the tokens whose weight is not zero."""
    x = norm(tokens)
    mask = ops.expand_dims(ops.greater(weights, 0.5), axis=1)
    return layers.Add()([tokens, attention(x, x, attention_mask=mask)])


def branch(model: keras.Model, use: str) -> keras.Model:
    """Extract one branch of a lens finder that was built with both, sharing its weights.

    Args:
        model: from ``build_model("lens_finder", columns=...)``, trained with branch dropout.
        use: ``"image"`` or ``"table"``.

    Returns:
        A model from images, or from a table, to the logit of that branch alone.

    Raises:
        LenszooError: the model does not have two branches, or ``use`` is no branch.
    """
    if use not in BRANCHES:
        raise unknown("branch", use, tuple(BRANCHES))
    names = [layer.name for layer in model.layers]
    if "branches" not in names:
        raise LenszooError(f"{model.name} has not two branches to take the {use} of.")
    x = model.get_layer("image_tokens" if use == "image" else "columns").output
    inputs = model.get_layer(BRANCHES[use]).output
    weights = ops.ones_like(x[..., 0])
    tokens = x
    x = _attend(tokens, weights, model.get_layer("attention_norm"), model.get_layer("attention"))
    x = model.get_layer("norm")(x)
    x = model.get_layer("features")(x, weights)
    for layer in ("dense1", "dropout1", "dense2", "dropout2", "logits", "temperature"):
        x = model.get_layer(layer)(x)
    stretch: Any = model.get_layer("stretch") if use == "image" else None
    checked = stretch.output if stretch is not None and stretch.kind == "noise" else inputs
    x = NonFiniteGuard(name="guard")(x, checked if use == "image" else tokens)
    return keras.Model(inputs, x, name=f"{model.name}_{use}")


def attention_maps(model: keras.Model, inputs: Any) -> tuple[Any, tuple[int, int] | None]:
    """Attention weights between the tokens of a lens finder.

    Args:
        model: a ``lens_finder``.
        inputs: arrays as the model takes them.

    Returns:
        Weights, NumPy (n, heads, tokens, tokens): row i holds those of token i for all others and
        sums to 1. Image positions come first, row by row, then the columns of the table. And the
        (rows, columns) of the grid of image positions, None without an image branch.
    """
    layer = model.get_layer("attention")
    norm = keras.Model(model.inputs, model.get_layer("attention_norm").output)
    x = norm.predict(inputs, verbose=0)
    _, scores = layer(x, x, return_attention_scores=True)
    names = [each.name for each in model.layers]
    if "positions" not in names:
        return ops.convert_to_numpy(scores), None
    shape = model.get_layer("positions").input.shape
    return ops.convert_to_numpy(scores), (shape[1], shape[2]) if len(shape) == 4 else (1, 1)
