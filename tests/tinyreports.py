"""Small data for the reports, and the words of a report for its golden file."""

import json
import re

import numpy as np
import pytest

from lenszoo.data.leaks import find_leaks
from lenszoo.evaluation import lens_finding_report

COLUMNS = ("magnitude", "colour", "numb_pix_lensed_image")
BANDS = ("u", "g", "r", "i")
NOISE = 0.02


def words(report):
    """Text of a report as on a terminal, then the title, words and caption of each figure."""
    figures = (f"[{f.name}] {f.title}\n{f.alt}\n{f.caption}" for f in report.figures)
    return "\n\n".join([str(report), *figures]) + "\n"


def page(report, css):
    """HTML page of a report without its style, pictures, version and date."""
    html = report.to_html().encode("utf-8", "replace").decode().replace(css, "CSS")
    html = re.sub(r"base64,[^\"]+", "base64,PNG", html)
    return re.sub(r"(lenszoo_version|report_created)</th><td>[^<]+", r"\1</th><td>...", html)


def classes(n=240, seed=0, signal=2.0):
    """Labels of three classes, logits that know them, and images that do not."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    logits = rng.normal(0, 1, (n, 3))
    logits[np.arange(n), labels] += signal
    return labels, logits.astype(np.float32), rng.random((n, 16, 16, 1), dtype=np.float32)


def finds(n=240, seed=0):
    """Arguments of a lens-finding report on n objects; label 1 in every other row."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    lens = labels == 1
    image = rng.normal(3.0 * labels - 1.5, 1.5).astype(np.float32)
    table = rng.normal(0, 1, (n, 3)).astype(np.float32)
    table[:, 2] = np.where(lens, rng.gamma(2, 20, n), 0)
    table[rng.random(n) < 0.1, 0] = np.nan
    kinds = rng.choice(["spiral", "ring", "star"], n)
    return {
        "labels": labels,
        "scores": {
            "image and table": image + rng.normal(labels, 1).astype(np.float32),
            "image only": image,
            "table only": rng.normal(0.5 * labels, 1).astype(np.float32),
        },
        "truth": {
            "kind": np.where(lens, "lens", kinds),
            "einstein_radius": np.where(lens, rng.uniform(0.5, 2, n), np.nan),
            "arc_signal_to_noise": np.where(lens, 10 ** rng.uniform(0, 2, n), np.nan),
            "arc_contrast": np.where(lens, rng.uniform(0, 1, n), np.nan),
        },
        "images": rng.normal(0, 1, (n, 12, 12, 4)).astype(np.float32),
        "bands": BANDS,
        "table": table,
        "columns": COLUMNS,
        "ids": [f"KiDS <{i}>" for i in range(n)],
        "leaks": find_leaks(table, COLUMNS, labels),
        "n_resamples": 60,
    }


def pairs(n=24, size=32, scale=2, bands=1, seed=0):
    """Rings of several widths: low-resolution image, target, both with noise, and truth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = rng.uniform(0.2, 0.35, (n, 1, 1, bands)) * size
    truth = np.exp(-0.5 * ((np.hypot(x, y)[None, ..., None] - radius) / 1.2) ** 2)
    low = truth.reshape(n, size // scale, scale, size // scale, scale, bands).mean(axis=(2, 4))
    noisy = [image + rng.normal(0, NOISE, image.shape) for image in (low, truth)]
    return tuple(image.astype(np.float32) for image in (*noisy, truth))


def shown(render=(), **given):
    """A report from few parts: its JSON strict, every figure drawn, those named also rendered."""
    given = {"n_resamples": 20, **given}
    report = lens_finding_report(given.pop("labels"), given.pop("scores"), **given)
    json.loads(report.to_json(), parse_constant=pytest.fail)
    assert report.summary in " ".join(str(report).split())
    for figure in report.figures:
        drawing = figure.draw()
        if figure.name in render:
            drawing.set_dpi(30)
            drawing.canvas.draw()
    return report
