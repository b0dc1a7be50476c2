"""The skies: one file per family; adding a sky is one more row in a ``PRESETS`` tuple."""

from lenszoo.errors import unknown
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import common_test, deeplense, lens_finding, super_resolution

PRESETS: dict[str, Preset] = {
    p.name: p
    for family in (common_test, deeplense, super_resolution, lens_finding)
    for p in family.PRESETS
}


def list_presets() -> list[str]:
    """Names of all skies."""
    return sorted(PRESETS)


def get_preset(name: str | Preset) -> Preset:
    """The sky called ``name``.

    Raises:
        LenszooError: no such sky; the message lists the nearest.
    """
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]
