"""Speed and memory of a survey search, beside a plain loop over astropy's Cutout2D.

    python benchmarks/search.py [--objects 2000] [--side 2000] [--workers 0 2] [--ending .fits]
        [--engines keras:float32 keras:bfloat16 openvino:bfloat16]
    python benchmarks/search.py --memory 100000 1000000
    python benchmarks/search.py --together 2

Makes a sky of one tile in three bands. The loop opens the tile once, cuts each object with Cutout2D
and calls ``model.predict`` on all; the search plans, cuts, scores and writes. The first call of a
network compiles it, in both. The memory is that of a process that plans a catalogue whose rows all
lie in tiles, scores two parts of it and ranks scores of all rows (drawn at random but for these
parts). ``--together`` runs the command with so many workers and adds up the memory of all its
processes, five times a second: the sum of their resident sizes, and the same with pages that they
share counted once.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCALE, BANDS = 0.2, ("g", "r", "i")
NOISE = (0.03, 0.06, 0.11)
RA, DEC = 150.0, 2.0
FIRST, STEP = 4_000_000_000_000_000_000, 104_729  # ids as long as a survey's
WEIGHTS = "lens_finder.hard_sim_image"


def write_tile(folder: Path, side: int, ending: str) -> None:
    """Write a noisy tile in three bands."""
    from astropy.io import fits
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [RA, DEC], [side / 2 + 0.5, side / 2 + 0.5]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    (folder / "t0").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for band, noise in zip(BANDS, NOISE, strict=True):
        image = rng.normal(0, noise, (side, side)).astype(np.float32)
        path = folder / "t0" / f"{band}{ending}"
        if ending.endswith(".fz"):
            hdu = fits.CompImageHDU(image, wcs.to_header(), quantize_level=16.0)
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
        else:
            fits.writeto(path, image, wcs.to_header())


def write_catalogue(path: Path, objects: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Write positions in the tile, away from its edges."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    half = (side / 2 - 40) * SCALE / 3600
    rng = np.random.default_rng(1)
    ra = RA + rng.uniform(-half, half, objects)
    dec = DEC + rng.uniform(-half, half, objects)
    pq.write_table(pa.table({"id": FIRST + STEP * np.arange(objects), "ra": ra, "dec": dec}), path)
    return ra, dec


def naive(folder: Path, ending: str, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Cut with Cutout2D and predict with Keras, as a script would."""
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.nddata import Cutout2D
    from astropy.wcs import WCS

    from lenszoo import load_model

    model = load_model(WEIGHTS)
    model.predict(np.zeros((32, 64, 64, 3), np.float32), verbose=0)
    start = time.perf_counter()
    images = np.empty((len(ra), 64, 64, 3), np.float32)
    for b, band in enumerate(BANDS):
        with fits.open(folder / "t0" / f"{band}{ending}") as hdus:
            hdu = hdus[-1]
            data, wcs = hdu.data, WCS(hdu.header)
            for k in range(len(ra)):
                place = SkyCoord(ra[k], dec[k], unit="deg")
                cutout = Cutout2D(data, place, 64, wcs, mode="partial", fill_value=np.nan)
                images[k, ..., b] = cutout.data
    cut = time.perf_counter() - start
    scores = model.predict(images, verbose=0)
    total = time.perf_counter() - start
    print(
        f"  plain loop: {len(ra) / total:,.0f} objects/s, cutting alone {len(ra) / cut:,.0f}/s",
        flush=True,
    )
    return scores[:, -1] - (scores[:, 0] if scores.shape[1] > 1 else 0)


def cutting(folder: Path, ending: str, ra: np.ndarray, dec: np.ndarray) -> None:
    """Time the cutting of the search alone, in one thread."""
    from lenszoo.data.grids import read_grid
    from lenszoo.survey.cutouts import TileCutter
    from lenszoo.survey.footprints import Tile

    grids = tuple(read_grid(str(folder / "t0" / f"{band}{ending}")) for band in BANDS)
    tile = Tile("t0", grids, (None,) * 3)
    scales = {"native": None, "resampled": SCALE, "resampled to 1.3 times the size": 1.3 * SCALE}
    for name, scale in scales.items():
        count = len(ra) if scale is None else min(len(ra), 500)
        start, busy = time.perf_counter(), time.process_time()
        with TileCutter(tile, (64, 64), scale) as cutter:
            order = cutter.order(ra[:count], dec[:count])
            for i in range(0, count, 128):
                cutter.cut(ra[order[i : i + 128]], dec[order[i : i + 128]])
        rate = count / (time.perf_counter() - start)
        own = count / (time.process_time() - busy)
        print(
            f"  cutting alone, {name}: {rate:,.0f} objects/s, {own:,.0f} a second of a processor's "
            "time",
            flush=True,
        )


def speed(options: argparse.Namespace) -> None:
    import pyarrow.parquet as pq

    from lenszoo.survey import search

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tile(folder / "tiles", options.side, options.ending)
        ra, dec = write_catalogue(folder / "catalogue.parquet", options.objects, options.side)
        print(
            f"{options.objects:,} objects of 64 x 64 x 3 on a tile of {options.side} x "
            f"{options.side} ({options.ending}), {WEIGHTS}; {_machine()}",
            flush=True,
        )
        cutting(folder / "tiles", options.ending, ra, dec)
        logits = naive(folder / "tiles", options.ending, ra, dec)
        kinds = [text.partition(":") for text in options.engines]
        for workers, (engine, _, precision) in itertools.product(options.workers, kinds):
            out = folder / f"out-{workers}-{engine}-{precision}"
            rows = max(128, options.objects // max(4, 4 * workers))
            start, busy = time.perf_counter(), time.process_time()
            search(
                folder / "catalogue.parquet", folder / "tiles", WEIGHTS, out,
                pattern="{tile}/{band}" + options.ending, workers=workers, part_rows=rows,
                engine=engine, precision=precision or "auto",
            )  # fmt: skip
            total = time.perf_counter() - start
            busy = time.process_time() - busy
            table = pq.read_table(out / "parts").to_pydict()
            order = (np.array(table["id"], np.int64) - FIRST) // STEP
            difference = np.abs(np.array(table["logit"]) - logits[order]).max()
            summary = json.loads((out / "summary.json").read_text())
            size = sum(path.stat().st_size for path in (out / "parts").iterdir())
            plan = sum(path.stat().st_size for path in out.glob("plan-*/*"))
            print(
                f"  search, {workers} workers, {engine} {precision or 'auto'}: "
                f"{summary['rate']:,.0f} objects/s once models are "
                f"loaded, {options.objects / total:,.0f} with start, planning and ranking"
                f"{'' if workers else f', {busy:.1f} s of the processor'}; logits "
                f"differ from the plain loop's by {difference:.1e} at most; "
                f"{size / options.objects:.0f} bytes of scores and "
                f"{plan / options.objects:.0f} of the plan an object",
                flush=True,
            )


def remember(objects: int, side: int = 1000) -> None:
    """Plan, score two parts, rank; print the peak memory. Runs in a process of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lenszoo.data.grids import read_grid
    from lenszoo.survey.footprints import Tile
    from lenszoo.survey.plan import make_plan
    from lenszoo.survey.positions import Positions
    from lenszoo.survey.ranking import best_of, join_on_sky
    from lenszoo.survey.scoring import Scorer, Settings

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tile(folder / "tiles", side, ".fits")
        write_catalogue(folder / "catalogue.parquet", objects, side)
        grids = tuple(read_grid(str(folder / "tiles" / "t0" / f"{b}.fits")) for b in BANDS)
        tile = Tile("t0", grids, (None,) * 3)
        scorer = Scorer(Settings((WEIGHTS,), bands=BANDS), folder)
        start = time.perf_counter()
        plan = make_plan(folder, Positions(folder / "catalogue.parquet"), [tile])
        planned = time.perf_counter() - start
        rng = np.random.default_rng(0)
        for k, part in enumerate(plan.parts):
            if k < 2:
                scorer.run(part.key, plan.read(part).slice(0, 1024), tile)
                continue
            rows = plan.read(part)
            logits = pa.array(rng.normal(size=len(rows)).astype(np.float32))
            empty = pa.nulls(len(rows), pa.string())
            columns = [
                pa.array(["t0"] * len(rows)),
                logits,
                logits,
                pa.nulls(len(rows), pa.int32()),
            ]
            names = ["tile", "logit", "prob", "bad_pixels"]
            for label, column in zip([*names, "error"], [*columns, empty], strict=True):
                rows = rows.append_column(label, column)
            pq.write_table(rows, folder / f"{part.key}.parquet")
        start = time.perf_counter()
        join_on_sky(best_of((folder / f"{p.key}.parquet" for p in plan.parts), 3000))
        facts = {
            "planned": objects / planned,
            "ranked": objects / (time.perf_counter() - start),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    print(json.dumps(facts))


def memory(counts: list[int]) -> None:
    for count in counts:
        command = [sys.executable, __file__, "--remember", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        facts = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{count:,} rows: peak memory {facts['peak'] / 2**20:,.0f} MiB, planned "
            f"{facts['planned']:,.0f} rows/s, ranked {facts['ranked']:,.0f} rows/s; {_machine()}",
            flush=True,
        )


def together(workers: int, objects: int = 9000, side: int = 2000) -> None:
    """Print the peak memory of a search and its workers, and when the first part was done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tile(folder / "tiles", side, ".fits")
        write_catalogue(folder / "catalogue.parquet", objects, side)
        command = [
            *(sys.executable, "-m", "lenszoo", "search", folder / "catalogue.parquet", "--tiles"),
            *(
                folder / "tiles",
                "--weights",
                WEIGHTS,
                "--out",
                folder / "out",
                "--workers",
                workers,
            ),
        ]
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL)
        resident = shared_once = 0.0
        while process.poll() is None:
            sizes = [_sizes(pid) for pid in (process.pid, *_children(process.pid))]
            resident = max(resident, sum(size["Rss"] for size in sizes))
            shared_once = max(shared_once, sum(size["Pss"] for size in sizes))
            time.sleep(0.2)
        print(
            f"search with {workers} workers: {shared_once:,.0f} MiB at the peak, the sum of "
            f"resident sizes {resident:,.0f} MiB; {objects:,} objects took "
            f"{time.perf_counter() - start:.0f} s with all starts; exit code {process.returncode}; "
            f"{_machine()}",
            flush=True,
        )


def _children(pid: int) -> list[int]:
    try:
        texts = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in texts for child in text.split()]


def _sizes(pid: int) -> dict[str, float]:
    """Return the resident size of a process and its share of common pages, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:  # it ended
        return {"Rss": 0.0, "Pss": 0.0}
    return {line.split(":")[0]: float(line.split()[1]) / 1024 for line in lines}


def _machine() -> str:
    sys.path.insert(0, str(Path(__file__).parent))
    from _machine import describe

    return f"{describe()}, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--side", type=int, default=2000, help="pixels of the tile")
    parser.add_argument("--ending", choices=(".fits", ".fits.gz", ".fits.fz"), default=".fits")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument(
        "--engines", nargs="+", default=["keras:auto"], metavar="ENGINE:PRECISION",
        help="such as keras:bfloat16; the first search with each converts and measures",
    )  # fmt: skip
    parser.add_argument("--memory", type=int, nargs="+", metavar="ROWS")
    parser.add_argument("--together", type=int, metavar="WORKERS")
    parser.add_argument("--remember", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.remember:
        remember(options.remember)
    elif options.together:
        together(options.together)
    elif options.memory:
        memory(options.memory)
    else:
        speed(options)


if __name__ == "__main__":
    main()
