from lenszoo.inference.tta import tta_logits as tta_logits
from lenszoo.metrics.calibration import calibration_bins as calibration_bins
from lenszoo.metrics.calibration import expected_calibration_error as expected_calibration_error
from lenszoo.metrics.classification import accuracy as accuracy
from lenszoo.metrics.classification import confusion_matrix as confusion_matrix
from lenszoo.metrics.classification import log_loss as log_loss
from lenszoo.metrics.classification import log_odds as log_odds
from lenszoo.metrics.classification import log_softmax as log_softmax
from lenszoo.metrics.classification import per_class_auc as per_class_auc
from lenszoo.metrics.classification import roc_auc as roc_auc
from lenszoo.metrics.combined import Combination as Combination
from lenszoo.metrics.combined import combine as combine
from lenszoo.metrics.embedding import Collapse as Collapse
from lenszoo.metrics.embedding import collapse as collapse
from lenszoo.metrics.embedding import effective_rank as effective_rank
from lenszoo.metrics.image_quality import bright_pixels as bright_pixels
from lenszoo.metrics.image_quality import flux_error as flux_error
from lenszoo.metrics.image_quality import mse as mse
from lenszoo.metrics.image_quality import power_spectrum as power_spectrum
from lenszoo.metrics.image_quality import power_spectrum_ratio as power_spectrum_ratio
from lenszoo.metrics.image_quality import psnr as psnr
from lenszoo.metrics.image_quality import residual_chi_square as residual_chi_square
from lenszoo.metrics.image_quality import share_of_way as share_of_way
from lenszoo.metrics.image_quality import ssim as ssim
from lenszoo.metrics.interpolation import bicubic as bicubic
from lenszoo.metrics.intervals import auc_interval as auc_interval
from lenszoo.metrics.intervals import bootstrap_interval as bootstrap_interval
from lenszoo.metrics.intervals import wilson_interval as wilson_interval
from lenszoo.metrics.lens_finding import average_precision as average_precision
from lenszoo.metrics.lens_finding import operating_curve as operating_curve
from lenszoo.metrics.lens_finding import threshold_at as threshold_at
from lenszoo.metrics.lens_finding import tpr0 as tpr0
from lenszoo.metrics.lens_finding import tpr10 as tpr10
from lenszoo.metrics.lens_finding import true_positive_rate_at as true_positive_rate_at
from lenszoo.metrics.lens_rates import completeness_at as completeness_at
from lenszoo.metrics.lens_rates import nonlenses_needed as nonlenses_needed
from lenszoo.metrics.lens_yield import completeness_by as completeness_by
from lenszoo.metrics.lens_yield import expected_counts as expected_counts
from lenszoo.metrics.lens_yield import lens_calibration as lens_calibration
from lenszoo.metrics.lens_yield import survey_calibration as survey_calibration
from lenszoo.metrics.prevalence import at_prevalence as at_prevalence
from lenszoo.metrics.prevalence import inspections_per_lens as inspections_per_lens
from lenszoo.metrics.prevalence import purity_at as purity_at
from lenszoo.metrics.shortcut import ShortcutResult as ShortcutResult
from lenszoo.metrics.shortcut import global_statistics as global_statistics
from lenszoo.metrics.shortcut import shortcut_baseline as shortcut_baseline
from lenszoo.metrics.temperature import fit_temperature as fit_temperature
from lenszoo.reporting.report import Report as Report
from lenszoo.reporting.saliency import attention_rollout as attention_rollout
from lenszoo.reporting.saliency import grad_cam as grad_cam
from lenszoo.reporting.saliency import saliency as saliency
from lenszoo.tasks.calibrate import calibrate as calibrate
from lenszoo.tasks.classify.report import ClassificationReport as ClassificationReport
from lenszoo.tasks.classify.report import classification_report as classification_report
from lenszoo.tasks.find_lenses.candidates_page import candidates_page as candidates_page
from lenszoo.tasks.find_lenses.report import LensFindingReport as LensFindingReport
from lenszoo.tasks.find_lenses.report import lens_finding_report as lens_finding_report
from lenszoo.tasks.pretext.label_efficiency import efficiency_curves as efficiency_curves
from lenszoo.tasks.pretext.label_efficiency import (
    label_efficiency_markdown as label_efficiency_markdown,
)
from lenszoo.tasks.pretext.label_efficiency import plot_label_efficiency as plot_label_efficiency
from lenszoo.tasks.super_resolve.report import SuperResolutionReport as SuperResolutionReport
from lenszoo.tasks.super_resolve.report import super_resolution_report as super_resolution_report

__all__ = [
    "ClassificationReport",
    "Collapse",
    "Combination",
    "LensFindingReport",
    "Report",
    "ShortcutResult",
    "SuperResolutionReport",
    "accuracy",
    "at_prevalence",
    "attention_rollout",
    "auc_interval",
    "average_precision",
    "bicubic",
    "bootstrap_interval",
    "bright_pixels",
    "calibrate",
    "calibration_bins",
    "candidates_page",
    "classification_report",
    "collapse",
    "combine",
    "completeness_at",
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
    "inspections_per_lens",
    "label_efficiency_markdown",
    "lens_calibration",
    "lens_finding_report",
    "log_loss",
    "log_odds",
    "log_softmax",
    "mse",
    "nonlenses_needed",
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
    "survey_calibration",
    "threshold_at",
    "tpr0",
    "tpr10",
    "true_positive_rate_at",
    "tta_logits",
    "wilson_interval",
]
