"""From votes to a finder: grade candidates of a new sky, learn from them, count inspections.

    python examples/learn_from_votes.py [--votes 1000] [--seed 1] [--out votes]

A finder that learned on `lens_finding_easy` searches `lens_finding_hard`, another survey with
fainter arcs, in which 1 object in 5 is a lens here. Of its answers half the votes go to the best
and half to others at random: those of the best alone say nothing about the many below. Here the
truth grades, through the same store that `lenszoo vet` writes to. The votes are exported as a
catalogue, and the finder learns from them beside the sky that it knows. On another 3,000 scenes the
example counts how many candidates have to be looked at for each lens, before and after. About two
minutes on two free cores; writes OUT/answers.parquet, OUT/VOTES and OUT/run.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from lenszoo import predict
from lenszoo.data import Dataset
from lenszoo.inference import write_table
from lenszoo.simulation import sample_cutouts
from lenszoo.training import Recipe, train
from lenszoo.vetting import Session, open_session, write_votes

EASY, HARD, BANDS = "lens_finding_easy", "lens_finding_hard", ("g", "r", "i")
FINDER = "lens_finder.easy_sim_image"
RARITY = 5  # objects a lens in the sky that is searched
SURVEY = 100  # objects a lens for which inspections are counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--objects", type=int, default=3000, help="objects of the sky")
    parser.add_argument("--test-images", type=int, default=3000)
    parser.add_argument("--images", type=int, default=2000, help="scenes of the easy sky")
    parser.add_argument("--votes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("votes"))
    options = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    rng = np.random.default_rng(options.seed)

    sky = make_sky(options.objects, options.seed)
    lenses = write_cutouts(sky, options.out / "cutouts")
    answers = predict(FINDER, options.out / "cutouts")
    write_table(answers, options.out / "answers.parquet")
    session = open_session(options.out / "answers.parquet", bands=BANDS)
    hits = vote(session, lenses, options.votes, rng)
    print(f"{options.votes} votes: {hits} lenses, {options.votes - hits} others")
    grades = session.grades.grades()
    votes = write_votes(grades, session.candidates, session.images, options.out / "VOTES")

    run = options.out / "run"
    train(recipe(votes.table, options.images, options.seed), run)
    test = sample_cutouts(HARD, options.test_images, seed=99, split="test", bands=BANDS, columns=[])
    for name, weights in (("before", FINDER), ("after", run)):
        table = predict(weights, test)
        logits = table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()
        looks = [inspections(logits, test.known_labels(), share) for share in (0.5, 0.7)]
        print(
            f"{name}: {looks[0]:.1f} inspections a lens to find half of them, {looks[1]:.1f} to "
            "find 70 %"
        )


def make_sky(objects: int, seed: int) -> Dataset:
    """Draw scenes of the hard sky, and keep few of the lenses."""
    sky = sample_cutouts(HARD, 2 * objects, seed=seed, bands=BANDS, columns=[])
    labels = sky.known_labels()
    lenses, others = (np.flatnonzero(labels == label) for label in (1, 0))
    count = max(1, objects // RARITY)
    return sky.take(np.sort(np.concatenate([lenses[:count], others[: objects - count]])))


def write_cutouts(sky: Dataset, folder: Path) -> set[str]:
    """Write a file an object; return the names of the lenses."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, image in enumerate(sky.images):
        np.save(folder / f"object{k}.npy", image)
    return {f"object{k}" for k in np.flatnonzero(sky.known_labels())}


def vote(session: Session, lenses: set[str], votes: int, rng: np.random.Generator) -> int:
    """Grade half of the votes from the top and half from the rest; return the lenses among them."""
    ids = session.candidates.ids  # best first
    rest = rng.choice(np.arange(votes // 2, len(ids)), votes - votes // 2, replace=False)
    hits = 0
    for row in [*range(votes // 2), *rest]:
        is_lens = Path(ids[row]).stem in lenses
        hits += is_lens
        session.grades.grade(f"by-truth-{row}", "truth", ids[row], "A" if is_lens else "X")
    return hits


def recipe(votes: Path, images: int, seed: int) -> Recipe:
    """Return the recipe: learn from the votes and from the easy sky, step by step."""
    return Recipe(
        task="adapt",
        method="joint",
        label_fraction=1.0,
        weights=FINDER,
        source={"preset": EASY, "bands": BANDS, "images": images},
        data={"catalogue": str(votes), "bands": BANDS},
        epochs=3,
        batch_size=32,
        optimizer={"learning_rate": 2e-4},
        seed=seed,
    )


def inspections(logits: np.ndarray, labels: np.ndarray, share: float) -> float:
    """Return candidates to look at for each lens, where a share of all lenses shall be found.

    The scenes are half lenses; in the survey 1 object in SURVEY is.
    """
    least = np.quantile(logits[labels == 1], 1 - share)
    lenses, others = ((logits[labels == label] >= least).mean() for label in (1, 0))
    return float(1 + (SURVEY - 1) * others / lenses)


if __name__ == "__main__":
    main()
