import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from scipy import stats

from lenszoo.errors import LenszooError
from lenszoo.simulation import (
    SimulatedDataset,
    composite,
    get_preset,
    list_presets,
    sample,
    sample_scenes,
    write_dataset,
)
from lenszoo.simulation.components import Component, banks, light_within
from lenszoo.simulation.lens_systems import magnification
from lenszoo.simulation.non_lenses import KINDS, SLOTS
from lenszoo.simulation.presets.lens_finding import EUCLID, KIDS, MIXTURE
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.scene import Scene, stack
from lenszoo.simulation.survey import flux, magnitude

NAMES = [name for name in list_presets() if name.startswith("lens_finding")]
NAME = "lens_finding_easy"
UGRI = np.array([0.5, 2.0, 5.0, 9.0])
SEED = 3
NO_LENS = {"lens_x": 0.0, "lens_y": 0.0, "einstein_radius": 0.0, "lens_e1": 0.1, "lens_e2": 0.0}
NO_LENS |= {"gamma1": 0.0, "gamma2": 0.0}


def brightness(components, survey=KIDS, **lens):
    """Brightness and arrays of one scene of these components."""
    preset = dataclasses.replace(get_preset(NAME), instrument=survey, bands=survey.names)
    arrays = banks(components, SLOTS, len(survey.bands))
    arrays |= {k: np.float32([v]) for k, v in (NO_LENS | lens).items()}
    arrays["psf_fwhm"] = survey.psf_fwhm.astype(np.float32)
    keys = np.zeros((len(survey.bands), 2), np.uint32)
    stacked = stack([Scene({}, keys=keys, arrays=arrays)], 0)
    tensors = {k: ops.convert_to_tensor(v) for k, v in stacked.items()}
    return composite.brightness(tensors, preset), tensors


def total(layers, survey, name="light"):
    """Flux in every band within the grid."""
    area = survey.pixel_area / survey.supersampling**2
    return ops.convert_to_numpy(layers[name])[0].astype(np.float64).sum(axis=1) * area


@pytest.fixture(scope="module")
def sky():
    return sample(NAME, 64, seed=SEED)


@pytest.fixture(scope="module")
def drawn():
    """Truth of 500 scenes, no pixels."""
    preset = get_preset(NAME)
    scenes = [preset.draw(scene_generator(SEED, i), preset.classes[i % 2], 1.0) for i in range(500)]
    return {k: np.array([s.values[k] for s in scenes]) for k in scenes[0].values}


# --- light ---

WIDE = dataclasses.replace(KIDS, pixels=200, margin=0)
ELLIPSE = {"e1": 0.2, "e2": -0.1}
CLUMPY = {"phase": 1.0, "clumps": 0.7}
PROFILES = {
    "sersic 1": ("sersic", {"r_eff": 0.8, "index": 1.0, **ELLIPSE, "core": 0.07}),
    "sersic 4": ("sersic", {"r_eff": 0.8, "index": 4.0, **ELLIPSE, "core": 0.07}),
    "two arms": (
        "arms",
        {"scale": 1.2, **ELLIPSE, **CLUMPY, "arms": 2.0, "winding": 2.5, "sharpness": 4.0},
    ),
    "three arms": (
        "arms",
        {"scale": 1.0, **ELLIPSE, **CLUMPY, "arms": 3.0, "winding": -1.5, "sharpness": 1.0},
    ),
    "ring": (
        "ring",
        {"radius": 1.5, "width": 0.25, **ELLIPSE, **CLUMPY, "lopsidedness": 0.5},
    ),
    "edge-on": (
        "edge_on",
        {"scale": 1.1, "height": 0.25, "cosine": 0.8, "sine": 0.6, "dust": 0.6},
    ),
}


@pytest.mark.parametrize("case", PROFILES)
def test_profiles_have_the_flux_they_are_given(case):
    profile, parameters = PROFILES[case]
    for x, y in ((0.0, 0.0), (0.031, -0.044)):  # wherever the grid falls on the cusp
        layers, _ = brightness([Component(profile, x, y, UGRI, parameters)], WIDE)
        seen = total(layers, WIDE)
        within = light_within(20.0, 0.8, parameters.get("index", 1.0))
        assert within > 0.98
        np.testing.assert_allclose(seen, UGRI * within, rtol=0.01)


def test_bright_arms_are_where_the_spiral_is():
    """Arms where 2 phi - 2 w ln R is the phase, and next to nothing between them."""
    parameters = PROFILES["two arms"][1] | {"e1": 0.0, "e2": 0.0, "clumps": 0.0}
    layers, _ = brightness([Component("arms", 0.0, 0.0, UGRI, parameters)])
    x, y = KIDS.grid()
    r = np.hypot(x, y)[0] / parameters["scale"]
    light = ops.convert_to_numpy(layers["light"])[0, 0]
    turn = 2 * np.arctan2(y, x)[0] - 2 * parameters["winding"] * np.log(r) - parameters["phase"]
    ring = (r > 1.0) & (r < 1.2)
    on, off = ring & (np.cos(turn) > 0.9), ring & (np.cos(turn) < -0.9)
    assert light[on].mean() > 100 * light[off].mean()


def test_the_psf_keeps_flux_and_colour():
    galaxy = Component("sersic", 0.3, -0.2, UGRI, PROFILES["sersic 1"][1])
    layers, arrays = brightness([galaxy])
    image = ops.convert_to_numpy(KIDS.blurred(layers["light"], arrays["psf_fwhm"]))[0]
    np.testing.assert_allclose(image.sum(axis=1), UGRI, rtol=0.01)


@pytest.mark.parametrize("survey", [KIDS, EUCLID], ids=["ground", "space"])
def test_a_star_is_as_wide_as_the_psf(survey):
    bands = len(survey.bands)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 0.5, (2, 40, 1)).astype(np.float32) * survey.pixel_scale
    fwhm = np.tile(survey.psf_fwhm.astype(np.float32), (40, 1))
    fluxes = np.ones((40, 1, bands), np.float32)
    images = ops.convert_to_numpy(survey.stars(x, y, fluxes, fwhm))
    np.testing.assert_allclose(images.sum(axis=2), 1.0, atol=0.02)
    axis = survey.axis()
    r = np.hypot(axis[None, None, :] - x[:, :, None], axis[None, :, None] - y[:, :, None])
    for band in range(bands):
        order = np.argsort(r.ravel())
        radius, value = r.ravel()[order], images[:, band].ravel()[order]
        centre = value[radius < 0.05 * survey.psf_fwhm[band]].mean()
        half = np.interp(-0.5 * centre, -value, radius)
        assert 2 * half == pytest.approx(survey.psf_fwhm[band], rel=0.02)


@pytest.mark.parametrize("survey", [KIDS, EUCLID], ids=["ground", "space"])
def test_a_tiny_galaxy_looks_like_a_star(survey):
    one = np.ones(len(survey.bands))
    tiny = {"r_eff": 0.3 * survey.pixel_scale, "index": 0.5, "e1": 0.0, "e2": 0.0, "core": 1e-3}
    x, y = 0.37 * survey.pixel_scale, -0.21 * survey.pixel_scale
    layers, arrays = brightness([Component("sersic", x, y, one, tiny)], survey)
    fwhm = arrays["psf_fwhm"]
    galaxy = ops.convert_to_numpy(survey.blurred(layers["light"], fwhm))
    position = np.float32([[x]]), np.float32([[y]])
    star = ops.convert_to_numpy(survey.stars(*position, one[None, None].astype(np.float32), fwhm))
    peak = star.max(axis=2)
    assert (np.abs(galaxy - star).max(axis=2) < 0.15 * peak).all()
    axis = survey.axis()
    for images in (galaxy, star):
        images = images.reshape(-1, survey.pixels, survey.pixels)
        centre = (images.sum(axis=1) @ axis) / images.sum(axis=(1, 2))
        np.testing.assert_allclose(centre, x, atol=0.05 * survey.pixel_scale)


def test_noise_is_that_of_the_depth_in_every_band():
    """An aperture of 2 arcsec measures a star of the limiting magnitude at 5 sigma."""
    keys = np.stack(
        [scene_generator(0, i).integers(0, 2**32, (4, 2), np.uint32) for i in range(40)]
    )
    empty = np.zeros((40, 4, 64**2), np.float32)
    noisy, variance = (ops.convert_to_numpy(a) for a in KIDS.observe(empty, {"keys": keys}))
    np.testing.assert_allclose(noisy.std(axis=(0, 2)), KIDS.noise, rtol=0.01)
    np.testing.assert_allclose(variance[0, :, 0], KIDS.noise**2, rtol=1e-5)
    n = np.pi / 0.2**2
    depth = magnitude(5 * KIDS.noise * np.sqrt(n))
    np.testing.assert_allclose(depth, [24.23, 25.12, 25.02, 23.68], atol=1e-6)
    for a in range(4):
        for b in range(a):
            assert abs(np.corrcoef(noisy[:, a].ravel(), noisy[:, b].ravel())[0, 1]) < 0.012
    # light of thrice the sky's makes four times the variance
    bright = (empty + 3 * KIDS.sky[:, None]).astype(np.float32)
    noisy = ops.convert_to_numpy(KIDS.observe(bright, {"keys": keys})[0])
    np.testing.assert_allclose((noisy - bright).std(axis=(0, 2)), 2 * KIDS.noise, rtol=0.01)


# --- lensing ---


def test_lensed_flux_is_the_magnification():
    """Against lenstronomy's rays on a grid ten times finer than ours."""
    lens = {"einstein_radius": 1.4, "lens_e1": 0.15, "lens_e2": -0.05, "gamma1": 0.03}
    shape = {"r_eff": 0.25, "index": 1.0, "e1": 0.1, "e2": 0.2}
    source = Component("source", 0.2, -0.15, UGRI, shape | {"core": 0.01})
    layers, _ = brightness([source], **lens)
    mass = {"theta_E": 1.4, "e1": 0.15, "e2": -0.05, "center_x": 0.0, "center_y": 0.0}
    model = LensModel(["SIE", "SHEAR"])
    axis = (np.arange(1200) + 0.5 - 600) * 0.01
    x, y = (g.ravel() for g in np.meshgrid(axis, axis))
    bx, by = model.ray_shooting(x, y, [mass, {"gamma1": 0.03, "gamma2": 0.0}])
    light = LightModel(["SERSIC_ELLIPSE"])
    kwargs = {"amp": 1.0, "R_sersic": 0.25, "n_sersic": 1.0, "e1": 0.1, "e2": 0.2}
    kwargs |= {"center_x": 0.2, "center_y": -0.15}
    lensed = light.surface_brightness(bx, by, [kwargs]).sum()
    fine = (np.arange(1200) + 0.5 - 600) * 0.005
    u, v = (g.ravel() for g in np.meshgrid(fine, fine))
    unlensed = light.surface_brightness(u, v, [kwargs]).sum() * 0.25
    expected = lensed / unlensed
    assert float(layers["magnification"][0]) == pytest.approx(expected, rel=0.015)
    np.testing.assert_allclose(total(layers, KIDS, "lensed"), expected * UGRI, rtol=0.015)
    assert magnification(0.25, 1.4, 0.25) == pytest.approx(expected, rel=0.25)


def test_magnification_estimate_tends_to_that_of_a_point():
    assert magnification(0.5, 2.0, 1e-4) == pytest.approx(2 * 2.0 / 0.5, rel=1e-3)
    assert magnification(0.0, 2.0, 0.3) == pytest.approx(2 * 2.0 * 0.94 / (0.3 * 0.6), rel=0.4)


def test_arc_contrast_is_the_ratio_within_two_einstein_radii():
    galaxy = Component("sersic", 0.0, 0.0, UGRI, PROFILES["sersic 1"][1] | {"e1": 0.0, "e2": 0.0})
    source = Component("source", 0.1, 0.0, 0.1 * UGRI, {**PROFILES["sersic 1"][1], "r_eff": 0.15})
    layers, _ = brightness([galaxy, source], einstein_radius=1.0)
    inside = light_within(2.0, 0.8, 1.0)
    expected = 0.1 * float(layers["magnification"][0]) / inside
    assert float(layers["arc_contrast"][0]) == pytest.approx(expected, rel=0.03)


def test_arc_contrast_leaves_a_neighbour_of_the_lens_out():
    galaxy = Component("sersic", 0.1, 0.0, UGRI, PROFILES["sersic 1"][1])
    source = Component("source", 0.2, 0.0, 0.1 * UGRI, {**PROFILES["sersic 1"][1], "r_eff": 0.15})
    near = Component("sersic", 0.9, 0.4, UGRI, PROFILES["sersic 1"][1])
    lens = {"einstein_radius": 1.0, "lens_x": 0.1}
    contrasts = {
        len(galaxies): float(brightness([*galaxies, source], **lens)[0]["arc_contrast"][0])
        for galaxies in ([galaxy], [galaxy, near], [galaxy] * 2 + [near])
    }
    assert contrasts[2] == pytest.approx(contrasts[1])
    assert contrasts[3] == pytest.approx(contrasts[1] / 2)


# --- the sky ---


def test_shapes_bands_and_labels(sky):
    preset = get_preset(NAME)
    assert (preset.bands, preset.zero_point) == (("u", "g", "r", "i"), 25.0)
    assert sky.images.shape == (64, 64, 64, 4) and sky.images.dtype == np.float32
    assert np.isfinite(sky.images).all()
    assert sky.class_names == ("nonlens", "lens") and sky.labels.tolist() == [0, 1] * 32
    assert ((sky.truth["kind"] == "lens") == (sky.labels == 1)).all()
    assert get_preset("lens_finding_hard_vis").image_shape == (101, 101, 1)


def test_truth_of_lenses_is_nan_for_others(sky):
    lens = sky.labels == 1
    of_lenses = ["einstein_radius", "z_lens", "z_source", "gamma1", "lens_e1", "source_x"]
    of_lenses += ["lens_magnitude_r", "source_magnitude_u", *get_preset(NAME).measured]
    for name in of_lenses:
        assert np.isfinite(sky.truth[name][lens]).all() and np.isnan(sky.truth[name][~lens]).all()
    assert np.isfinite(sky.truth["central_magnitude_r"]).all()
    radius = sky.truth["einstein_radius"][lens]
    assert radius.min() >= 1.0 and radius.max() <= 3.0


def test_lenses_are_findable(sky):
    """The draw estimates what the renderer then measures."""
    lens = sky.labels == 1
    assert np.quantile(sky.truth["arc_signal_to_noise"][lens], 0.05) > 0.7 * 40
    assert np.quantile(sky.truth["arc_contrast"][lens], 0.05) > 0.7 * 0.12
    assert (sky.truth["magnification"][lens] > 2.5).all()


def test_central_galaxies_of_both_classes_follow_one_law(drawn):
    alike = np.isin(drawn["kind"], ["elliptical", "companion"])
    lens = drawn["kind"] == "lens"
    for band in "ugri":
        column = drawn[f"central_magnitude_{band}"]
        assert stats.ks_2samp(column[lens], column[alike]).pvalue > 1e-3


def test_sources_are_bluer_than_lenses_but_not_all(drawn):
    lens = drawn["kind"] == "lens"
    colour = {
        k: (drawn[f"{k}_magnitude_g"] - drawn[f"{k}_magnitude_i"])[lens] for k in ("lens", "source")
    }
    assert np.median(colour["lens"]) > np.median(colour["source"]) + 0.8
    assert colour["source"].max() > np.quantile(colour["lens"], 0.05)


def test_kinds_are_mixed_as_stated(drawn):
    kinds = drawn["kind"][drawn["kind"] != "lens"]
    assert len(kinds) == 250 and sum(MIXTURE.values()) == pytest.approx(1.0)
    assert set(MIXTURE) == set(KINDS)
    seen = [np.sum(kinds == kind) for kind in MIXTURE]
    assert stats.chisquare(seen, [250 * share for share in MIXTURE.values()]).pvalue > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_scenes_fit_their_slots(name):
    preset = get_preset(name)
    for i in range(60):
        scene = preset.draw(scene_generator(8, i), preset.classes[i % 2], 1.0)
        for profile, room in SLOTS.items():
            assert scene.arrays[profile].shape[0] == room
            assert np.isfinite(scene.arrays[profile]).all()
        lensed = scene.arrays["source"][:, -1].sum() > 0
        assert lensed == (i % 2 == 1) == (scene.arrays["einstein_radius"][0] > 0)


def test_too_many_components_are_an_error():
    star = Component("star", 0.0, 0.0, UGRI, {})
    with pytest.raises(ValueError, match="4 components of profile star, room for 3"):
        banks([star] * 4, SLOTS, 4)


def test_a_scene_does_not_depend_on_its_batch(sky):
    again = sample_scenes(NAME, [50, 7, 8], SEED)
    np.testing.assert_array_equal(again.images, sky.images[[50, 7, 8]])
    for name, values in again.truth.items():
        np.testing.assert_array_equal(values, sky.truth[name][[50, 7, 8]])


def test_flux_of_a_bright_elliptical_is_its_magnitude(sky):
    """Light in the frame, noise and neighbours included, is about that of the drawn magnitude."""
    rows = np.flatnonzero(sky.truth["kind"] == "elliptical")
    rows = rows[sky.truth["central_magnitude_i"][rows] < 18.5]
    assert len(rows) > 2
    for band, name in enumerate("ugri"):
        if name == "u":
            continue  # too faint
        ratio = sky.images[rows, ..., band].sum(axis=(1, 2))
        ratio /= flux(sky.truth[f"central_magnitude_{name}"][rows])
        assert np.median(ratio) == pytest.approx(0.93, abs=0.1)


def test_stream_turns_all_bands_together():
    dataset = SimulatedDataset(NAME, 8, seed=SEED, batch_size=8, augment="d4")
    plain = sample(NAME, 8, seed=SEED)
    images, labels = dataset[0]
    assert images.shape == (8, 64, 64, 4) and labels.tolist() == [0, 1] * 4
    assert dataset.shapes == ((64, 64, 4), ())
    np.testing.assert_array_equal(
        np.sort(images.reshape(8, -1, 4), axis=1), np.sort(plain.images.reshape(8, -1, 4), axis=1)
    )


def test_dataset_on_disk(tmp_path, sky):
    done = write_dataset(NAME, tmp_path / "set", n_train=6, n_val=2, seed=SEED)
    assert done.counts["train"] == {"nonlens": 3, "lens": 3}
    image = np.load(tmp_path / "set/train/lens/2.npy")
    assert image.shape == (4, 64, 64)
    np.testing.assert_array_equal(np.moveaxis(image, 0, -1), sky.images[3])
    table = pq.read_table(done.truth).to_pydict()
    assert table["kind"][:6] == sky.truth["kind"][:6].tolist()
    facts = json.loads((tmp_path / "set/dataset.json").read_text())
    assert facts["bands"] == ["u", "g", "r", "i"] and facts["zero_point"] == 25.0
    with pytest.raises(LenszooError, match="not in \\[0, 1\\], as PNG needs; use npy") as caught:
        write_dataset(NAME, tmp_path / "png", n_train=2, n_val=0, format="png")
    assert "\n" not in str(caught.value)


ON_JAX = """
import sys
import numpy as np
from lenszoo.simulation import sample
drawn = sample(sys.argv[1], 6, int(sys.argv[2]))
np.savez(sys.argv[3], images=drawn.images, arcs=drawn.truth["arc_signal_to_noise"])
"""


@pytest.mark.slow
def test_the_other_backend_sees_the_same_sky(tmp_path, sky):
    path = tmp_path / "images.npz"
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, NAME, str(SEED), str(path)],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.load(path)
    noise = KIDS.noise
    scale = np.abs(sky.images[:6]).max(axis=(1, 2), keepdims=True) + noise
    assert (np.abs(theirs["images"] - sky.images[:6]) / scale).max() < 1e-4
    np.testing.assert_allclose(theirs["arcs"], sky.truth["arc_signal_to_noise"][:6], rtol=1e-3)
