"""Made-up entries of a manifest, one of each kind of weights and one that was never scored."""

from lenszoo.pretrained.manifest import WeightsEntry

MEASURED = {
    "command": "python tools/release.py RUN NAME",
    "date": "2026-01-31",
    "images": 7500,
    "machine": "2026-01-31, 2 x CPU, python 3.11.7",
    "seed": 2026,
}
DATA = {"seed": 3, "epochs": 4, "images_seen": 4000, "trained_on": "1 x H100, 16 x CPU"}


def entry(name, shape=(150, 150, 1), preset="common_test_sim", metrics=None, **fields):
    """An entry as a release writes it."""
    return WeightsEntry(
        name=name,
        input_shape=shape,
        **{
            "model": name.partition(".")[0],
            "files": [{"path": f"{name}.weights.h5", "sha256": "ab" * 32, "bytes": 3 * 2**20}],
            "recipe": f"{name}.toml",
            "data": DATA | {"preset": preset, "hours": 1.25},
            "metrics": (metrics or {}) | {"measured": MEASURED},
            "licence": "Apache-2.0",
            "fingerprint": {"seed": 0, "logits": [[0.0]], "atol": 0.01},
            "created": "2026-01-31",
            "lenszoo_version": "0.1.0",
        }
        | fields,
    )


CLASSIFIER = entry(
    "resnet18_slim.some_sim",
    num_classes=2,
    classes=("no", "sub"),
    pixel_scale=0.05,
    metrics={
        "test": {
            "n": 7500,
            "macro_ovr_auc": 0.91234,
            "intervals": {"macro_ovr_auc": [0.9, 0.92], "accuracy": None},
            "per_class_auc": {"no": 0.93, "sub": 0.89},
            "accuracy": 0.8,
        },
        "shortcut": {"macro_ovr_auc": 0.61, "per_class_auc": {"no": 0.62, "sub": 0.6}},
        "real": {"n": 45, "macro_ovr_auc": 0.7, "accuracy": 0.5},
        "float16": {"macro_ovr_auc": -2.5e-6},
    },
)
BACKBONE = entry(
    "resnet18_slim.rotation_sim",
    num_classes=4,
    classes=("0", "90", "180", "270"),
    data=DATA | {"preset": "common_test_sim", "hours": 0.5, "method": "rotation"},
    metrics={
        "test": {
            "n": 2500,
            "labels": 2000,
            "draws": 3,
            "probe_auc": 0.81,
            "by_labels": {"50": {"mean": 0.6, "std": 0.02}, "2000": {"mean": 0.81, "std": 0.01}},
            "five_fold": {"labels": 1000, "mean": 0.75, "spread": 0.03},
            "effective_rank": 12.34,
        },
        "random": {
            "starts": 3,
            "by_labels": {"50": {"mean": 0.55, "std": 0.02}, "2000": {"mean": 0.7, "std": 0.02}},
            "five_fold": [{"labels": 1000, "mean": 0.65, "spread": 0.04}],
        },
        "float16": {"probe_auc": 1e-5},
    },
)
FINDER = entry(
    "lens_finder.some_sim",
    (64, 64, 2),
    "lens_finding_easy",
    classes=("nonlens", "lens"),
    pixel_scale=0.2,
    options={
        "use": "both",
        "columns": ["mag_g", "ellipticity"],
        "stretch": "asinh",
        "backbone": "resnet18_slim",
    },
    data=DATA
    | {"preset": "lens_finding_easy", "bands": ["g", "r"], "method": "dann"}
    | {"weights": "lens_finder.old_sim", "labels": {"lens": 5, "nonlens": 6}},
    metrics={
        "test": {
            "auc": 0.95,
            "tpr0": 0.2,
            "nonlenses": 3750,
            "intervals": {"auc": [0.94, 0.96]},
            "by_score": {
                "image and table": {"auc": 0.95, "intervals": {"auc": [0.94, 0.96]}},
                "table only": {"auc": 0.75, "tpr0": None},
            },
        },
        "baselines": {"the table": {"auc": 0.69, "n": 7500, "folds": 5}},
    },
)
RESOLVER = entry(
    "srcnn.some_sim",
    (None, None, 1),
    "sr_75_150",
    options={"scale": 2},
    pixel_scale=0.1,
    metrics={
        "test": {
            "psnr": 40.277,
            "ssim": 0.96,
            "share_of_way": 0.708,
            "truth": {"psnr": 53.45, "bicubic": {"psnr": 47.75}},
            "intervals": {"psnr": [40.246, 40.308]},
            "power_spectrum_ratio": {"model": [1.0, 2.0]},
        },
        "bicubic": {"psnr": 39.747, "ssim": 0.955},
        "floor": {"psnr": 40.496, "flux_error": None},
    },
)
BARE = entry("simple_cnn.bare_sim", (20, 20, 1), num_classes=3, data={}, metrics={})
BARE = BARE.model_copy(update={"metrics": {}})
ALL = (CLASSIFIER, FINDER, RESOLVER, BACKBONE, BARE)
