"""Scenes of chosen components, for tests of the renderer of lens-finding skies."""

import dataclasses

import numpy as np
from keras import ops

from lenszoo.simulation import composite, get_preset
from lenszoo.simulation.components import banks
from lenszoo.simulation.non_lenses import SLOTS
from lenszoo.simulation.presets.lens_finding import KIDS
from lenszoo.simulation.scene import Scene, stack

NAME = "lens_finding_easy"
UGRI = np.array([0.5, 2.0, 5.0, 9.0])
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
