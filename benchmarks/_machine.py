"""One line that says where and when a figure was measured."""

import datetime
import os
import platform
import sys
from pathlib import Path


def describe() -> str:
    """Return date, cores, CPU model and versions (of keras and its backends if imported)."""
    versions = [f"python {platform.python_version()}"]
    for name in ("numpy", "keras", "tensorflow", "jax", "torch"):
        module = sys.modules.get(name)
        if module is not None:
            versions.append(f"{name} {module.__version__}")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"{date}, {os.cpu_count()} cores of {_cpu_model()}, {', '.join(versions)}"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
