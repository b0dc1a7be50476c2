"""``lenszoo doctor``: check the installation, the devices, the weights and the cache."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from lenszoo._version import __version__
from lenszoo.cli._verb import say, verb

PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "scikit-learn",
    "astropy",
    "pyarrow",
    "h5py",
)
SETTINGS = (
    "KERAS_BACKEND",
    "LENSZOO_MANIFEST",
    "LENSZOO_CACHE",
    "LENSZOO_WEIGHTS_URL",
    "LENSZOO_OFFLINE",
)

Finding = tuple[str, str, bool]  # subject, state, whether that is well


@verb(backend=True)
def doctor() -> None:
    """Check the installation, the devices and the weights; exit with 1 if there is a fault."""
    sick: list[str] = []
    for check in (_versions, _backend, _manifest, _weights, _cache):
        for name, text, well in _safely(check):
            say(f"{'ok ' if well else 'BAD'}  {name:<12}  {text}")
            if not well:
                sick.append(name)
    if sick:
        typer.echo(f"lenszoo: not well: {', '.join(sick)}.", err=True)
        raise typer.Exit(1)


def _safely(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check; an exception is a finding too."""
    try:
        yield from check()
    except Exception as error:
        yield check.__name__.strip("_"), " ".join(str(error).split()), False


def _versions() -> Iterator[Finding]:
    from importlib import metadata

    yield "lenszoo", f"{__version__} in {Path(__file__).parents[1]}", True
    yield "python", f"{platform.python_version()} in {sys.executable}", True
    for package in PACKAGES:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = "not installed"
        yield package, version, True
    from lenszoo.pretrained.download import shown
    from lenszoo.pretrained.store import own_mirrors

    for name in SETTINGS:
        if name in os.environ:
            value = os.environ[name]
            if name == "LENSZOO_WEIGHTS_URL":  # it may hold a password
                value = ", ".join(map(shown, own_mirrors()))
            yield "setting", f"{name}={value}", True


def _backend() -> Iterator[Finding]:
    import keras

    from lenszoo.provenance import environment

    facts = environment()
    answer = float(keras.ops.convert_to_numpy(keras.ops.sum(keras.ops.ones((2, 2)))))
    yield "backend", f"{facts['backend']} on {', '.join(facts['devices'])}", answer == 4.0
    yield "machine", facts["machine"], True
    order = keras.config.image_data_format()
    if order != "channels_last":
        yield "images", f"{order} in keras.json, but lenszoo works channels_last: mend it", False


def _manifest() -> Iterator[Finding]:
    from lenszoo.pretrained import load_manifest
    from lenszoo.pretrained.manifest import manifest_path

    path = manifest_path()
    yield "manifest", f"{len(load_manifest(path).entries)} weights in {path}", True


def _weights() -> Iterator[Finding]:
    from lenszoo.pretrained import list_weights, local_path, verify

    for name in list_weights():
        path = local_path(name)
        notes = verify(name)
        faults = [fault for fault in notes if not fault.startswith(f"{name}: not here")]
        if faults:
            yield "weights", "; ".join(faults), path is not None
        elif path is not None:
            yield "weights", f"{name}: sound, {path}", True
        elif not notes:
            yield "weights", f"{name}: sound, in parts that are joined when first used", True
        else:
            yield "weights", f"{name}: not here yet, fetched when first used", True


def _cache() -> Iterator[Finding]:
    from lenszoo.files import is_writable
    from lenszoo.pretrained.store import cache_folders, is_offline

    reasons = {folder: is_writable(folder) for folder in cache_folders()}
    usable = any(reason is None for reason in reasons.values())
    for folder, reason in reasons.items():
        yield "cache", f"{folder}: {reason or 'can be written'}", reason is None or usable
    yield "network", "off (LENSZOO_OFFLINE)" if is_offline() else "servers may be asked", True
