"""A small survey of its own, made once a test session: cutouts, a catalogue, a trained finder."""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZE = 20
BANDS = ("g", "r")
COLUMNS = ("colour", "size")
PATTERN = "{band}/{id}.npy"
TINY = {"width": 4, "dim": 8, "heads": 2}


@dataclass(frozen=True)
class TinySurvey:
    """``table``: a CSV of 40 objects; ``images``: a folder a band; ``run``: of both, trained."""

    table: Path
    images: Path
    run: Path

    def data(self) -> dict:
        """The part of a recipe that says where the candidates come from."""
        return {
            "catalogue": str(self.table),
            "folder": str(self.images),
            "pattern": PATTERN,
            "bands": list(BANDS),
            "label": "is_lens",
            "columns": list(COLUMNS),
        }


def write_survey(root: Path) -> tuple[Path, Path]:
    """Every second object is a lens: a blue ring, a higher number ``colour``, a leaky column."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    ring = np.abs(np.hypot(x, y) - 6) < 1.5
    rows = ["id,is_lens,colour,size,arc_flux"]
    for i in range(40):
        lens = i % 2
        for band, strength in zip(BANDS, (4, 2), strict=True):
            (root / "images" / band).mkdir(parents=True, exist_ok=True)
            image = rng.normal(size=(SIZE, SIZE)) + strength * lens * ring
            np.save(root / "images" / band / f"c{i}.npy", image.astype(np.float32))
        gap = "" if i == 3 else f"{rng.normal() + lens:.4f}"
        rows.append(f"c{i},{lens},{gap},{rng.normal():.4f},{lens * (5 + rng.random()):.4f}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root / "table.csv", root / "images"


@functools.cache
def tiny_survey() -> TinySurvey:
    """Write the survey and train a lens finder on it for some seconds, without a report."""
    from lenszoo.tasks.find_lenses.task import FindLensesTask
    from lenszoo.training import Recipe, train

    class Quiet(FindLensesTask):
        def report(self, model, history, folder):
            return {}  # drawing takes longer than training here

    root = Path(tempfile.mkdtemp(prefix="lenszoo-survey-"))
    survey = TinySurvey(*write_survey(root), root / "run")
    recipe = Recipe(
        task="find_lenses",
        data=survey.data(),
        options=TINY,
        epochs=8,
        batch_size=8,
        optimizer={"learning_rate": 1e-2},
        seed=3,
    )
    train(recipe, survey.run, task=Quiet(recipe))
    return survey
