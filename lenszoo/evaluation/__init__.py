"""Exact metrics, the shortcut baseline and reports that show and save themselves.

Importing this package loads NumPy and scikit-learn, but neither keras nor a backend; matplotlib is
loaded when a figure is drawn.
"""

from lenszoo.inference.tta import tta_logits
from lenszoo.metrics.classification import (
    accuracy,
    bootstrap_interval,
    calibration_bins,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    log_odds,
    log_softmax,
    per_class_auc,
    roc_auc,
)
from lenszoo.metrics.embedding import Collapse, collapse, effective_rank
from lenszoo.metrics.image_quality import (
    bright_pixels,
    flux_error,
    mse,
    power_spectrum,
    power_spectrum_ratio,
    psnr,
    residual_chi_square,
    share_of_way,
    ssim,
)
from lenszoo.metrics.interpolation import bicubic
from lenszoo.metrics.intervals import auc_interval, wilson_interval
from lenszoo.metrics.lens_finding import (
    average_precision,
    operating_curve,
    purity_at,
    threshold_at,
    tpr0,
    tpr10,
    true_positive_rate_at,
)
from lenszoo.metrics.lens_yield import completeness_by, expected_counts, lens_calibration
from lenszoo.metrics.shortcut import ShortcutResult, global_statistics, shortcut_baseline
from lenszoo.metrics.temperature import fit_temperature
from lenszoo.reporting.report import Report
from lenszoo.reporting.saliency import attention_rollout, grad_cam, saliency
from lenszoo.tasks.classify.report import ClassificationReport, classification_report
from lenszoo.tasks.find_lenses.candidates_page import candidates_page
from lenszoo.tasks.find_lenses.report import LensFindingReport, lens_finding_report
from lenszoo.tasks.pretext.label_efficiency import (
    efficiency_curves,
    label_efficiency_markdown,
    plot_label_efficiency,
)
from lenszoo.tasks.super_resolve.report import SuperResolutionReport, super_resolution_report

__all__ = [
    "ClassificationReport",
    "Collapse",
    "LensFindingReport",
    "Report",
    "ShortcutResult",
    "SuperResolutionReport",
    "accuracy",
    "attention_rollout",
    "auc_interval",
    "average_precision",
    "bicubic",
    "bootstrap_interval",
    "bright_pixels",
    "calibration_bins",
    "candidates_page",
    "classification_report",
    "collapse",
    "completeness_by",
    "confusion_matrix",
    "effective_rank",
    "efficiency_curves",
    "expected_calibration_error",
    "expected_counts",
    "fit_temperature",
    "flux_error",
    "global_statistics",
    "grad_cam",
    "label_efficiency_markdown",
    "lens_calibration",
    "lens_finding_report",
    "log_loss",
    "log_odds",
    "log_softmax",
    "mse",
    "operating_curve",
    "per_class_auc",
    "plot_label_efficiency",
    "power_spectrum",
    "power_spectrum_ratio",
    "psnr",
    "purity_at",
    "residual_chi_square",
    "roc_auc",
    "saliency",
    "share_of_way",
    "shortcut_baseline",
    "ssim",
    "super_resolution_report",
    "threshold_at",
    "tpr0",
    "tpr10",
    "true_positive_rate_at",
    "tta_logits",
    "wilson_interval",
]
