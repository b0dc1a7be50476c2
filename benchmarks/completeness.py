"""Selection function of a finder on simulated galaxies of its survey, and the time that it takes.

    python benchmarks/completeness.py FOLDER [--weights NAME] [--survey NAME] [--per-bin 1834]

By default 60 bins of 1,834 lenses each, 110,000 in all, on 300 galaxies of Pan-STARRS1: about an
hour of two cores. FOLDER holds the tables and report.html afterwards; the same command goes on
where it was stopped.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _machine import describe

from lenszoo import completeness
from lenszoo.simulation import simulate_galaxies

AXES = ("einstein_radius", "source_magnitude", "lens_magnitude")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--weights", default="lens_finder.ps1_grizy_painted_v3")
    parser.add_argument("--survey", default="ps1_grizy")
    parser.add_argument("--galaxies", type=int, default=300)
    parser.add_argument("--per-bin", type=int, default=1834)
    parser.add_argument("--seed", type=int, default=3, help="of the galaxies")
    arguments = parser.parse_args()
    start = time.perf_counter()
    galaxies = simulate_galaxies(arguments.survey, arguments.galaxies, seed=arguments.seed)
    table = completeness(
        arguments.weights,
        arguments.survey,
        galaxies,
        arguments.folder,
        per_bin=arguments.per_bin,
        any_scale=True,
    )
    minutes = (time.perf_counter() - start) / 60
    rows = table.to_pylist()
    print(f"{arguments.weights}, {arguments.galaxies} galaxies of {arguments.survey}; {describe()}")
    print(
        f"{minutes:.1f} minutes in this call; {len(rows)} bins of {arguments.per_bin}, "
        f"{sum(row['lenses'] == 0 for row in rows)} without a lens"
    )
    print(f"{'axis':>16} {'bin':>14} {'drawn':>9} {'lenses':>8} {'found':>7}")
    for axis in AXES:
        edges = sorted({(row[f"{axis}_low"], row[f"{axis}_high"]) for row in rows})
        for low, high in edges:
            inside = [row for row in rows if row[f"{axis}_low"] == low]
            tries, lenses, hits = (
                sum(row[name] for row in inside) for name in ("tries", "lenses", "found")
            )
            share = f"{hits / lenses:7.1%}" if lenses else "      -"
            print(f"{axis:>16} {low:6.2f} - {high:5.2f} {tries:9d} {lenses:8d} {share}")


if __name__ == "__main__":
    main()
