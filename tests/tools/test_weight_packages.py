"""Packages of weights: a wheel that serves a zoo elsewhere, without a network."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import weight_packages
from weight_packages import ROOT, build_package

from lenszoo import list_weights
from lenszoo.errors import LenszooError
from lenszoo.pretrained.packages import FAMILIES, family_of

ANSWERS = """
import json, sys
import lenszoo
from lenszoo.pretrained.store import local_path
names = sys.argv[1:]
paths = [str(lenszoo.fetch_weights(name)) for name in names]
print(json.dumps({n: [p, lenszoo.load_model(n).count_params()] for n, p in zip(names, paths)}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """lenszoo as a wheel installs it, without the weights that a checkout holds."""
    site = tmp_path_factory.mktemp("site")
    kept = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lenszoo", site / "lenszoo", ignore=kept)
    (site / "lenszoo" / "_data").mkdir()
    for name in ("__init__.py", "weights_manifest.json"):
        source = ROOT / name
        target = site / "lenszoo" / "_data" / name
        target.write_bytes(source.read_bytes() if source.is_file() else b"")
    return site


def loaded(site: Path, wheel: Path, names: list[str], tmp_path: Path) -> dict:
    """Install a package beside lenszoo and load weights by name."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*command, "--no-deps", "-t", tmp_path / "more", wheel], check=True)
    environment = os.environ | {
        "PYTHONPATH": f"{site}{os.pathsep}{tmp_path / 'more'}",
        "LENSZOO_OFFLINE": "1",
        "LENSZOO_CACHE": str(tmp_path / "cache"),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, *names],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_wheel_brings_weights_to_where_there_is_no_network(site, tmp_path):
    name = "srresnet_1.sr_75_150_sim"
    wheel = build_package("super-resolution", tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        packed = {Path(path).name for path in archive.namelist()}
    assert f"{name}.weights.h5" in packed and "resnet34.common_test_sim.weights.h5" not in packed
    assert list(tmp_path.glob("*")) == [wheel]
    path, parameters = loaded(site, wheel, [name], tmp_path)[name]
    assert path.startswith(str(tmp_path / "more" / "lenszoo_weights_super_resolution"))
    assert parameters > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_name_loads_from_its_package(site, tmp_path, family):
    names = [name for name in list_weights() if family_of(name) == family]
    wheel = build_package(family, tmp_path)
    assert loaded(site, wheel, names, tmp_path).keys() == set(names)


def test_a_wheel_that_indices_refuse_is_not_taken_for_done(tmp_path, monkeypatch):
    monkeypatch.setattr(weight_packages, "LARGEST", 1000)
    with pytest.raises(LenszooError, match="bytes, more than 1,000: share out its patterns"):
        build_package("super-resolution", tmp_path)


def test_a_missing_file_is_named(tmp_path):
    shutil.copyfile(ROOT / "weights_manifest.json", tmp_path / "weights_manifest.json")
    with pytest.raises(LenszooError, match=r"weights/srcnn.*h5 is missing: get it"):
        build_package("super-resolution", tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
