"""Layers that are equivariant to quarter turns: a turned image gives turned maps."""

from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers.base import BaseLayer

COMBINES = ("add", "max")
POOLINGS = ("average", "max")


@keras.saving.register_keras_serializable(package="lenszoo")
class RotationalConv2D(keras.layers.Conv2D):
    """Convolve the four quarter turns of the maps with one kernel, turn back and combine.

    Maps ``(batch, height, width, channels)`` become ``(batch, height, width, filters)``, and a
    quarter turn of the input turns the output: ``layer(turn(x)) == turn(layer(x))``. Channels stay
    scalars, so these layers can follow one another, which sets them apart from the group
    convolutions of Cohen & Welling (2016, arXiv:1602.07576), whose channels come in fours.

    Only the kernel is turned: convolving a turned map and turning back equals convolving the map
    with the kernel turned back. So ``combine="add"`` is one convolution, with the sum of the four
    turned kernels, at the cost of a plain one; it weighs all four directions alike.
    ``combine="max"`` keeps, at every pixel, the largest of the four responses; it responds to an
    arc along one direction, and costs four convolutions.

    Bias and activation act once, on the combined maps. There are no strides: a step of two starts
    at one corner, which a quarter turn moves; pool with :class:`SymmetricPooling2D`.

    Args:
        filters: channels of the output.
        kernel_size: side of the square kernel; odd for ``padding="same"``, which pads an even one
            by a pixel more on one side than on the other.
        combine: ``"add"`` or ``"max"``.
        padding: ``"same"`` or ``"valid"``.
        **kwargs: as for Conv2D, without strides and groups.

    Raises:
        LenszooError: an option that would break the equivariance.

    >>> layer, maps = RotationalConv2D(4), keras.random.uniform((1, 9, 9, 1), seed=1)
    >>> turned = ops.rot90(layer(maps), axes=(1, 2)) - layer(ops.rot90(maps, axes=(1, 2)))
    >>> bool(ops.max(ops.abs(turned)) < 1e-5)
    True
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any = 3,
        *,
        combine: str = "add",
        padding: str = "same",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, padding=padding, **kwargs)
        if combine not in COMBINES:
            raise unknown("combine", combine, COMBINES)
        self.combine = combine
        self._check_symmetry()

    def call(self, inputs: Any) -> Any:
        """Convolve ``(batch, height, width, channels)``."""
        kernel = ops.convert_to_tensor(self.kernel)
        turned = [ops.rot90(kernel, turns) for turns in range(4)]
        if self.combine == "add":
            # opposite turns in pairs: so the sum is symmetric to the last bit
            kernel = (turned[0] + turned[2]) + (turned[1] + turned[3])
            outputs = self.convolution_op(inputs, kernel)
        else:
            four = self.convolution_op(inputs, ops.concatenate(turned, axis=-1))
            places = ops.shape(four)[1:3]
            outputs = ops.max(ops.reshape(four, (-1, *places, 4, self.filters)), axis=3)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "combine": self.combine}

    def _check_symmetry(self) -> None:
        height, width = self.kernel_size
        if height != width or (height % 2 == 0 and self.padding == "same"):
            raise LenszooError(
                "kernel_size must be one number, odd with padding='same', to commute with quarter "
                f"turns, got {height} x {width} with padding={self.padding!r}."
            )
        if self.dilation_rate[0] != self.dilation_rate[1]:
            raise LenszooError(f"dilation_rate must be one number, got {self.dilation_rate}.")
        if tuple(self.strides) != (1, 1) or self.groups != 1:
            raise LenszooError(
                "RotationalConv2D takes no strides and no groups, got "
                f"strides={tuple(self.strides)} and groups={self.groups}."
            )
        if self.data_format != "channels_last":
            raise LenszooError("RotationalConv2D takes maps with channels last.")


@keras.saving.register_keras_serializable(package="lenszoo")
class OverQuarterTurns(keras.layers.Wrapper):
    """Apply a layer to the four quarter turns of square maps, turn back and take the mean.

    The result is equivariant to quarter turns whatever the layer is, with strides and padding: a
    mean over the group C4. It costs four calls of the layer.

    Maps ``(batch, side, side, channels)`` become the layer's output, which must be square maps too.

    Args:
        layer: a layer or a model from maps to maps.

    Raises:
        LenszooError: maps that are not square, or of an open size.

    >>> layer = OverQuarterTurns(keras.layers.Conv2D(3, 3, strides=2))
    >>> tuple(layer(ops.ones((1, 9, 9, 1))).shape)
    (1, 4, 4, 3)
    """

    def build(self, input_shape: Any) -> None:
        """Check the sides and build the layer."""
        height, width = input_shape[1:3]
        if height is None or height != width:
            raise LenszooError(
                f"{self.name} turns square maps of a fixed size, got {height} x {width}: give "
                "square images."
            )
        super().build(input_shape)

    def call(self, maps: Any, training: bool | None = None) -> Any:
        """Return the mean over the four turns."""
        turned = [ops.rot90(maps, turns, axes=(1, 2)) for turns in range(4)]
        outputs = ops.split(self.layer(ops.concatenate(turned), training=training), 4)
        back = [ops.rot90(output, -turns, axes=(1, 2)) for turns, output in enumerate(outputs)]
        # opposite turns in pairs, as in RotationalConv2D
        return 0.25 * ((back[0] + back[2]) + (back[1] + back[3]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the layer's output."""
        return self.layer.compute_output_shape(input_shape)


@keras.saving.register_keras_serializable(package="lenszoo")
class SymmetricPooling2D(BaseLayer):
    """Halve maps with pooling windows that are symmetric about the centre for any side.

    Along a side of 2n pixels the windows are two pixels wide, along one of 2n + 1 pixels three,
    overlapping by one; both are n windows in steps of two, from edge to edge. Ordinary pooling by
    two drops the last row of an odd side, which a quarter turn makes another row.

    Maps ``(batch, height, width, channels)`` become ``(batch, height // 2, width // 2, channels)``.

    Args:
        pooling: ``"max"`` or ``"average"``.

    Raises:
        LenszooError: an unknown pooling, or maps of an open size or of fewer than two pixels.

    >>> tuple(SymmetricPooling2D()(ops.ones((1, 8, 9, 2))).shape)
    (1, 4, 4, 2)
    """

    OPTIONS = ("pooling",)

    def __init__(self, pooling: str = "max", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        self.pooling = pooling

    def build(self, input_shape: Any) -> None:
        """Check the size of the maps."""
        if any(side is None or side < 2 for side in input_shape[1:3]):
            height, width = input_shape[1:3]
            raise LenszooError(
                f"{self.name} needs maps of a fixed size of 2 x 2 pixels or more, "
                f"got {height} x {width}: give larger images or fewer rounds of pooling."
            )

    def call(self, maps: Any) -> Any:
        """Return the maps at half the size."""
        window = tuple(2 + side % 2 for side in maps.shape[1:3])
        pool = ops.max_pool if self.pooling == "max" else ops.average_pool
        return pool(maps, window, strides=2, padding="valid")

    def compute_output_shape(self, maps_shape: Any) -> Any:
        """Return the smaller maps' shape."""
        batch, height, width, channels = maps_shape
        return batch, height // 2, width // 2, channels


@keras.saving.register_keras_serializable(package="lenszoo")
class RadialPositions(BaseLayer):
    """Add a learned vector for the distance from the centre to every pixel of maps.

    The distance is invariant to rotations about the centre. Vectors are learned at ``rings``
    distances, evenly spaced from the centre to the corners, and interpolated linearly. No weight
    depends on the size of the maps ``(batch, height, width, channels)``.

    Args:
        rings: number of distances with a vector, 2 or more.

    >>> tuple(RadialPositions(rings=4)(ops.ones((1, 9, 9, 3))).shape)
    (1, 9, 9, 3)
    """

    OPTIONS = ("rings",)

    def __init__(self, rings: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rings = int(rings)
        if self.rings < 2:
            raise LenszooError(f"rings must be 2 or more, got {rings!r}.")

    def build(self, input_shape: Any) -> None:
        """Make the vectors, ``(rings, channels)``."""
        self.table = self.add_weight(
            shape=(self.rings, input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="table",
        )

    def call(self, maps: Any) -> Any:
        """Return the maps with their positions added."""
        shares = self.shares(*ops.shape(maps)[1:3])
        return maps + ops.cast(ops.tensordot(shares, self.table, 1), maps.dtype)

    def shares(self, height: Any, width: Any) -> Any:
        """Return the interpolation weights ``(height, width, rings)`` of each pixel."""
        rows, columns = (
            ops.arange(side, dtype="float32") - (ops.cast(side, "float32") - 1.0) / 2.0
            for side in (height, width)
        )
        # sums of squares of halves: exact, so that pixels of one distance get one vector
        distance = ops.sqrt(rows[:, None] ** 2 + columns**2)
        corner = ops.maximum(ops.max(distance), 0.5)  # a single pixel is its own centre
        ring = distance / corner * (self.rings - 1.0)
        return ops.relu(1.0 - ops.abs(ring[..., None] - ops.arange(self.rings, dtype="float32")))
