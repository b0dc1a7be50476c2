"""Fixtures that several folders share: a tiny zoo, a tiny survey and models of both."""

from pathlib import Path

import numpy as np
import pytest
from tinyrun import recipe_fields, write_images
from tinysurvey import tiny_survey
from tinyzoo import CLASSES, draw, tiny_zoo

from lenszoo.inference import open_model


@pytest.fixture(scope="session")
def zoo():
    return tiny_zoo()


@pytest.fixture
def own_manifest(zoo, monkeypatch, tmp_path):
    """Keep tests off the user's cache and the real weights."""
    monkeypatch.setenv("LENSZOO_MANIFEST", str(zoo.manifest))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def opened(zoo):
    return open_model(zoo.run)


@pytest.fixture(scope="session")
def stack():
    """Images (30, SIZE, SIZE, 1) float32 and their labels, classes in turn."""
    rng = np.random.default_rng(3)
    labels = np.arange(30) % len(CLASSES)
    return np.stack([draw(k, rng) for k in labels])[..., None].astype(np.float32), labels


@pytest.fixture(scope="session")
def survey():
    return tiny_survey()


@pytest.fixture(scope="session")
def finder(survey):
    return open_model(survey.run)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images")


@pytest.fixture
def fields(images: Path) -> dict:
    return recipe_fields(images)
