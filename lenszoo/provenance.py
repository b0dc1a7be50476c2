"""Provenance: versions, backend and machine, for run folders and reports."""

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from lenszoo._version import __version__


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Versions, backend and seed, which every prediction, report and run records."""
    backend = keras.backend.backend()
    facts = {"lenszoo": __version__, "keras": keras.__version__, "backend": backend}
    try:
        facts[backend] = metadata.version(backend)
    except metadata.PackageNotFoundError:
        facts[backend] = "unknown"
    if seed is not None:
        facts["seed"] = str(seed)
    return facts


def environment() -> dict[str, Any]:
    """Provenance plus Python, machine kind, device and date."""
    return provenance() | {
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} x {_cpu_name()}",
        "devices": _devices(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _cpu_name() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        return platform.machine()
    return platform.processor() or platform.machine()


def _devices() -> list[str]:
    if keras.backend.backend() == "jax":
        import jax

        return [d.device_kind for d in jax.devices()]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return [d.name for d in tf.config.list_physical_devices()]
    if keras.backend.backend() == "torch":
        import torch

        cards = range(torch.cuda.device_count())
        return [torch.cuda.get_device_name(card) for card in cards] or ["cpu"]
    return []
