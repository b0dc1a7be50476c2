"""One comparison with references for all architectures, and the page of what it found."""

from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import timm_import  # noqa: F401  before transformers, which looks whether torchvision is sound

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results" / "parity.md"
COLUMNS = (
    "| network | reference | images | parameters | answers up to | largest difference |\n"
    "|---|---|---|---:|---:|---:|\n"
)
HEAD = """# Parity with reference networks

Made by `make compat`: our own networks are given the random weights of an independent
implementation and the same random images, two of each size. Differences are those of the logits,
or of the images of super-resolution networks, in float32 on a CPU; each must be below 1e-4, or
1e-4 of the answers' range where that is above 1. The networks of keras.applications are its own.

"""


class Row(NamedTuple):
    """A comparison: its cells in the order of the table."""

    network: str
    reference: str
    images: str
    parameters: int | None
    largest: float
    difference: float

    def __str__(self) -> str:
        count = "" if self.parameters is None else f"{self.parameters:,}"
        cells = (self.network, self.reference, self.images, count)
        return f"| {' | '.join(cells)} | {self.largest:.2g} | {self.difference:.1e} |"


class Agreement:
    """Checks answers against a reference's and remembers how far they were apart."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def check(self, network, reference, images, answers, expected, *, parameters=None) -> None:
        """Check the answers to ``images`` of ours against those of the reference."""
        answers, expected = np.asarray(answers), np.asarray(expected)
        assert answers.shape == expected.shape
        difference, largest = np.abs(answers - expected).max(), np.abs(expected).max()
        size = " x ".join(str(n) for n in images.shape[1:])
        row = Row(network, reference, size, parameters, largest, difference)
        print(row)
        spread = np.ptp(expected)
        assert difference < 1e-3 * spread  # their agreement means something
        assert difference < 1e-4 * max(1.0, spread if expected.ndim == 4 else 1.0)
        self.rows.append(row)


_found = Agreement()


@pytest.fixture
def agreement() -> Agreement:
    """The comparisons of this run."""
    return _found


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help=f"write {PAGE.name} if all tests pass")


def pytest_sessionfinish(session, exitstatus):
    if session.config.getoption("--record") and exitstatus == 0:
        from lenszoo.provenance import environment

        here = environment()
        packages = (
            "keras",
            "tensorflow",
            "torch",
            "transformers",
            "timm",
            "dinov2",
            "vit-keras",
            "keras-cv",
        )
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
        table = "".join(f"{row}\n" for row in _found.rows)
        measured = f"\nMeasured on {here['date']}, {here['machine']}: {versions}.\n"
        PAGE.write_text(HEAD + COLUMNS + table + measured, "utf-8")
