"""The command: what it prints and refuses; the page itself is tested beside its modules."""

import pytest
from tinyvetting import write_results

from lenszoo.vetting import open_session


@pytest.fixture
def graded(tmp_path):
    """Results that two graders have graded."""
    results = write_results(tmp_path)
    session = open_session(results)
    for grader, letters in (("Ann", "AABXXX"), ("Bob", "AACXXC")):
        for k, letter in enumerate(letters):
            session.grades.grade(f"{grader}-{k:06d}", grader, session.candidates.ids[k], letter)
    session.grades.close()
    return results


def test_agreement_is_printed(lenszoo, graded):
    text = lenszoo("vet", graded, "--agreement").stdout
    assert "Ann and Bob: weighted kappa 0.9" in text and "6 candidates" in text
    assert "1/1" in text  # the known lens, which Ann gave B


def test_votes_are_exported_and_a_finder_learns_from_them(lenszoo, graded, refused, tmp_path):
    out = tmp_path / "votes"
    text = lenszoo("vet", graded, "--export", out).stdout
    assert f"{out / 'votes.csv'}: lenses 2, others 2; 2 undecided" in text
    assert "is not empty" in refused("vet", graded, "--export", out)
    train = ("train", "lens_finder", "--data", out / "votes.csv", "--set", "use=image")
    small = ("--set", "options.width=4", "--set", "options.dim=8", "--set", "options.heads=2")
    short = ("--epochs", "1", "--batch-size", "4", "--set", "data.bands=g,r,i")
    short += ("--set", "data.val_fraction=0.4", "--set", "data.crop=32")
    lenszoo(*train, *small, *short, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()


def test_results_that_cannot_be_vetted_are_refused(refused, graded, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "candidates.parquet" in refused("vet", tmp_path / "empty")
    assert "no such file" in refused("vet", tmp_path / "none.csv")
    assert "no such folder" in refused("vet", graded, "--images-in", tmp_path / "none")
    assert "Unknown preset" in refused("vet", graded, "--controls", "nothing", "--agreement")
    (graded / "vetting" / "grades.sqlite").write_bytes(b"no database " * 100)
    assert "damaged" in refused("vet", graded, "--agreement")
    other = write_results(tmp_path / "other")
    (other / "search.json").write_text(
        (other / "search.json").read_text().replace("a" * 64, "c" * 64)
    )
    (other / "vetting").mkdir()
    session = open_session(graded.parent / "other" / "results")
    session.grades.close()
    (graded / "vetting" / "grades.sqlite").write_bytes(
        (other / "vetting" / "grades.sqlite").read_bytes()
    )
    for ending in ("-wal", "-shm"):
        (graded / "vetting" / f"grades.sqlite{ending}").unlink(missing_ok=True)
    assert "of another search" in refused("vet", graded, "--agreement")
