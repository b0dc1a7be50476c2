"""What a card says of a lens finder on real skies, by the figures that were measured there."""

from collections.abc import Callable, Mapping
from typing import Any

_TRAIN_FIRST = "On another survey, train or adapt first."


def on_real_skies(metrics: Mapping[str, Any]) -> str:
    """Sentences on the figures of real images in the metrics of a lens finder, or on their lack."""
    told = [tell(metrics[name]) for name, tell in _FIGURES.items() if name in metrics]
    if told:
        return " ".join([*told, _TRAIN_FIRST])
    return (
        "Little transfers to real skies yet: most of 637 known lenses, as Pan-STARRS1 shows "
        "them, got a probability below one half from the weights that look at g, r and i "
        "alone (docs/limits.md). Train or adapt on your survey's images first."
    )


def _space_warps(known: Mapping[str, Any]) -> str:
    low, high = known["intervals"]["auc"]
    return (
        f"On real candidates of Space Warps in CFHTLS, {known['lenses']} lenses among "
        f"{known['nonlenses']} look-alikes, this recipe ranks with an AUC of {known['auc']:.2f} "
        f"(95 %: {low:.2f} to {high:.2f}), by cross-validation in {known['folds']} parts, where no "
        f"look-alike is scored by a network that learned from it ({known['date']}, `"
        f"{known['command']}`). The recipe was chosen on them too, so "
        "expect a little less elsewhere. Volunteers reach 0.88. Images are to be as theirs: "
        "linear flux of AB zero point 25 in g, r and i, 64 x 64 pixels of 0.2 arcsec, the "
        "candidate in the middle."
    )


def _pan_starrs(known: Mapping[str, Any]) -> str:
    groups = known["groups"]
    wide, inner = groups["separation from 3 arcsec"], groups["of these, below 10 arcsec"]
    narrow = groups["separation below 1.5 arcsec"]
    kinds = [
        f"{part['found']:.0%} of {part['n']} {name.removeprefix('of these, ')}"
        for name, part in groups.items()
        if name.startswith("of these, lensed ") and part["n"] > 5
    ]
    low, high = wide["intervals"]["found"]
    return (
        f"Of {wide['n']} known lenses in Pan-STARRS1 with images at least 3 arcsec apart it gives "
        f"{wide['above_half']:.0%} a probability above one half, as it does "
        f"{known['nonlenses_above_half']:.0%} of the simulated non-lenses, most of them "
        f"look-alikes. At a threshold that 1 % of these pass it finds {wide['found']:.0%} (95 %: "
        f"{low:.0%} to {high:.0%}), at one that 1 % of the early types among them pass "
        f"{wide['found_among_early_types']:.0%}. Images of {wide['n'] - inner['n']} of the lenses, "
        "10 arcsec apart or more, lie outside the cutout; of the others it finds "
        f"{inner['found']:.0%} and {inner['found_among_early_types']:.0%} (at the first threshold "
        f"{' and '.join(kinds)}), and of {narrow['n']} lenses below 1.5 arcsec, which this seeing "
        f"blurs, {narrow['found']:.0%} ({known['date']}, `{known['command']}`). None of them was "
        "learned from. Real non-lenses were not at hand: how many of those pass is unknown."
    )


def _real_hosts(known: Mapping[str, Any]) -> str:
    low, high = known["intervals"]["found"]
    return (
        f"Of {known['paintings']} lenses painted on {known['galaxies']} real galaxies that no "
        f"training saw, {known['found']:.0%} (95 %, over galaxies: {low:.0%} to {high:.0%}) lie "
        "above the threshold that 1 % of the simulated non-lenses pass, and of these galaxies as "
        f"they are {known['galaxies_above']} ({known['date']}, `{known['command']}`). Their arcs "
        "are simulated: no real lens of this survey was at hand."
    )


_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "space_warps": _space_warps,
    "pan_starrs": _pan_starrs,
    "real_hosts": _real_hosts,
}
