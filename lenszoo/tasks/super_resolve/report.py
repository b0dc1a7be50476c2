"""Super-resolution report: a network beside bicubic interpolation and the noise floor.

This file computes; ``panels`` puts the numbers into words, tables and figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality as iq
from lenszoo.metrics.interpolation import bicubic
from lenszoo.metrics.intervals import bootstrap_interval
from lenszoo.metrics.stacks import Floats, check_finite, check_stack
from lenszoo.reporting.panels import History, history_panels, read_history
from lenszoo.reporting.report import Report
from lenszoo.tasks.super_resolve import panels

N_SPECTRA = 250
_RESAMPLES = 1000
RATIOS_AT = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # cycles a pixel
# of the target's power: where the truth has less, a ratio to it tells of noise alone
_RESOLVED = 0.01


class SuperResolutionReport(Report):
    """The report of :func:`super_resolution_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``scale``, ``bands``, ``data_range`` and, of the model against the
    target, the scores

    - ``psnr`` (dB), ``ssim``, ``mse``: means over the images;
    - ``flux_error``, ``ring_flux_error``: medians of the absolute relative error of the flux, in
      the whole image and where it is bright; ``flux_bias``, ``ring_flux_bias``: medians of the
      signed error. They refer to the truth where it is known;
    - ``chi_square``: mean residual chi-square a pixel, None without a variance.

    ``bicubic`` holds the same scores of bicubic interpolation; ``floor`` those of the noiseless
    truth but flux, None where it is unknown; ``share_of_way`` how much of the way from bicubic to
    the floor the model covers in dB; ``truth`` the ``psnr``, ``ssim`` and ``mse`` of model and
    ``bicubic`` against the truth; ``power_spectrum_ratio`` the power of ``model`` and ``bicubic``
    over that of the ``reference`` (truth or target) at some ``frequencies``; ``intervals`` 95 %
    bootstrap intervals of ``psnr``, ``ssim``, ``mse``, ``gain`` (of PSNR over bicubic),
    ``share_of_way`` and, in ``bicubic`` and ``truth``, of their scores. Undefined scores are None.

    Example:
        >>> from lenszoo.evaluation import bicubic, super_resolution_report
        >>> low = np.random.default_rng(0).random((12, 16, 16, 1)).astype("float32")
        >>> target = bicubic(low, 2)
        >>> report = super_resolution_report(low, target, target + 0.01)
        >>> round(float(report.metrics["psnr"]))
        40
    """

    kind: ClassVar[str] = "super_resolution"


Stacks = Mapping[str, NDArray[Any]]  # images (n, H, W, bands) by name, in the gallery's order
_NAMES = {
    "low": "low-resolution images",
    "target": "targets",
    "model": "predicted images",
    "truth": "truth images",
}


def super_resolution_report(
    low: ArrayLike,
    target: ArrayLike,
    predicted: ArrayLike,
    *,
    truth: ArrayLike | None = None,
    data_range: float = 1.0,
    variance: ArrayLike | None = None,
    zero: float = 0.0,
    ids: Sequence[object] | None = None,
    history: History | None = None,
    title: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> SuperResolutionReport:
    """Evaluate a network from images to finer images; drawing waits until the report is shown.

    Args:
        low: input of the network, shape (n, h, w, bands).
        target: the right answers, shape (n, scale h, scale w, bands), noise included; a memory
            map will do, here as elsewhere.
        predicted: the network's answers, the shape and units of ``target``.
        truth: the targets without noise. It adds the noise floor, the score of the truth itself
            against the target: on average no network can be better.
        data_range: the brightest possible value less the faintest; PSNR and SSIM depend on it.
        variance: noise variance of the target's pixels, in any shape that broadcasts to it.
        zero: the pixel value that stands for no flux.
        ids: n names of the images; row numbers when absent.
        history: the training history, columns or rows (as read from ``history.csv``).
        title: heading of the report.
        provenance: model, weights and their sha256, recipe, data, seed, backend ...
        seed: of the bootstrap.

    Raises:
        LenszooError: shapes that do not fit together, pixels that are NaN or inf (with the first
            image's number), a range or variance that is not positive.

    Example:
        >>> target = np.random.default_rng(0).random((4, 16, 16, 1))
        >>> report = super_resolution_report(target[:, ::2, ::2], target, target + 0.01)
        >>> round(report.metrics["psnr"], 2), report.metrics["scale"]
        (40.0, 2)
    """
    iq.check_range(data_range)
    stacks = _stacks(low=low, target=target, model=predicted, truth=truth)
    n = len(stacks["target"])
    if ids is not None and len(ids) != n:
        raise LenszooError(f"There are {len(ids)} ids but {n} targets.")
    names = [str(i) for i in (range(n) if ids is None else ids)]

    each = _each(stacks, data_range, variance, zero)
    values = _metrics(stacks, each, data_range)
    values["intervals"] = _intervals(each, seed)
    spectra = _spectra(stacks)
    values["power_spectrum_ratio"] = _ratios_at(spectra)
    columns = read_history(history)
    return SuperResolutionReport(
        title=title or "Super-resolution report",
        metrics=values,
        summary=panels.summary(values),
        cards=panels.cards(values),
        tables=panels.tables(values, names, each),
        figures=[
            panels.gallery(stacks, names, each),
            panels.distribution(each),
            panels.spectra(spectra, _scale(stacks)),
            *history_panels(columns),
        ],
        notes=panels.notes(values, zero),
        details={
            "ids": names,
            "psnr": {key: scores["psnr"] for key, scores in each.items()},
            "ssim": {key: scores["ssim"] for key, scores in each.items()},
            "power_spectrum_ratio": spectra,
            "history": columns,
        },
        provenance={
            **(provenance or {}),
            "evaluation": {"seed": seed, "bootstrap_resamples": _RESAMPLES},
        },
    )


def _stacks(**images: ArrayLike | None) -> Stacks:
    """Check that everything fits together, and interpolate."""
    stacks = {key: check_stack(x, _NAMES[key]) for key, x in images.items() if x is not None}
    fine = stacks["target"].shape
    for key in ("model", "truth"):
        if key in stacks and stacks[key].shape != fine:
            raise LenszooError(
                f"The {_NAMES[key]} have shape {stacks[key].shape}, the targets {fine}: pass "
                "stacks of one shape."
            )
    n, height, width, bands = stacks["low"].shape
    scale = fine[1] // height
    if scale < 1 or fine != (n, scale * height, scale * width, bands):
        raise LenszooError(
            f"The targets have shape {fine}, which is no whole multiple of the low-resolution "
            f"images' {stacks['low'].shape}: pass pairs in one order."
        )
    for key, stack in stacks.items():
        check_finite(stack, _NAMES[key])
    stacks["bicubic"] = bicubic(stacks["low"], scale)
    return {k: stacks[k] for k in ("low", "bicubic", "model", "target", "truth") if k in stacks}


def _scale(stacks: Stacks) -> int:
    """Pixels of the target a pixel of the input, along one side."""
    return stacks["target"].shape[1] // stacks["low"].shape[1]


def _each(
    stacks: Stacks, data_range: float, variance: ArrayLike | None, zero: float
) -> dict[str, dict[str, Any]]:
    """Scores of every image of model, bicubic and, with a truth, floor, by these names.

    ``model_truth`` and ``bicubic_truth`` are scored against the truth.
    """
    target, truth = stacks["target"], stacks.get("truth")
    # without a truth the ring is sought in the interpolated image, whose noise is not the target's
    ring = iq.bright_pixels(stacks["bicubic"] if truth is None else truth, zero=zero)
    flux_truth = target if truth is None else truth
    scored = {"model": stacks["model"], "bicubic": stacks["bicubic"]}
    scores = {}
    for name, images in (scored if truth is None else scored | {"floor": truth}).items():
        scores[name] = _likeness(stacks["target"], images, data_range)
        if name != "floor":  # the flux of the truth is right by definition
            scores[name] |= {
                "flux": iq.flux_error(images, flux_truth, zero=zero),
                "ring_flux": iq.flux_error(images, flux_truth, aperture=ring, zero=zero),
            }
        if variance is not None:
            scores[name]["chi_square"] = iq.residual_chi_square(images, stacks["target"], variance)
    if truth is not None:
        for name, images in scored.items():
            scores[f"{name}_truth"] = _likeness(truth, images, data_range)
    return scores


def _likeness(goal: NDArray[Any], images: NDArray[Any], data_range: float) -> dict[str, Any]:
    error = iq.mse(goal, images)
    return {
        "psnr": iq.to_decibel(error, data_range=data_range),
        "ssim": iq.ssim(goal, images, data_range=data_range),
        "mse": error,
    }


def _metrics(
    stacks: Stacks, each: Mapping[str, Mapping[str, Any]], data_range: float
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "n": len(stacks["target"]),
        "scale": _scale(stacks),
        "bands": stacks["target"].shape[3],
        "data_range": float(data_range),
        **_summarised(each["model"]),
        "bicubic": _summarised(each["bicubic"]),
        "floor": None,
        "share_of_way": None,
        "truth": None,
    }
    if "floor" in each:
        values["floor"] = _summarised(each["floor"])
        way = (float(each[name]["psnr"].mean()) for name in ("model", "bicubic", "floor"))
        values["share_of_way"] = iq.share_of_way(*way)
        values["truth"] = _means(each["model_truth"]) | {"bicubic": _means(each["bicubic_truth"])}
    return values


def _means(scores: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(scores[key].mean()) for key in ("psnr", "ssim", "mse")}


def _summarised(scores: Mapping[str, Any]) -> dict[str, float | None]:
    values: dict[str, float | None] = dict(_means(scores))
    for key in ("flux", "ring_flux"):
        errors = scores.get(key, np.empty(0))
        finite = errors[np.isfinite(errors)]
        values[f"{key}_error"] = float(np.median(np.abs(finite))) if len(finite) else None
        values[f"{key}_bias"] = float(np.median(finite)) if len(finite) else None
    chi = scores.get("chi_square")
    values["chi_square"] = None if chi is None else float(chi.mean())
    return values


def _intervals(each: Mapping[str, Mapping[str, Any]], seed: int) -> dict[str, Any] | None:
    """95 % intervals from one set of resamples of the images; None for a single image."""
    n = len(each["model"]["psnr"])
    if n < 2:
        return None
    keys = [(name, key) for name in each for key in ("psnr", "ssim", "mse")]
    table = np.stack([each[name][key] for name, key in keys], axis=1)

    def statistics(counts: Floats) -> Floats:
        # weights of 0 times inf, the PSNR of two equal images, are NaN: no interval then
        with np.errstate(invalid="ignore", divide="ignore"):
            means = counts @ table / n
            model, bicubic = (means[:, keys.index((k, "psnr"))] for k in ("model", "bicubic"))
            rows = [*means.T, model - bicubic]
            if "floor" in each:
                rows.append((model - bicubic) / (means[:, keys.index(("floor", "psnr"))] - bicubic))
        return np.stack(rows, axis=1)

    with np.errstate(invalid="ignore"):
        bounds = bootstrap_interval(statistics, np.zeros(n), n_resamples=_RESAMPLES, seed=seed)
    pairs = [pair if np.isfinite(pair).all() else None for pair in bounds.tolist()]
    by_name: dict[str, dict[str, Any]] = {name: {} for name in each}
    for (name, key), pair in zip(keys, pairs, strict=False):
        by_name[name][key] = pair
    result = by_name["model"] | {"gain": pairs[len(keys)], "bicubic": by_name["bicubic"]}
    if "floor" in each:
        result |= {
            "floor": by_name["floor"],
            "share_of_way": pairs[-1],
            "truth": by_name["model_truth"] | {"bicubic": by_name["bicubic_truth"]},
        }
    return result


def _spectra(stacks: Stacks) -> dict[str, Any]:
    """Mean power over that of the truth (else the target) by frequency, and which it was.

    A ratio of means: in single images the power of the truth vanishes at high frequencies. A few
    hundred images, evenly spread, are enough.
    """
    rows = np.unique(np.linspace(0, len(stacks["target"]) - 1, N_SPECTRA).astype(int))

    def mean_power(images: NDArray[Any]) -> Floats:
        return iq.power_spectrum(images[rows])[1].mean(axis=0)

    frequencies, _ = iq.power_spectrum(stacks["target"][:1])
    reference = target = mean_power(stacks["target"])
    curves = {"model": mean_power(stacks["model"]), "bicubic": mean_power(stacks["bicubic"])}
    if "truth" in stacks:
        curves["target"] = target
        reference = mean_power(stacks["truth"])
    faint = np.flatnonzero(reference < _RESOLVED * target)
    resolved = frequencies[max(faint[0] - 1, 0)] if len(faint) else frequencies[-1]
    ratios = {
        key: np.divide(power, reference, out=np.full(len(power), np.nan), where=reference > 0)
        for key, power in curves.items()
    }
    name = "target" if "truth" not in stacks else "truth"
    return {
        "reference": name,
        "n": len(rows),
        "resolved": float(resolved),
        "frequencies": frequencies,
        **ratios,
    }


def _ratios_at(spectra: Mapping[str, Any]) -> dict[str, Any]:
    """The ratios of model and bicubic at a few frequencies, those nearest to round values."""
    frequencies = spectra["frequencies"][spectra["frequencies"] <= spectra["resolved"]]
    near = sorted({int(np.abs(frequencies - value).argmin()) for value in RATIOS_AT})
    return {
        "reference": spectra["reference"],
        "frequencies": frequencies[near],
        "model": spectra["model"][near],
        "bicubic": spectra["bicubic"][near],
    }
