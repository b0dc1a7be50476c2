"""Sky of the common test with the halos that lie along the line of sight."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from lenszoo.simulation.line_of_sight import LineOfSight, source_position
from lenszoo.simulation.observe import Instrument
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import common_test
from lenszoo.simulation.render import source_brightness
from lenszoo.simulation.scene import Scene
from lenszoo.simulation.trace import deflection

HALOS = LineOfSight()


def draw(rng: np.random.Generator, name: str, strength: float = 1.0) -> Scene:
    """Draw a scene of the common test, and its halos; strength is that of the substructure."""
    scene = common_test.draw(rng, name, strength)
    # of their own stream: the same in all classes, whatever their substructure draws
    halos = np.random.Generator(np.random.Philox(scene.keys.ravel().tolist()))
    z_lens, z_source = (float(scene.values[key]) for key in ("z_lens", "z_source"))
    arrays, values = HALOS.draw(halos, z_lens, z_source)
    own = {key: np.array([value], np.float32) for key, value in scene.values.items()}
    return replace(scene, values={**scene.values, **values}, arrays=own | arrays)


def brightness(arrays: Mapping[str, Any], preset: Preset):
    """Brightness of the source behind all planes, (batch, supersampling^2 * pixels^2)."""
    assert isinstance(preset.instrument, Instrument)
    x, y = (ops.convert_to_tensor(g.reshape(1, -1)) for g in preset.instrument.grid())
    main = partial(deflection, arrays=arrays, lens=preset.lens)
    bx, by = source_position(x, y, arrays, len(HALOS.before), main)
    return source_brightness(bx, by, arrays)


PRESETS = (
    replace(
        common_test.COMMON,
        name="common_test_los",
        summary="The common-test sky, 1,000 halos along the line of sight: none, subhalos, vortex",
        instrument=replace(common_test.COMMON.instrument, pixels=100),
        draw=draw,
        brightness=brightness,
        noisier={},
        notes=(
            "In all classes 1,000 halos on seven planes, the most massive that are expected to "
            "10^10 solar masses, deflect the light too; scene i is that of common_test_sim else.",
            "Their law is that of Sheth & Tormen (1999, astro-ph/9901122); their profiles, and "
            "that heavier ones would be seen as galaxies, are assumed.",
            *common_test.COMMON.notes,
        ),
    ),
)
