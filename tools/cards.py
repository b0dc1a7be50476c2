"""Model cards as Markdown: the facts, scores and limits of some weights.

Everything stands in the manifest or follows from the kind of model; nothing is measured here. The
cards lie in docs/cards and in the wheel, where ``lenszoo weights show`` finds them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from card_sections import sections
from markdown_text import code, markdown_table
from result_tables import superseded
from scores import headline, kind, task_of

from lenszoo.models.registry import model_info
from lenszoo.pretrained.manifest import WeightsEntry


def card(entry: WeightsEntry, parameters: int | None = None) -> str:
    """Write the card of some weights.

    Args:
        entry: their entry in the manifest.
        parameters: how many numbers the network has, where the file is at hand
            (:func:`count_parameters`).

    Returns:
        Markdown, ending in a newline.

    Raises:
        LenszooError: the entry names a model or a sky that the zoo does not know.
    """
    parts = [f"# {entry.name}", _summary(entry), _facts(entry, parameters)]
    parts += [f"## {head}\n\n{text}" for head, text in sections(entry) if text]
    return "\n\n".join(parts) + "\n"


def count_parameters(file: Path | BinaryIO) -> int:
    """Count the numbers in a file of weights: those that are trained and BatchNorm's statistics."""
    import h5py

    sizes: list[int] = []

    def visit(_: str, item: Any) -> None:
        # seeds of dropout are integers, and no parameters
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            sizes.append(int(item.size))

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return sum(sizes)


def index(entries: Iterable[WeightsEntry]) -> str:
    """Write the page that lists all cards, which lie beside it as ``NAME.md``."""
    entries = list(entries)
    lines = [
        "# Model cards",
        "",
        "One card for each file of weights, made from `weights_manifest.json` by `make results`; "
        "`lenszoo weights show NAME` prints the same. All are trained on simulated skies, "
        "some with real galaxies beside: read under Limits where not to trust them.",
    ]
    earlier = superseded(entries)
    newest = [entry for entry in entries if entry.name not in earlier]
    older = [entry for entry in entries if entry.name in earlier]
    for part, suffix in ((newest, ""), (older, ": earlier versions")):
        for which, title in _TITLES.items():
            rows = [_index_row(entry) for entry in part if kind(entry) == which]
            if rows:
                lines += ["", f"## {title}{suffix}", "", markdown_table(_INDEX, rows)]
    names = [entry.name for entry in (*newest, *older)]
    lines += ["", "```{toctree}", ":hidden:", "", *names, "```"]
    return "\n".join(lines) + "\n"


def _index_row(entry: WeightsEntry) -> tuple[str, ...]:
    return (
        f"[`{entry.name}`]({entry.name}.md)",
        f"`{entry.data.get('preset', '?')}`",
        headline(entry) or "not scored",
        f"{entry.bytes / 2**20:.2f} MiB",
    )


_TITLES = {
    "classify": "Classifiers",
    "find_lenses": "Lens finders",
    "super_resolve": "Super-resolution",
    "pretext": "Backbones that learned without labels",
}
_INDEX = ("weights", "sky", "score on unseen scenes (95 %)", "size")


def _summary(entry: WeightsEntry) -> str:
    known = headline(entry)
    scored = f"{known} on unseen simulated scenes." if known else "It has not been scored."
    purpose = task_of(entry).purpose
    if entry.classes and kind(entry) == "classify":
        purpose += ": " + ", ".join(f"`{name}`" for name in entry.classes)
    text = f"`{entry.model}` {purpose}. {scored}"
    return f"{text}\n\n{code(loading(entry), 'python')}"


def loading(entry: WeightsEntry) -> str:
    """The lines of Python that load the weights, and what goes in and comes out."""
    height, width, bands = (n or any_ for n, any_ in zip(entry.input_shape, "HWb", strict=True))
    shape = f"(n, {height}, {width}, {bands})"
    uses_table = entry.options.get("use", "image") != "image"
    takes = {"find_lenses": "images and table" if uses_table else f"float32 {shape}"}
    gives = {
        "classify": f"logits (n, {entry.num_classes}); `lenszoo.predict` adds probabilities",
        "find_lenses": "the logit of a lens (n, 1); `lenszoo.predict` adds probabilities",
        "super_resolve": f"images of {entry.options.get('scale', 2)} times the pixels a side",
        "pretext": "answers to the training task; lenszoo.embed(model, images) gives the features",
    }
    which = kind(entry)
    return (
        "from lenszoo import load_model\n\n"
        f'model = load_model("{entry.name}")\n'
        f"# in: {takes.get(which, f'float32 {shape}')}\n"
        f"# out: {gives[which]}"
    )


def _facts(entry: WeightsEntry, parameters: int | None) -> str:
    row = model_info(entry.model)
    sky = "simulated, with real galaxies beside it" if entry.data.get("real") else "simulated"
    files = [f"`weights/{file.path}`" for file in entry.files]
    hashes = [f"`{file.sha256}`" for file in entry.files]
    if len(files) > 1:
        hashes.append(f"whole: `{entry.sha256}`")
    facts = [
        ("model", f"`{entry.model}` ({row.paper})"),
        ("parameters", f"{parameters:,}" if parameters else ""),
        ("trained on", f"`{entry.data['preset']}`, {sky}" if "preset" in entry.data else ""),
        ("file", ", ".join(files)),
        ("size", f"{entry.bytes:,} bytes ({entry.bytes / 2**20:.2f} MiB)"),
        ("sha256", ", ".join(hashes)),
        ("licence", entry.licence),
        ("made", f"{entry.created.isoformat()} with lenszoo {entry.lenszoo_version}"),
    ]
    return markdown_table(("", ""), [fact for fact in facts if fact[1]])
