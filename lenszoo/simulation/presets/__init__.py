"""Simulated skies, one file a family; a new sky is one more row of a ``PRESETS`` tuple."""

from lenszoo.errors import unknown
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import (
    common_test,
    deeplense,
    lens_finding,
    lens_finding_surveys,
    line_of_sight,
    super_resolution,
)

PRESETS: dict[str, Preset] = {
    p.name: p
    for family in (
        common_test,
        line_of_sight,
        deeplense,
        super_resolution,
        lens_finding,
        lens_finding_surveys,
    )
    for p in family.PRESETS
}


def list_presets() -> list[str]:
    """List the names of all skies.

    >>> "common_test_sim" in list_presets()
    True
    """
    return sorted(PRESETS)


def get_preset(name: str | Preset) -> Preset:
    """Return the sky of this name; a preset is returned as it is.

    Raises:
        LenszooError: no such sky; the message lists the nearest.

    >>> preset = get_preset("common_test_sim")
    >>> preset.classes, preset.image_shape, preset.pixel_scale
    (('no', 'sphere', 'vort'), (150, 150, 1), 0.05)
    """
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]
