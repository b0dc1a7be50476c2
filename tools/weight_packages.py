"""Build the packages of weights: one wheel a family, with the files of ``weights/``.

    python tools/weight_packages.py OUT [FAMILY ...]

A package is called ``lenszoo-weights-FAMILY``. Where it is installed, ``load_model`` and all verbs
take the weights from it and ask no server.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from published_files import copy_files

from lenszoo._version import __version__
from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import WeightsEntry, load_manifest
from lenszoo.pretrained.packages import FAMILIES, GROUP, family_of

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 100_000_000
"""Bytes of the largest file that package indices take."""

_SETUP = """\
[metadata]
name = lenszoo-weights-{family}
version = {version}
description = Weights of lenszoo, the Keras 3 model zoo for strong gravitational lensing: {family}
long_description = file: README.md
long_description_content_type = text/markdown
license = Apache-2.0
license_files = LICENSE

[options]
python_requires = >=3.11
packages = {module}

[options.package_data]
{module} = *

[options.entry_points]
{group} =
    {family} = {module}
"""


def build_package(family: str, out: Path, root: Path = ROOT) -> Path:
    """Build the wheel of a family and return its path.

    Raises:
        LenszooError: a file of weights is missing, the wheel is larger than package indices take,
            or pip cannot build it.
    """
    manifest = load_manifest(root / "weights_manifest.json")
    entries = [entry for entry in manifest.entries if family_of(entry.name) == family]
    if not entries:
        raise LenszooError(f"No weights are of the family {family}.")
    module = f"lenszoo_weights_{family.replace('-', '_')}"
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary)
        (project / module).mkdir()
        (project / module / "__init__.py").write_text(f'"""Weights of lenszoo: {family}."""\n')
        for entry in entries:
            copy_files(entry, root, project / module)
        shutil.copyfile(root / "LICENSE", project / "LICENSE")
        (project / "README.md").write_text(_readme(family, entries), encoding="utf-8")
        shutil.copyfile(ROOT / "pyproject.toml", project / "pyproject.toml")
        (project / "setup.cfg").write_text(
            _SETUP.format(family=family, module=module, group=GROUP, version=__version__)
        )
        wheel = _wheel(project, out)
    if wheel.stat().st_size > LARGEST:
        raise LenszooError(
            f"{wheel} has {wheel.stat().st_size:,} bytes, more than {LARGEST:,}: share out its "
            "patterns in lenszoo/pretrained/packages.py."
        )
    return wheel


def _readme(family: str, entries: list[WeightsEntry]) -> str:
    lines = "\n".join(f"- `{entry.name}`" for entry in entries)
    return (
        f"# lenszoo-weights-{family}\n\nWeights of lenszoo, the Keras 3 model zoo for strong "
        "gravitational lensing. Where this package is installed, `lenszoo.load_model` takes them "
        f"by name, without a network.\n\n{lines}\n"
    )


def _wheel(project: Path, out: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as temporary:
        done = subprocess.run(
            [*pip, "wheel", "--no-deps", "-w", temporary, str(project)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word why"])[-1]
            raise LenszooError(f"pip cannot build {project}: {last}")
        (built,) = Path(temporary).glob("*.whl")
        return built.replace(out / built.name)


def main() -> None:
    """Build the families that the command line names, by default all."""
    parser = argparse.ArgumentParser(description="Build packages of weights.")
    parser.add_argument("out", type=Path, help="folder of the wheels")
    parser.add_argument("family", nargs="*", help=f"by default all: {', '.join(FAMILIES)}")
    arguments = parser.parse_args()
    unknown = [family for family in arguments.family if family not in FAMILIES]
    if unknown:
        parser.error(f"unknown family {', '.join(unknown)}: choose from {', '.join(FAMILIES)}")
    for family in arguments.family or FAMILIES:
        wheel = build_package(family, arguments.out)
        print(f"{wheel}  {wheel.stat().st_size:,} bytes")


if __name__ == "__main__":
    try:
        main()
    except LenszooError as error:
        sys.exit(str(error))
