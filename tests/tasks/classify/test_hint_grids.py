import keras
import numpy as np
import pytest
from keras import layers

from lenszoo import build_model
from lenszoo.tasks.classify.hint_grids import Grid, grids
from lenszoo.tasks.classify.hints import with_maps

SIDE = 30
RIM = 3


def conv(*sizes, padding="valid", **options):
    return layers.Conv2D(1, *sizes, padding=padding, kernel_initializer="ones", **options)


def mean_kernel(size, **options):
    ones = keras.initializers.Constant(1 / size**2)
    return layers.DepthwiseConv2D(size, depthwise_initializer=ones, **options)


def branches(x):
    return layers.Add()([conv(3, 2, padding="same")(x), conv(1, 2)(x)])


def gated(x):
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply()([conv(5, 3)(x), gate])


def nested(x):
    x = layers.ZeroPadding2D(3)(x)
    inner = keras.Input(x.shape[1:])
    return keras.Model(inner, conv(4, 2)(inner))(x)


def middles(maps, images):
    """Middle of the image's rows that each row of a map depends on, away from the borders."""
    model = keras.Model(images, maps)
    image = np.ones((1, SIDE, SIDE, 1), "float32")
    changed = np.repeat(image, SIDE, axis=0)
    changed[np.arange(SIDE), np.arange(SIDE)] += 1.0
    change = np.abs(model.predict(changed, verbose=0) - model.predict(image, verbose=0))
    change = change.mean(axis=(2, 3))[:, RIM:-RIM]
    change -= change.min(axis=0)  # a gate changes everything
    return np.arange(SIDE) @ change / change.sum(axis=0)


@pytest.mark.parametrize(
    "network",
    [
        conv(3),
        conv(4, 4),
        conv(3, 2, padding="same"),
        conv(2, 2, padding="same"),
        conv(3, dilation_rate=3, padding="same"),
        mean_kernel(5, strides=2, padding="same"),
        layers.SeparableConv2D(
            1, 3, 2, depthwise_initializer="ones", pointwise_initializer="ones", padding="same"
        ),
        layers.AveragePooling2D(3, 2, padding="same"),
        layers.AveragePooling2D(2),
        layers.ZeroPadding2D(((2, 1), (1, 2))),
        layers.Cropping2D(4),
        lambda x: conv(3, 2, padding="same")(conv(4, 2, padding="same")(x)),
        lambda x: layers.Rescaling(2.0)(conv(3, 2)(layers.Cropping2D(3)(x))),
        gated,
        nested,
    ],
)
def test_rows_look_at_the_middle_of_what_changes_them(network):
    images = keras.Input((SIDE, SIDE, 1))
    maps = network(images)
    (grid,) = grids(keras.Model(images, maps), SIDE)
    assert grid.cells == maps.shape[1]
    places = grid.start + grid.step * np.arange(grid.cells)
    assert middles(maps, images) == pytest.approx(places[RIM:-RIM], abs=1e-3)


def test_where_branches_meet_it_is_the_mean_of_their_middles():
    images = keras.Input((SIDE, SIDE, 1))
    (grid,) = grids(keras.Model(images, branches(images)), SIDE)
    assert grid == Grid(0.5, 2.0, 15)  # 1 and 0


@pytest.mark.parametrize(
    "network",
    [
        layers.GlobalAveragePooling2D(),
        layers.UpSampling2D(2),
        layers.Reshape((SIDE**2, 1)),
        layers.Conv2DTranspose(1, 3, 2),
    ],
)
def test_rows_without_a_place(network):
    images = keras.Input((SIDE, SIDE, 1))
    assert grids(keras.Model(images, network(images)), SIDE) == [None]


def test_images_of_any_size_are_of_the_given_side():
    images = keras.Input((None, None, 1))
    model = keras.Model(images, conv(3, 2)(images))
    assert grids(model, SIDE) == [Grid(1.0, 2.0, 14)]


def test_deep_networks():
    images = maps = keras.Input((9, 9, 1))
    for _ in range(600):
        maps = layers.Identity()(maps)
    deep = keras.Model(images, layers.MaxPooling2D(3)(maps))
    images = keras.Input((9, 9, 1))
    for network in (deep, keras.Model(images, deep(images))):
        assert grids(network, 9) == [Grid(1.0, 3.0, 3)]


def test_a_model_called_twice_has_a_grid_for_each_call():
    inner = keras.Input((9, 9, 1))
    shared = keras.Model(inner, layers.MaxPooling2D(3)(inner))
    images = keras.Input((27, 27, 1))
    cut, coarse = layers.Cropping2D(9)(images), layers.AveragePooling2D(3)(images)
    network = keras.Model(images, [shared(cut), shared(coarse)])
    assert grids(network, 27) == [Grid(10.0, 3.0, 3), Grid(4.0, 9.0, 3)]


def test_grids_of_the_networks_that_recipes_give_hints():
    """Trained networks as fresh ones: only their layers count."""
    model = build_model("efficientnet_b2", input_shape=(150, 150, 1), num_classes=3, crop=104)
    maps = with_maps(model, ["block3b_add", "block5b_add", "block6b_add"], "it")
    assert grids(maps, 150) == [
        None,
        Grid(30.0, 8.0, 13),  # where (150 - 104) / 2 = 23 begins, and padding of the stem
        Grid(30.0, 16.0, 7),
        Grid(30.0, 32.0, 4),
    ]
    model = build_model("resnet18_slim", input_shape=(150, 150, 1), num_classes=3)
    maps = with_maps(model, ["stage1_block2_relu2", "stage4_block2_relu2"], "it")
    assert grids(maps, 150) == [None, Grid(1.0, 3.0, 50), Grid(1.0, 24.0, 7)]
