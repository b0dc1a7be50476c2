"""Exact metrics, the shortcut baseline and reports that show and save themselves.

Importing this package loads NumPy and scikit-learn, but neither keras nor a backend; matplotlib is
loaded when a figure is drawn.
"""

from lenszoo.evaluation.classification import ClassificationReport, classification_report
from lenszoo.evaluation.metrics import (
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
from lenszoo.evaluation.report import Report
from lenszoo.evaluation.saliency import attention_rollout, grad_cam, saliency
from lenszoo.evaluation.shortcut import ShortcutResult, global_statistics, shortcut_baseline
from lenszoo.evaluation.tta import tta_logits

__all__ = [
    "ClassificationReport",
    "Report",
    "ShortcutResult",
    "accuracy",
    "attention_rollout",
    "bootstrap_interval",
    "calibration_bins",
    "classification_report",
    "confusion_matrix",
    "expected_calibration_error",
    "global_statistics",
    "grad_cam",
    "log_loss",
    "log_odds",
    "log_softmax",
    "per_class_auc",
    "roc_auc",
    "saliency",
    "shortcut_baseline",
    "tta_logits",
]
