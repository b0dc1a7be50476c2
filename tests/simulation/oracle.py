"""Scenes and cameras of ours, put to lenstronomy."""

import warnings

import numpy as np
from astropy.cosmology import FlatLambdaCDM
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.SimulationAPI.sim_api import SimAPI
from lenstronomy.Util import util

CENTRE = {"center_x": 0.0, "center_y": 0.0}
WMAP9 = FlatLambdaCDM(H0=69.7, Om0=0.0464 + 0.235, Ob0=0.0464)  # pyHalo's


def lenses(kind, values, points):
    """Names and parameters of a scene's deflectors."""
    main = {"theta_E": values["einstein_radius"], **CENTRE}
    if kind == "sie":
        main |= {"e1": values["lens_e1"], "e2": values["lens_e2"]}
    names = [kind.upper(), "SHEAR"] + ["POINT_MASS"] * len(points)
    parameters = [main, {"gamma1": values["gamma1"], "gamma2": values["gamma2"]}]
    parameters += [{"theta_E": m**0.5, "center_x": x, "center_y": y} for x, y, m in points]
    return names, parameters


def source(values, **brightness):
    """Parameters of a scene's Sersic source."""
    return {
        "R_sersic": values["source_r_eff"],
        "n_sersic": values["source_index"],
        "e1": values["source_e1"],
        "e2": values["source_e2"],
        "center_x": values["source_x"],
        "center_y": values["source_y"],
        **brightness,
    }


def image(values, points, lens, camera):
    """The noise-free image of a scene, (H, W), by lenstronomy's ImageModel."""
    names, parameters = lenses(lens, values, points)
    grid = util.make_grid_with_coordtransform(
        num_pix=camera.pixels, delta_pix=camera.pixel_scale, subgrid_res=1, inverse=False
    )
    data = ImageData(
        image_data=np.zeros((camera.pixels,) * 2),
        ra_at_xy_0=grid[2],
        dec_at_xy_0=grid[3],
        transform_pix2angle=grid[6],
    )
    psf = PSF(
        "GAUSSIAN",
        fwhm=camera.psf_fwhm,
        pixel_size=camera.pixel_scale,
        truncation=camera.psf_truncation,
    )
    numerics = {"supersampling_factor": camera.supersampling, "supersampling_convolution": False}
    model = ImageModel(
        data, psf, LensModel(names), LightModel(["SERSIC_ELLIPSE"]), kwargs_numerics=numerics
    )
    # lenstronomy's amplitude is a brightness per square arcsec, ours one per pixel
    amplitude = values["source_amplitude"] / camera.pixel_scale**2
    return model.image(parameters, [source(values, amp=amplitude)])


def survey(values, points, band, pixels):
    """A SimAPI of Models II and III as DeepLenseSim sets it up, and its noise-free image.

    ``values`` and ``points`` are Model I's: what the source's redshift does to them is for
    lenstronomy to find out.
    """
    names, parameters = lenses("sie", values, points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants another name for the cosmology
        api = SimAPI(
            num_pix=pixels,
            kwargs_single_band=band,
            kwargs_model={
                "lens_model_list": names,
                "lens_redshift_list": [0.5] * len(names),
                "source_light_model_list": ["SERSIC_ELLIPSE"],
                "source_redshift_list": [1.0],
                "cosmo": WMAP9,
                "z_source_convention": 2.5,
                "z_source": 1.0,
            },
        )
    _, light, _ = api.magnitude2amplitude(None, [source(values, magnitude=20.0)])
    model = api.image_model_class({"point_source_supersampling_factor": 1})
    return api, model.image(parameters, light)


def band(camera):
    """A camera of ours as lenstronomy takes it."""
    return {
        "pixel_scale": camera.instrument.pixel_scale,
        "seeing": camera.instrument.psf_fwhm,
        "psf_type": "GAUSSIAN",
        "exposure_time": camera.exposure_time,
        "num_exposures": camera.num_exposures,
        "magnitude_zero_point": camera.magnitude_zero_point,
        "sky_brightness": camera.sky_brightness,
        "read_noise": camera.read_noise,
    }
