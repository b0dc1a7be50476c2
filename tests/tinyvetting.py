"""Results of a small search to be vetted, written without a network."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from tinysky import write_sky

from lenszoo.inference.parts import write_part
from lenszoo.inference.taken import TAKEN, Taken
from lenszoo.vetting import open_session

COUNT = 12
EVIL = '<img src=x onerror="document.title=1">\n\x1b[2J'
"""An id that is HTML and steers a terminal."""


def write_results(folder: Path, ids=None) -> Path:
    """Write two tiles, and a folder of results with COUNT candidates on them; return the latter."""
    ra, dec = write_sky(folder, tiles=2, objects=COUNT)
    results = folder / "results"
    results.mkdir()
    logits = np.linspace(5, -2, COUNT)
    step = 0.8 * 300 * 0.2 / 3600
    marks = ["Horseshoe" if k == 2 else None for k in range(COUNT)]
    table = {
        "rank": list(range(1, COUNT + 1)),
        "id": ids or [str(10**18 + k) for k in range(COUNT)],
        "ra": ra.tolist(),
        "dec": dec.tolist(),
        "tile": [f"t{int(x > 150.0 + step / 2)}" for x in ra],
        "logit": logits,
        "prob": 1 / (1 + np.exp(-logits)),
        "known": pa.array(marks, pa.string()),
    }
    taken = Taken(shape=(64, 64, 3), on_bad="skip", target=25.0, reads_headers=True)
    facts = {TAKEN: taken.model_dump(mode="json")}
    write_part(results / "candidates.parquet", pa.table(table), facts)
    search = {
        "catalogue_sha256": "a" * 64,
        "weights_sha256": ["b" * 64],
        "weights": ["lens_finder.hard_sim_image"],
        "tiles": str(folder / "tiles"),
        "pattern": None,
        "bands": ["g", "r", "i"],
        "pixel_scale": None,
        "zero_point": None,
        "mask_value": None,
        "on_bad": "skip",
        "target": 25.0,
    }
    (results / "search.json").write_text(json.dumps(search))
    return results


def open_results(folder: Path, **options):
    """Write results and open them."""
    return open_session(write_results(folder), **options)


def write_controls(folder: Path, count=6) -> Path:
    """Write a labelled catalogue of images in g, r and i; return it."""
    rows = ["id,label"]
    for k in range(count):
        image = np.random.default_rng(k).normal(size=(64, 64, 3)).astype(np.float32)
        np.save(folder / f"known{k}.npy", image)
        rows.append(f"known{k},{k % 2}")
    (folder / "labelled.csv").write_text("\n".join(rows) + "\n")
    return folder / "labelled.csv"
