import functools
import logging
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from oneline import one_line
from tinyupscaler import REACH, bicubic_upscaler, tiny_upscaler

from lenszoo.errors import LenszooError
from lenszoo.inference import upscaling
from lenszoo.inference.upscaling import open_upscaler

# the network alone; what keeps the flux is added where it is tested
upscale_array = functools.partial(upscaling.upscale_array, conserve_flux=False)

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


def noise(height, width, bands=1, seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.3, (height, width, bands)).astype(np.float32)


def untiled(upscaler, image):
    """The network itself, on the image in one piece."""
    return np.asarray(upscaler.model(image[None]))[0]


def block_means(upscaled, scale=2):
    height, width, bands = upscaled.shape
    blocks = upscaled.reshape(height // scale, scale, width // scale, scale, bands)
    return blocks.mean((1, 3), dtype=np.float64)


class TestTiling:
    @pytest.mark.parametrize(
        "shape", [(1, 1), (1, 90), (33, 32), (47, 61), (64, 20), (85, 32), (31, 30)]
    )
    def test_tiles_do_not_show(self, tiny, shape):
        image = noise(*shape)
        tiled = upscale_array(tiny, image, scaling="none", tile=32, batch_size=3)
        assert tiled.shape == (2 * shape[0], 2 * shape[1], 1) and tiled.dtype == np.float32
        np.testing.assert_allclose(tiled, untiled(tiny, image), atol=1e-5)

    @pytest.mark.parametrize("tile", [2 * REACH + 1, 2 * REACH + 2, 17, 96])
    def test_nor_at_any_size_of_a_tile(self, tiny, tile):
        image = noise(43, 51)
        tiled = upscale_array(tiny, image, scaling="none", tile=tile, batch_size=16)
        np.testing.assert_allclose(tiled, untiled(tiny, image), atol=1e-5)

    def test_less_overlap_would_show(self, tiny):
        image = noise(60, 60)
        seams = upscale_array(tiny, image, scaling="none", tile=32, overlap=REACH - 2)
        assert np.abs(seams - untiled(tiny, image)).max() > 1e-4

    def test_the_default_is_whole_or_tiled_and_the_same(self, tiny):
        image = noise(300, 270)
        tiled = upscale_array(tiny, image, scaling="none")
        np.testing.assert_allclose(tiled, untiled(tiny, image), atol=1e-5)

    def test_several_bands_and_scale_4(self):
        upscaler = open_upscaler(tiny_upscaler(bands=3, scale=4))
        image = noise(40, 37, 3)
        tiled = upscale_array(upscaler, image, scaling="none", tile=24)
        np.testing.assert_allclose(tiled, untiled(upscaler, image), atol=1e-5)

    def test_progress_counts_tiles(self, tiny):
        calls = []
        upscale_array(tiny, noise(52, 52), tile=32, progress=lambda *c: calls.append(c))
        assert calls == [(4, 4)]
        calls.clear()
        upscale_array(
            tiny, noise(52, 52), tile=32, batch_size=3, progress=lambda *c: calls.append(c)
        )
        assert calls == [(3, 4), (4, 4)]

    def test_a_model_of_one_size(self):
        """It is no model of the zoo, which would be built again for any size."""
        upscaler = open_upscaler(tiny_upscaler(size=(24, 28)))
        free = tiny_upscaler()
        free.set_weights(upscaler.model.get_weights())
        image = noise(41, 60)
        expected = np.asarray(free(image[None]))[0]
        tiled = upscale_array(upscaler, image, scaling="none")
        np.testing.assert_allclose(tiled, expected, atol=1e-5)
        one_line(
            "20 x 60 pixels, but tiny takes images of 24 x 28",
            lambda: upscale_array(upscaler, image[:20]),
        )

    @pytest.mark.slow
    def test_on_jax(self):
        code = (
            "import numpy as np; from tinyupscaler import tiny_upscaler;"
            "from lenszoo.inference.upscaling import open_upscaler, upscale_array;"
            "u = open_upscaler(tiny_upscaler());"
            "x = np.random.default_rng(0).random((50, 41, 1), dtype=np.float32);"
            "x[20:30, 5:9] = np.nan;"
            "a = upscale_array(u, x, tile=32, batch_size=3); b = upscale_array(u, x);"
            "print(u.facts['backend'], u.reach.pixels, np.nanmax(abs(a - b)) < 1e-5,"
            "np.isnan(a).sum())"
        )
        path = os.pathsep.join([str(TESTS), *sys.path])
        quick = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **quick, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == ["jax", str(REACH), "True", "160"], done.stderr[-2000:]


class TestScaling:
    def test_minmax_follows_any_units(self, tiny):
        image = noise(30, 30)
        in_units = image.astype(np.float64) * 3e-19 - 1e-18
        expected = upscale_array(tiny, image).astype(np.float64) * 3e-19 - 1e-18
        np.testing.assert_allclose(upscale_array(tiny, in_units), expected, atol=1e-5 * 3e-19)

    def test_it_is_undone(self, tiny):
        image = noise(30, 30)
        low, high = image.min(), image.max()
        scaled = untiled(tiny, (image - low) / (high - low)) * (high - low) + low
        for scaling in ("minmax", (low, high)):
            upscaled = upscale_array(tiny, image, scaling=scaling)
            np.testing.assert_allclose(upscaled, scaled, atol=1e-5)

    def test_it_cuts_nothing_off(self):
        image = noise(30, 30) * 100
        plain, narrow = (
            upscale_array(bicubic_upscaler(), image, scaling=scaling)
            for scaling in ("none", (49.0, 50.0))
        )
        np.testing.assert_allclose(narrow, plain, atol=1e-3)
        assert plain.max() > 51 and plain.min() < 0

    def test_one_map_for_all_bands(self):
        model = tiny_upscaler(bands=2)
        image = noise(20, 20, 2) * (1, 10)
        low, high = image.min(), image.max()
        upscaled = upscale_array(model, image)
        np.testing.assert_array_equal(
            upscaled, upscale_array(model, image, scaling=(np.float32(low), np.float32(high)))
        )

    @pytest.mark.parametrize("value", [0, 1, -7.5, 1e30, 3e-30, 65535])
    def test_a_constant_image_stays_as_it_is(self, tiny, value):
        image = np.full((40, 35), value, np.float32)
        upscaled = upscale_array(tiny, image, tile=32)
        np.testing.assert_array_equal(upscaled, np.full((80, 70, 1), value, np.float32))

    def test_integers_and_big_endian(self, tiny):
        image = np.random.default_rng(0).integers(0, 60000, (20, 20))
        expected = upscale_array(tiny, image.astype(np.float32))
        for dtype in (np.uint16, ">i4", ">f8", np.int64):
            np.testing.assert_array_equal(upscale_array(tiny, image.astype(dtype)), expected)

    def test_the_input_is_left_alone(self, tiny):
        image = noise(20, 20)
        image[3, 3] = np.nan
        before = image.copy()
        upscale_array(tiny, image, conserve_flux=True)
        np.testing.assert_array_equal(image, before)


class TestBadPixels:
    def test_their_blocks_are_nan_and_no_others(self, tiny):
        image = noise(50, 47)
        image[10, 10], image[11, 20], image[40:, 30:], image[0, 0] = np.nan, np.inf, -np.inf, np.nan
        upscaled = upscale_array(tiny, image, tile=32)
        bad = ~np.isfinite(image)
        np.testing.assert_array_equal(np.isnan(upscaled), bad.repeat(2, 0).repeat(2, 1))
        assert not np.isinf(upscaled).any()

    def test_tiles_do_not_show_beside_them(self, tiny):
        image = noise(90, 80)
        image[:, 29:33], image[50:83, 40:70], image[5, 5] = np.nan, np.nan, np.nan
        whole = upscale_array(tiny, image, tile=90)
        np.testing.assert_allclose(upscale_array(tiny, image, tile=32), whole, atol=1e-5)

    def test_what_is_far_away_does_not_notice(self, tiny):
        image = noise(60, 60)
        spoilt = image.copy()
        spoilt[30, 30] = np.nan
        a, b = (upscale_array(tiny, x, scaling="none", tile=32) for x in (image, spoilt))
        near = np.zeros((60, 60), bool)
        near[30 - REACH : 31 + REACH, 30 - REACH : 31 + REACH] = True
        near = near.repeat(2, 0).repeat(2, 1)
        np.testing.assert_allclose(a[~near], b[~near], atol=1e-5)
        # Close by the surroundings stand in for it: a 0 would be off by as much as the image.
        assert np.nanmax(np.abs(a - b)) < 1.0

    def test_a_flat_sky_is_flat_beside_them(self):
        image = np.full((40, 40), 1000.0, np.float32)
        image[10:30:3, 20], image[5, 6] = np.nan, np.inf
        image[0, 0] = 1001.0  # so that it has a range
        upscaled = upscale_array(bicubic_upscaler(), image)
        good = upscaled[8:][np.isfinite(upscaled[8:])]
        np.testing.assert_allclose(good, 1000.0, rtol=1e-6)

    def test_a_mask_is_as_good_as_nan(self, tiny):
        image = noise(30, 30)
        mask = np.zeros((30, 30), int)
        mask[4:9, 20:] = 1
        spoilt = image.copy()
        spoilt[mask == 1] = np.nan
        expected = upscale_array(tiny, spoilt)
        image[mask == 1] = 1e9  # the least and the greatest are those of good pixels
        np.testing.assert_array_equal(upscale_array(tiny, image, mask=mask), expected)
        masked = upscale_array(tiny, image, mask=mask[..., None] == 1)
        np.testing.assert_array_equal(masked, expected)
        one_line(
            "mask has shape (30, 29), but the image",
            lambda: upscale_array(tiny, image, mask=mask[:, :29]),
        )

    def test_bands_are_bad_on_their_own(self):
        image = noise(20, 20, 2)
        image[3, 4, 1] = np.nan
        upscaled = upscale_array(tiny_upscaler(bands=2), image)
        assert np.isfinite(upscaled[..., 0]).all()
        assert np.argwhere(np.isnan(upscaled[..., 1])).tolist() == [[6, 8], [6, 9], [7, 8], [7, 9]]

    def test_tiles_without_a_good_pixel_cost_nothing(self):
        upscaler = open_upscaler(tiny_upscaler())
        calls = []
        image = np.full((200, 32, 1), np.nan, np.float32)
        assert np.isnan(upscale_array(upscaler, image, tile=32)).all()
        assert not upscaler._compiled
        image[2, 2] = 1
        upscaled = upscale_array(
            upscaler, image, tile=32, progress=lambda *c: calls.append(c), batch_size=1
        )
        assert len(calls) == 1 and calls[0][0] == calls[0][1] > 4
        np.testing.assert_array_equal(upscaled[4:6, 4:6], 1)
        assert np.isfinite(upscaled).sum() == 4


class TestFlux:
    def test_a_block_keeps_its_pixels_flux(self, tiny):
        image = noise(50, 41) * 1e4 - 3e3
        image[7, 7] = np.nan
        upscaled = upscale_array(tiny, image, tile=32, conserve_flux=True)
        np.testing.assert_allclose(block_means(upscaled), image, atol=2e-3)
        plain = upscale_array(tiny, image, tile=32)
        assert np.nanmax(np.abs(block_means(plain) - image)) > 10
        # Only an offset a block: the contrast within it is what the network saw.
        detail = [x - block_means(x).repeat(2, 0).repeat(2, 1) for x in (upscaled, plain)]
        np.testing.assert_allclose(*detail, atol=2e-3)

    def test_flux_per_pixel_is_shared_out(self, tiny):
        image = noise(30, 30)
        by_area = upscale_array(tiny, image)
        shares = upscale_array(tiny, image, flux="per_pixel")
        np.testing.assert_allclose(shares, by_area / 4, rtol=1e-6)
        kept = upscale_array(tiny, image, flux="per_pixel", conserve_flux=True)
        np.testing.assert_allclose(4 * block_means(kept), image, atol=1e-6)


def star_field(side=320, star=300.0):
    """Sky of 1e-4 with noise 0.002, galaxies, and one bright star."""
    rng = np.random.default_rng(0)
    image = rng.normal(1e-4, 2e-3, (side, side))
    y, x = np.mgrid[:side, :side]
    for _ in range(40):
        (cy, cx), width = rng.uniform(10, side - 10, 2), rng.uniform(1.5, 4)
        light = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
        image += rng.uniform(0.02, 0.5) * light
    image += star * np.exp(-((y - 100.3) ** 2 + (x - 210.7) ** 2) / (2 * 2.5**2))
    return image.astype(np.float32)[..., None]


class TestWideField:
    """A frame with one bright star keeps its flux and its sky."""

    @pytest.fixture(scope="class")
    def srcnn(self):
        return open_upscaler("srcnn.sr_75_150_sim")

    def test_flux_and_sky_are_kept_by_default(self, srcnn):
        image = star_field()
        fine = upscaling.upscale_array(srcnn, image)
        assert fine.sum(dtype=float) / 4 == pytest.approx(image.sum(dtype=float), rel=1e-4)
        assert np.median(fine) == pytest.approx(np.median(image), abs=2e-4)  # a tenth of the noise
        np.testing.assert_allclose(block_means(fine), image, atol=1e-4)

    def test_one_star_does_not_set_the_range(self, srcnn, caplog):
        image = star_field()
        fine = upscale_array(srcnn, image)  # without what keeps the flux
        assert fine.sum(dtype=float) / 4 == pytest.approx(image.sum(dtype=float), rel=0.05)
        assert np.median(fine) == pytest.approx(np.median(image), abs=5e-4)
        assert not caplog.records

    def test_a_model_that_cannot_is_told_of(self, srcnn, caplog):
        with caplog.at_level(logging.WARNING, "lenszoo"):
            upscale_array(srcnn, star_field(), scaling="minmax")
        (record,) = caplog.records
        assert "srcnn.sr_75_150_sim changes the flux of pixels by" in record.getMessage()
        assert record.getMessage().endswith("keep the flux, conserve_flux=True.")

    def test_the_range_of_a_cutout_is_that_of_training(self, tiny):
        image = star_field(128)
        np.testing.assert_array_equal(
            upscale_array(tiny, image), upscale_array(tiny, image, scaling="minmax")
        )
        image = star_field(129)
        image[100, 100] = 1e6
        assert not np.array_equal(
            upscale_array(tiny, image), upscale_array(tiny, image, scaling="minmax")
        )

    def test_what_goes_beyond_float32_is_refused(self):
        image = np.full((30, 30), -3.4e38, np.float32)
        image[:, 15:] = 3.4e38  # bicubic interpolation goes beyond both
        one_line("beyond float32", lambda: upscale_array(bicubic_upscaler(), image))


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"scaling": "log"}, "scaling must be 'auto', 'minmax', 'none' or two numbers"),
            ({"scaling": (1, 1)}, "scaling must be"),
            ({"scaling": (0, np.inf)}, "scaling must be"),
            ({"scaling": (0, 1, 2)}, "scaling must be"),
            ({"scaling": None}, "scaling must be"),
            ({"flux": "counts"}, "Unknown flux 'counts'. Legal: per_pixel, surface_brightness"),
            ({"tile": 0}, "tile must be a whole number, at least 1, not 0"),
            ({"overlap": -1}, "overlap must be a whole number, at least 0"),
            ({"overlap": 2.5}, "overlap must be a whole number"),
            ({"batch_size": True}, "batch_size must be a whole number, at least 1"),
            (
                {"tile": 2 * REACH},
                "a tile of 12 pixels has no middle between two margins of 6.*24",
            ),
            ({"tile": 20, "overlap": 10}, "two overlaps of 10; give a larger tile or a smaller"),
        ],
    )
    def test_options(self, tiny, options, message):
        with pytest.raises(LenszooError, match=message):
            upscale_array(tiny, noise(40, 40), **options)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (np.zeros((5, 5, 3)), "The image: 3 bands, but tiny takes 1"),
            (np.zeros((2, 5, 5, 1)), "no image"),
            (np.zeros(5), "no image"),
            (np.zeros((0, 5)), "no image"),
            (np.zeros((5, 5), complex), "no image"),
            (np.array([["a"]]), "no image"),
        ],
    )
    def test_images(self, tiny, image, message):
        with pytest.raises(LenszooError) as error:
            upscale_array(tiny, image)
        assert message in str(error.value) and "\n" not in str(error.value)

    def test_a_model_that_looks_at_the_whole_image(self):
        images = keras.Input((None, None, 1))
        mean = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(images)
        x = layers.UpSampling2D(2)(layers.Subtract()([images, mean]))
        upscaler = open_upscaler(keras.Model(images, x, name="whole"))
        small = upscale_array(upscaler, noise(40, 40), scaling="none")
        np.testing.assert_allclose(small, untiled(upscaler, noise(40, 40)), atol=1e-5)
        message = (
            "do not fit into one tile of 256 x 40, and tiles would show: in whole, layer 'squeeze'"
        )
        with pytest.raises(LenszooError, match=message):
            upscale_array(upscaler, noise(300, 40))
        assert upscale_array(upscaler, noise(300, 40), tile=300).shape == (600, 80, 1)
        assert upscale_array(upscaler, noise(300, 40), overlap=4).shape == (600, 80, 1)

    def test_an_answer_that_is_not_finite(self):
        images = keras.Input((None, None, 1))
        x = layers.UpSampling2D(2)(layers.Rescaling(1e38)(images))
        one_line(
            "answer is not finite near row 0, column 0",
            lambda: upscale_array(keras.Model(images, x), noise(8, 8) * 100, scaling="none"),
        )


def test_masked_pixels_are_bad_pixels(tiny):
    image = noise(20, 20)
    holes = image.copy()
    holes[3, 4:6] = np.nan
    masked = np.ma.MaskedArray(image, np.isnan(holes))
    np.testing.assert_array_equal(upscale_array(tiny, masked), upscale_array(tiny, holes))
