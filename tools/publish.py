"""Write the folder of a Hugging Face repository that serves the weights by name.

    python tools/publish.py OUT [PATTERN]

OUT holds what ``LENSZOO_WEIGHTS_URL=hf://owner/name`` reads: the files of ``weights/`` under their
own names, the manifest, the cards, a ``README.md`` whose head is the model card's metadata
(``model-index``), and each network's tensors as safetensors for readers without Keras. Nothing is
sent anywhere: upload the folder with the hub's own client.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from published_files import copy_files
from safetensors.numpy import save_file
from scores import bounds, headline, task_of

from lenszoo.errors import LenszooError
from lenszoo.files import check_output
from lenszoo.pretrained.manifest import WeightsEntry, load_manifest
from lenszoo.tasks import TaskInfo

ROOT = Path(__file__).resolve().parents[1]
_HUB_TASKS = {"super_resolve": "image-to-image", "pretext": "image-feature-extraction"}
_OTHER_TASKS = "image-classification"


def publish(out: Path, pattern: str = "*", root: Path = ROOT) -> list[str]:
    """Write the folder and return the names of the weights in it.

    Raises:
        LenszooError: no weights match, the folder is not empty, or a file is missing.
    """
    manifest = load_manifest(root / "weights_manifest.json")
    entries = [entry for entry in manifest.entries if fnmatchcase(entry.name, pattern)]
    if not entries:
        raise LenszooError(f"No weights match {pattern!r}.")
    check_output(out, [root])
    for folder in (out / "safetensors", out / "cards"):
        folder.mkdir(parents=True)
    shutil.copyfile(root / "weights_manifest.json", out / "weights_manifest.json")
    for entry in entries:
        content = b"".join(path.read_bytes() for path in copy_files(entry, root, out))
        facts = {"model": entry.model, "licence": entry.licence, "sha256": entry.sha256}
        save_file(tensors(content), out / "safetensors" / f"{entry.name}.safetensors", facts)
        card = root / "docs" / "cards" / f"{entry.name}.md"
        shutil.copyfile(card, out / "cards" / card.name)
    (out / "README.md").write_text(readme(entries), encoding="utf-8")
    return [entry.name for entry in entries]


def tensors(content: bytes) -> dict[str, np.ndarray]:
    """Return the tensors of a weights file by their paths in it."""
    arrays: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.ascontiguousarray(item[()])

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(visit)
    return arrays


def readme(entries: Sequence[WeightsEntry]) -> str:
    """Return the repository's card: metadata for the hub, and a table of the weights."""
    head = {
        "library_name": "keras",
        "license": "apache-2.0",
        "tags": ["astronomy", "gravitational-lensing", "lenszoo"],
        "model-index": [_indexed(entry) for entry in entries if headline(entry)],
    }
    rows = "\n".join(f"| [`{e.name}`](cards/{e.name}.md) | {headline(e)} |" for e in entries)
    return (
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n"
        "# Weights of lenszoo\n\nThe Keras 3 model zoo for strong gravitational lensing. "
        "`LENSZOO_WEIGHTS_URL=hf://owner/name`, with this repository's name, makes "
        "`lenszoo.load_model` take them from here. All are trained on simulated skies unless "
        f"their card says otherwise.\n\n| weights | score (95 %) |\n|---|---|\n{rows}\n"
    )


def _indexed(entry: WeightsEntry) -> dict[str, Any]:
    """Return an entry of ``model-index``: the main figure and the sky it was measured on."""
    task: TaskInfo = task_of(entry)
    key = task.headline.key
    sky = entry.data.get("preset", "files")
    metric = {"type": key, "name": key, "value": round(float(entry.metrics["test"][key]), 4)}
    interval = bounds(entry.metrics["test"], key)
    if interval:
        metric["args"] = {"interval_95": [round(float(bound), 4) for bound in interval]}
    return {
        "name": entry.name,
        "results": [
            {
                "task": {"type": _HUB_TASKS.get(task.name, _OTHER_TASKS)},
                "dataset": {"type": sky, "name": f"lenszoo's sky {sky}, scenes of the test split"},
                "metrics": [metric],
            }
        ],
    }


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Write a Hugging Face repository's folder.")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("pattern", nargs="?", default="*", help="of names of weights")
    arguments = parser.parse_args()
    names = publish(arguments.out, arguments.pattern)
    print(f"{arguments.out}: {len(names)} weights; upload it with the hub's own client")


if __name__ == "__main__":
    try:
        main()
    except LenszooError as error:
        sys.exit(str(error))
