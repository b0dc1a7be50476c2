"""Tables of measured results, one for each kind of weights: columns, rows, context."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from card_sections import recipe_fields
from scores import kind
from weights_names import split_version

from lenszoo.models.registry import CATALOG
from lenszoo.pretrained.manifest import WeightsEntry

PROBED = ("50", "215", "2000")  # labels that a linear head is given
# ROC-AUC that earlier DeepLense projects report for such networks, by sky and row
REPORTED = {
    "common_test_sim": {
        "simple_cnn": "0.5: it did not learn",
        "resnet18": "0.977 to 0.99",
        "resnet18_slim": "ResNet-18: 0.977 to 0.99",
        "resnet50": "0.977 to 0.988",
        "xception": "0.982",
        "densenet121": "0.977",
        "mobilenet_v3_small": "0.974",
    },
    "common_test_sim_binary": {"mobilevit_mini": "0.998"},
    "deeplense_model_1": {"resnet18_slim": "ResNet-50: 0.96 to 1.00 by class"},
}


def _seen(entry: WeightsEntry) -> str:
    """How many images a training saw, and whether others had seen some before it."""
    more = recipe_fields(entry).keys() & {"weights", "grow"}
    return f"{entry.data['images_seen']:,}" + (" more" if more else "")


def classifier_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of classifiers."""
    test, shortcut = entry.metrics["test"], entry.metrics["shortcut"]
    low, high = test["intervals"]["macro_ovr_auc"]
    real = entry.metrics.get("real")
    return (
        f"`{entry.name}`",
        f"**{test['macro_ovr_auc']:.4f}** ({low:.4f} to {high:.4f})",
        f"{test['accuracy']:.4f}",
        f"{shortcut['macro_ovr_auc']:.3f}",
        REPORTED.get(entry.data["preset"], {}).get(entry.model, ""),
        f"{real['macro_ovr_auc']:.3f}, {real['accuracy']:.3f}" if real else "",
    )


def pair_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of super-resolution networks."""
    test, bicubic, floor = (entry.metrics[key] for key in ("test", "bicubic", "floor"))
    low, high = test["intervals"]["psnr"]
    return (
        f"`{entry.name}`",
        f"**{test['psnr']:.2f}** ({low:.2f} to {high:.2f})",
        f"{test['ssim']:.4f}",
        f"{bicubic['psnr']:.2f}",
        f"{floor['psnr']:.2f}",
        f"{100 * test['share_of_way']:.1f} %",
        f"{test['truth']['psnr']:.2f} ({test['truth']['bicubic']['psnr']:.2f})",
        _seen(entry),
    )


def finder_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of lens finders."""
    test, baselines = entry.metrics["test"], entry.metrics["baselines"]
    low, high = test["intervals"]["auc"]
    alone = (test["by_score"].get(f"{part} only") for part in ("image", "table"))
    return (
        f"`{entry.name}`",
        f"`{entry.data['preset']}`",
        f"**{test['auc']:.4f}** ({low:.4f} to {high:.4f})",
        *(f"{score['auc']:.4f}" if score else "" for score in alone),
        f"{test['tpr0']:.3f}, {test['tpr10']:.3f} ({test['nonlenses']:,})",
        f"{test['calibration_error']:.3f}",
        ", ".join(f"{name} {value['auc']:.3f}" for name, value in baselines.items()),
    )


def backbone_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of backbones that learned without labels."""
    test, random = entry.metrics["test"], entry.metrics["random"]

    def cells(by_labels: dict) -> list[str]:
        found = (by_labels.get(n) for n in PROBED)
        return [f"{each['mean']:.3f} ± {each['std']:.3f}" if each else "" for each in found]

    pairs = zip(cells(test["by_labels"]), cells(random["by_labels"]), strict=True)
    return (
        f"`{entry.name}`",
        _seen(entry),
        *(f"**{own}** ({other})" if own else "" for own, other in pairs),
        f"{test['effective_rank']:.1f}",
    )


class Table(NamedTuple):
    """A table of one kind of weights.

    Attributes:
        title: its heading in docs/results/index.md.
        context: what to know when reading it.
        figures: pictures and pages that go with it, as docs/results links them, each with a line;
            shown if there.
        header: heads of the columns with their alignment, and a line.
        row: makes the cells of an entry.
    """

    title: str
    context: str
    figures: dict[str, str]
    header: str
    row: Callable[[WeightsEntry], tuple[str, ...]]


# by kind of weights
TABLES = {
    "classify": Table(
        "Classifiers",
        "Exact scores (scikit-learn on the logits) on simulated images that no training has seen. "
        "The classes have as many images each, so the mean ROC-AUC of one class against the rest "
        "(OVR) and that of pairs of classes (OVO) are one number; the cards have it by class. "
        "The shortcut baseline is a logistic regression on global image statistics: a score means "
        "what it adds to that. Reported are the figures of earlier DeepLense projects for such "
        "networks, on their own data and splits, not measured here: our data are simulated twins "
        "of theirs, so the two do not compare to the last digit. The 45 real images are of the "
        "DeepLense common test, quantised to 8 bits; their scores are a first look at transfer, "
        "with large errors.",
        {
            "../pictures/common_test_sim.webp": "Simulated lenses of the three classes",
            "robustness.png": "Where `resnet18_slim.common_test_sim` may be trusted",
            "robustness.md": "Robustness: other noise, PSF, pixel scale, shifts and angles, of the "
            "first version of `resnet18_slim.common_test_sim` and of one that was trained on many "
            "cameras",
        },
        "| weights, and the sky in their name | mean ROC-AUC (95 %) | accuracy | "
        "shortcut baseline | reported, on other data | 45 real images: AUC, accuracy |\n"
        "|---|---|---:|---:|---|---|\n",
        classifier_row,
    ),
    "find_lenses": Table(
        "Lens finders",
        "Half of the scenes are lenses. TPR0 and TPR10 are the shares of lenses that are found "
        "with no false positive and with fewer than ten, among the non-lenses in brackets. The "
        "baselines are logistic regressions on image statistics and on the table. Little of this "
        "transfers to real skies yet: see [limits](../limits.md).",
        {
            "../pictures/lens_finding_easy.webp": "Simulated lenses and non-lenses in colour",
            "domain_adaptation.md": "Domain adaptation: from an easy sky to a hard one",
        },
        "| weights | sky | ROC-AUC (95 %) | image only | table only | TPR0, TPR10 (non-lenses) | "
        "calibration error | baselines: ROC-AUC |\n"
        "|---|---|---|---:|---:|---|---:|---|\n",
        finder_row,
    ),
    "super_resolve": Table(
        "Super-resolution",
        "Targets are noisy, so no network can on average be nearer to them than the noiseless "
        'truth, the noise floor; "of the way" is how much of the gap from bicubic interpolation '
        "to it is closed. PSNR is for a data range of 1, each pair scaled by the map that takes "
        "the coarse image to [0, 1].",
        {"checkerboard.png": "What a learned deconvolution leaves, and pixel shuffle does not"},
        "| weights | PSNR, dB (95 %) | SSIM | bicubic | noise floor | of the way | against the "
        "truth (bicubic) | images seen |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|\n",
        pair_row,
    ),
    "pretext": Table(
        "Backbones that learned without labels",
        "A linear head is trained on frozen features, with as many labels as stand at the head of "
        "the column; ± is the standard deviation over draws of the labels. In brackets the same "
        "network as it starts, untrained: the pretext is worth what lies between.",
        {"label_efficiency.md": "Label efficiency", "label_efficiency.png": "The same"},
        "| weights | images seen | ROC-AUC of a linear head with "
        + " | ".join(f"{n} labels (random backbones)" for n in PROBED)
        + " | effective rank |\n|---|---:|"
        + "---|" * len(PROBED)
        + "---:|\n",
        backbone_row,
    ),
}


def superseded(entries: Iterable[WeightsEntry]) -> set[str]:
    """Names of weights that a later version of the same name has taken the place of."""
    versions = {entry.name: split_version(entry.name) for entry in entries}
    newest = dict(sorted(versions.values()))
    return {name for name, (base, number) in versions.items() if number < newest[base]}


def of_kind(entries: Iterable[WeightsEntry], which: str) -> list[WeightsEntry]:
    """Entries of a kind, in the catalogue's order."""
    order = list(CATALOG)
    kept = (entry for entry in entries if kind(entry) == which)
    return sorted(kept, key=lambda entry: (order.index(entry.model), entry.name))
