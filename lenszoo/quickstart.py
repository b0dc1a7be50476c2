"""The main job at small scale, told as it goes: what ``lenszoo quickstart`` runs."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.inference import open_model, predict, write_table
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.reporting.report import Card, Figure, Report, Table, interval, number
from lenszoo.simulation import write_dataset
from lenszoo.tasks.evaluate import evaluate
from lenszoo.training import Recipe, TrainingResult, train

WEIGHTS = "resnet18_slim.common_test_sim_v2"
SKY = "common_test_sim"
OWN_SKY = "common_test_sim_binary"  # the same sky, sorted as somebody else might sort it


@dataclass(frozen=True)
class Scale:
    """How much of everything: about two minutes on two cores as it stands.

    Attributes:
        test_images: fresh simulated images that score the pretrained weights.
        train_images: images of the folder to fine-tune on.
        val_images: images of the folder held out.
        epochs: epochs of fine-tuning.
        seed: of scenes and training; not that of the pretrained weights, so all images are new.
    """

    test_images: int = 600
    train_images: int = 400
    val_images: int = 200
    epochs: int = 3
    seed: int = 2026


def quickstart(
    folder: str | Path = "quickstart",
    *,
    scale: Scale | None = None,
    console: Console | None = None,
    weights: str = WEIGHTS,
) -> Path:
    """Simulate images, load weights by name, score them, fine-tune them on a folder, predict.

    Args:
        folder: where everything goes; when it is in use, a new one beside it (``quickstart-2``).
        scale: numbers of images and epochs.
        console: where the story is told; standard output by default.
        weights: name of the pretrained weights of the three-class sky.

    Returns:
        The path of ``report.html``.

    Raises:
        LenszooError: the weights cannot be had, or the folder cannot be written.
    """
    scale = scale or Scale()
    story = _Story(console or Console(highlight=False, soft_wrap=True), 6)
    out = _fresh(expanded(folder))
    with story.step(f"Simulate a folder of lens images: {out / 'images'}"):
        _simulate(story, out / "images", scale)
    with story.step(f"Load pretrained weights by name: {weights}"):
        opened = _load(story, weights)
    with story.step(f"Score them on {scale.test_images} simulated images they have never seen"):
        scored = _score(story, opened, scale)
    with story.step("Fine-tune them on the folder: two classes instead of three, a new head"):
        tuned = _fine_tune(story, out, weights, opened, scale)
    with story.step("Predict: one row an image, with where the answer comes from"):
        _predict(story, out)
    with story.step("Draw the report"):
        page = _report(story, scale, scored, tuned).save(out)
        story.say(f"Pictures, ROC curves, mistakes, history: {page.stat().st_size / 1e6:.1f} MB")
    story.end(f"Done in {story.total:.0f} s. Open {page}")
    return page


class _Story:
    """Tells the steps and takes their times."""

    def __init__(self, console: Console, steps: int) -> None:
        self.console, self.steps = console, steps
        self.times: list[tuple[str, float]] = []

    @property
    def total(self) -> float:
        return sum(seconds for _, seconds in self.times)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step; afterwards say how long it took."""
        heading = f"{len(self.times) + 1}/{self.steps}  {title}"
        self.console.print(heading, style="bold", markup=False)
        start = time.monotonic()
        # On a terminal something moves while nothing is said; a log file has the lines alone.
        with self.console.status("working ...") if self.console.is_terminal else _nothing():
            yield
        self.times.append((title, time.monotonic() - start))
        self.console.print(f"     {self.times[-1][1]:.1f} s\n", style="dim", markup=False)

    def say(self, text: str) -> None:
        for line in text.splitlines():
            self.console.print(f"     {line}", markup=False)

    def end(self, text: str) -> None:
        self.console.print(text, style="bold", markup=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _fresh(folder: Path) -> Path:
    """Return ``folder`` when it is free, else the first free one of folder-2, folder-3 ..."""
    number = 1
    while True:
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not any(path.iterdir()):
                return path
        except FileExistsError:
            number += 1  # a file of that name
            continue
        except OSError as error:
            raise LenszooError(f"Cannot write {path}: {error.strerror}; name another.") from error
        number += 1


def _simulate(story: _Story, folder: Path, scale: Scale) -> None:
    done = write_dataset(
        OWN_SKY, folder, n_train=scale.train_images, n_val=scale.val_images, seed=scale.seed
    )
    for split, counts in done.counts.items():
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        story.say(f"{split}: {shown}")
    story.say("no: a smooth lens; sub: a lens with dark-matter substructure")


def _load(story: _Story, weights: str) -> OpenedModel:
    opened = open_model(weights)
    facts = opened.provenance
    story.say(f"{facts['model']}, {opened.model.count_params():,} parameters")
    story.say(f"classes: {', '.join(opened.classes)}; recipe {facts['recipe']}")
    story.say(f"sha256 {facts['weights_sha256'][:16]}..., checked; so is its answer to fixed input")
    return opened


def _score(story: _Story, opened: OpenedModel, scale: Scale) -> Report:
    title = f"{opened.name} on {scale.test_images} simulated images"
    report = evaluate(opened, preset=SKY, images=scale.test_images, seed=scale.seed, title=title)
    values = report.metrics
    story.say(f"macro ROC-AUC      {_auc(values)}")
    story.say(f"accuracy           {number(values['accuracy'], 3)}")
    story.say(
        f"shortcut baseline  {number(values['shortcut']['macro_ovr_auc'])}  "
        "(what brightness and shape alone give away)"
    )
    return report


def _auc(values: dict[str, Any]) -> str:
    bounds = interval((values["intervals"] or {}).get("macro_ovr_auc"), 3)
    return number(values["macro_ovr_auc"]) + (f"  (95 %: {bounds})" if bounds else "")


@dataclass(frozen=True)
class _Tuned:
    """The fine-tuned run, its report on the held-out images, and the run it is held against."""

    report: Report
    scratch: TrainingResult


def _fine_tune(story: _Story, out: Path, weights: str, opened: OpenedModel, scale: Scale) -> _Tuned:
    fields: dict[str, Any] = {
        "model": opened.provenance["model"],
        "data": {"directory": str(out / "images")},
        "epochs": scale.epochs,
        "batch_size": 32,
        "seed": scale.seed,
        "optimizer": {
            "learning_rate": 1e-3,
            "min_learning_rate": 1e-5,
            "warmup_steps": min(10, scale.epochs * scale.train_images // 64),  # half of all
            "weight_decay": 0.01,
        },
    }
    results = {}
    for name, start in (("finetuned", weights), ("scratch", None)):
        with _hushed():
            results[name] = train(Recipe(**fields, weights=start), out / name)
        aucs = ", ".join(f"{row['val_auc']:.3f}" for row in results[name].history)
        start_text = "from the weights " if start else "from scratch     "
        story.say(f"{start_text}  AUC on held-out images by epoch: {aucs}")
    report = evaluate(out / "finetuned", out / "images" / "val", seed=scale.seed)
    base = report.metrics["shortcut"]["macro_ovr_auc"]
    story.say(f"shortcut baseline  {number(base, 3)}")
    return _Tuned(report, results["scratch"])


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the log of a training out of the story; warnings stay."""
    logger = logging.getLogger("lenszoo")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _predict(story: _Story, out: Path) -> None:
    table = predict(out / "finetuned", out / "images" / "val")
    for name in ("predictions.csv", "predictions.parquet"):
        write_table(table, out / name)
    story.say(f"{out / 'predictions.csv'} (and .parquet): {len(table)} rows, such as")
    for row in table.slice(0, 3).to_pylist():
        probability = row[f"prob_{row['predicted']}"]
        story.say(f"  {row['id']:<14} {row['predicted']:<4} probability {probability:.3f}")


def _report(story: _Story, scale: Scale, scored: Report, tuned: _Tuned) -> Report:
    """One page of both reports: the pretrained weights first, then what came of them."""
    before, after = scored.metrics, tuned.report.metrics
    scratch = tuned.scratch.metrics["macro_ovr_auc"]
    base = number(before["shortcut"]["macro_ovr_auc"])
    rows = [
        ["from the pretrained weights", _auc(after)],
        ["from scratch, the same epochs", number(scratch)],
        ["shortcut baseline", number(after["shortcut"]["macro_ovr_auc"])],
    ]
    return Report(
        title="lenszoo quickstart",
        metrics={"pretrained": before, "finetuned": after, "scratch_macro_ovr_auc": scratch},
        summary=(
            f"On {before['n']:,} images they have never seen, the pretrained weights reach a macro "
            f"AUC of {number(before['macro_ovr_auc'])}; global image statistics alone reach {base}."
            f" Fine-tuned for {scale.epochs} epochs on a folder of {scale.train_images} images in"
            f" two classes, they reach {number(after['macro_ovr_auc'])} on {after['n']} held-out"
            f" images; the same network from scratch reaches {number(scratch)}."
        ),
        cards=[
            Card("Pretrained, 3 classes", number(before["macro_ovr_auc"]), "macro AUC"),
            Card("Shortcut baseline", base, "AUC to beat"),
            Card("Fine-tuned, 2 classes", number(after["macro_ovr_auc"]), "AUC, held-out images"),
            Card("From scratch", number(scratch), "AUC, the same epochs"),
        ],
        tables=[
            *scored.tables,
            Table("Fine-tuned on a folder", ("start", "AUC on held-out images"), rows, text=True),
        ],
        figures=_figures(scored, tuned.report),
        notes=[*scored.notes, *tuned.report.notes],
        details={
            "pretrained": scored.details,
            "finetuned": tuned.report.details,
            "seconds": dict(story.times),
        },
        provenance={"pretrained": scored.provenance, "finetuned": tuned.report.provenance},
    )


def _figures(scored: Report, tuned: Report) -> list[Figure]:
    """The images first, then the curves; of the second report what differs, under other names."""
    pictures = [figure for figure in scored.figures if figure.name == "examples"]
    rest = [figure for figure in scored.figures if figure.name != "examples"]
    again = [
        replace(figure, name=f"finetuned_{figure.name}", title=f"Fine-tuned: {figure.title}")
        for figure in tuned.figures
        if figure.name in ("roc", "confusion", "history")
    ]
    return [*pictures, *rest, *again]
