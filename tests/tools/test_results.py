"""`make results`: what it writes, and what it notices."""

import csv
import io
import shutil
import sys
from pathlib import Path

import best_weights
import pytest
import result_pages
import results
from entries import add_entry, write_manifest
from oneline import one_line
from tinyentries import BACKBONE, CLASSIFIER

from lenszoo.pretrained.manifest import FILE_NAME, load_manifest

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = best_weights.MARKS


@pytest.fixture
def checkout(tmp_path):
    """A copy of what `make results` reads, with a backbone that is not yet in the tables."""
    for name in ("README.md", FILE_NAME):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    manifest = load_manifest(tmp_path / FILE_NAME)
    kept = tuple(e for e in manifest.entries if e.name != BACKBONE.name)
    write_manifest(manifest.model_copy(update={"entries": kept}), tmp_path / FILE_NAME)
    add_entry(BACKBONE, tmp_path / FILE_NAME)
    return tmp_path


def test_writes_all_and_then_finds_no_fault(checkout):
    results.write(checkout)
    assert results.faults(checkout) == ([], [])
    row = "| **0.600 ± 0.020** (0.550 ± 0.020) |  | **0.810 ± 0.010** (0.700 ± 0.020) | 12.3 |"
    folder = checkout / "docs" / "results"
    page = (folder / "index.md").read_text("utf-8")
    assert row in page
    assert BACKBONE.metrics["measured"]["command"] in page
    assert f"[`{BACKBONE.name}`](../cards/{BACKBONE.name}.md)" in page
    assert "![" in page
    for link in page.split("](")[1:]:
        assert (folder / link.partition(")")[0]).is_file()
    rows = list(csv.DictReader(io.StringIO((folder / "results.csv").read_text("utf-8"))))
    assert tuple(rows[0]) == result_pages.COLUMNS
    keys = [(row["weights"], row["metric"]) for row in rows]
    assert len(set(keys)) == len(keys)
    (probe,) = (r for r in rows if r["metric"] == "test.probe_auc" and r["value"] == "0.81")
    assert (probe["task"], probe["n"], probe["seed"]) == ("pretext", "2500", "2026")
    assert probe["machine"] == "2 x CPU, python 3.11.7"


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/results/index.md", "docs/results/results.csv", "docs/cards/index.md"],
)
def test_a_page_that_differs_is_named(checkout, page):
    results.write(checkout)
    path = checkout / page
    path.write_text(path.read_text("utf-8").replace("0.9", "0.8"), "utf-8")
    assert results.faults(checkout) == ([Path(page)], [])
    results.write(checkout)
    assert results.faults(checkout) == ([], [])


def test_a_card_of_weights_that_are_gone_is_a_fault_and_goes(checkout, monkeypatch, capsys):
    results.write(checkout)
    stale = checkout / "docs" / "cards" / "resnet18.gone_sim.md"
    stale.write_text("# resnet18.gone_sim\n")
    monkeypatch.setattr(results, "ROOT", checkout)
    monkeypatch.setattr(sys, "argv", ["results.py", "--check"])
    assert results.main() == 1
    assert "resnet18.gone_sim.md is a card of weights that are gone" in capsys.readouterr().out
    results.write(checkout)
    assert not stale.exists() and results.main() == 0


def test_a_readme_without_the_block_is_refused():
    one_line("add <!-- best weights", lambda: best_weights.readme("nothing here", [CLASSIFIER]))


def scored(name, auc):
    test = CLASSIFIER.metrics["test"] | {"macro_ovr_auc": auc}
    metrics = CLASSIFIER.metrics | {"test": test}
    return CLASSIFIER.model_copy(update={"name": name, "metrics": metrics})


def test_the_readme_has_the_best_of_each_sky_and_the_page_all(tmp_path):
    names = ["resnet18_slim.a_sim", "resnet18_slim.b_sim", "resnet18_slim.c_sim"]
    entries = [scored(name, auc) for name, auc in zip(names, (0.91, 0.95, 0.93), strict=True)]
    entries.append(BACKBONE)
    readme = best_weights.readme(f"before\n{BEGIN}\nold\n{END}\nafter", entries)
    assert readme.startswith(f"before\n{BEGIN}\n") and readme.endswith(f"{END}\nafter")
    assert [f"[`{entry.name}`]" in readme for entry in entries] == [False, True, False, False]
    assert "ROC-AUC 0.9500" in readme and "0.610, image statistics" in readme
    assert "old" not in readme
    page = result_pages.page(entries, tmp_path)
    assert all(f"| [`{entry.name}`]" in page for entry in entries)


def test_earlier_versions_stand_apart(tmp_path):
    later = [f"resnet18_slim.a_sim_v{number}" for number in (2, 10)]
    names = ["resnet18_slim.a_sim", *later, "resnet18_slim.b_sim_v3"]
    entries = [scored(name, 0.9) for name in names]
    page = result_pages.page(entries, tmp_path)
    newest, earlier = page.split("### Classifiers: earlier versions")
    assert [f"| [`{name}`]" in newest for name in names] == [False, False, True, True]
    assert [f"| [`{name}`]" in earlier for name in names] == [True, True, False, False]
