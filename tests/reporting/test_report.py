"""The report shared by all tasks: strict JSON, escaped and self-contained HTML, whole files."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import golden_files
import numpy as np
import tinyreports
from oneline import one_line

from lenszoo.reporting.report import (
    Card,
    Figure,
    Report,
    Table,
    jsonable,
)
from lenszoo.reporting.style import CSS

NASTY = "<img src=x onerror=\"alert(1)\"> & 'co' \ud800"


def drawing():
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    return figure


def nasty_report():
    return Report(
        title=NASTY,
        metrics={"auc": float("nan"), "n": np.int64(3)},
        summary=NASTY,
        cards=[Card(NASTY, NASTY, NASTY)],
        tables=[Table(NASTY, [NASTY, "x"], [[NASTY, "1"], ["short", NASTY]], NASTY)],
        figures=[Figure("curve", NASTY, NASTY, NASTY, drawing)],
        notes=[NASTY],
        details={"inf": np.array([1.0, np.inf])},
        provenance={NASTY: {"nested": [1, NASTY]}, "path": Path("a/b"), "weights": None},
    )


def test_the_page_is_the_golden_one(blank_figures):
    page = tinyreports.page(nasty_report(), CSS)
    golden_files.compare("report.html", page, Path(__file__).parent / "golden")


def test_html_is_escaped_and_self_contained(check_self_contained):
    page = check_self_contained(nasty_report().to_html())
    assert [tag for tag, _ in page.tags].count("img") == 1


def test_json_is_strict():
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(nasty_report().to_json(), parse_constant=refuse)
    assert content["metrics"] == {"auc": None, "n": 3}
    assert content["details"]["inf"] == [1.0, None]
    assert content["provenance"]["path"] == "a/b"
    assert content["provenance"]["lenszoo_version"]


def test_jsonable_knows_what_reports_hold():
    when = datetime(2026, 1, 2, tzinfo=UTC)
    given = {1: np.float32(0.5), "t": (True, None), "d": when, "s": {"a"}, "i": -np.inf}
    expected = {"1": 0.5, "t": [True, None], "d": when.isoformat(), "s": ["a"], "i": None}
    assert jsonable(given) == expected


def test_saved_files(tmp_path):
    folder = tmp_path / "deep" / "run"
    page = nasty_report().save(folder)
    assert page == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == [
        "curve.png",
        "report.html",
        "report.json",
    ]
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(page.stat().st_mode) == 0o666 & ~umask


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    one_line("run: ", lambda: nasty_report().save(tmp_path / "run"))


def test_text_is_aligned_and_carries_the_notes():
    report = Report(
        "Title", {}, tables=[Table("T", ["a", "long"], [["row", "1"]])], notes=["Mind."]
    )
    assert str(report) == "Title\n=====\n\nT\n  a    long\n  row     1\n\nNote: Mind."
    assert repr(report) == str(report)
