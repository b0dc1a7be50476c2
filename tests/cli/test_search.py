"""The command: two lines of output, exit codes, and what Ctrl-C and kill -9 leave behind."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from limited import small_files
from tinysky import write_sky
from tinystack import cutouts, write_stack

ROOT = Path(__file__).parents[2]
WEIGHTS = "lens_finder.hard_sim_image"


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")


def arguments(folder, out, *more):
    options = ("--tiles", folder / "tiles", "--weights", WEIGHTS, "--out", out, "--top", "5")
    return ("search", folder / "catalogue.csv", *options, *more)


def rows(out):
    table = pq.read_table(out / "parts").sort_by("id").to_pylist()
    return table, pq.read_table(out / "candidates.parquet").to_pylist()


def test_the_command_says_where_the_candidates_are(tmp_path, lenszoo, refused):
    write_sky(tmp_path, tiles=2, objects=40)
    (tmp_path / "lenses.csv").write_text("name,ra,dec\nHorseshoe,10,10\n")
    more = ("--known", tmp_path / "lenses.csv", "--prevalence", "1e-3", "--columns", "id=id")
    result = lenszoo(*arguments(tmp_path, tmp_path / "out", *more))
    assert "candidates.parquet: 5 candidates; " in result.stdout
    assert "of 40 objects scored" in result.stdout
    table = pq.read_table(tmp_path / "out" / "candidates.parquet")
    assert {"rank", "prob_at_prevalence", "known", "duplicates"} <= set(table.column_names)
    assert "objects" in (tmp_path / "out" / "search.log").read_text()
    line = refused(*arguments(tmp_path, tmp_path / "out", "--on-bad", "zero", *more[-2:]))
    assert "holds another search" in line
    assert "I/N" in refused(*arguments(tmp_path, tmp_path / "b", "--shard", "3/2"))
    assert "--columns" in refused(*arguments(tmp_path, tmp_path / "b", "--columns", "id"))
    missing = ("search", tmp_path / "none.csv", "--tiles", tmp_path, "--weights", WEIGHTS)
    assert "no such file" in refused(*missing, "--out", tmp_path / "b")


def test_a_bad_tile_exits_with_1_and_the_rest_is_searched(tmp_path, lenszoo):
    write_sky(tmp_path, tiles=2, objects=40)
    (tmp_path / "tiles" / "t1" / "i.fits").unlink()
    result = lenszoo(*arguments(tmp_path, tmp_path / "out"), code=1)
    assert "tile t1 lacks band i" in result.stderr and "summary.json" in result.stderr
    assert "5 candidates" in result.stdout


def test_cutouts_take_the_place_of_tiles(tmp_path, lenszoo, refused):
    write_stack(tmp_path / "s.npy", cutouts(12)[..., [2, 1, 0]])
    options = ("--cutouts", tmp_path / "s.npy", "--weights", WEIGHTS, "--out", tmp_path / "out")
    result = lenszoo("search", *options, "--bands", "2,1,0", "--top", "5")
    assert "candidates.parquet: 5 candidates; 12 of 12 objects scored" in result.stdout
    both = refused("search", *options, "--bands", "2,1,0", "--band-names", "g,r,i")
    assert "give one of them" in both


def start(folder, out, *more):
    return subprocess.Popen(
        [sys.executable, "-m", "lenszoo", *map(str, arguments(folder, out, *more))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(process, out, count=1):
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((out / "parts").glob("*.parquet"))) >= count:
            return
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_in_one_line_and_the_same_command_goes_on(tmp_path, lenszoo):
    write_sky(tmp_path, tiles=8, side=200, objects=160)
    process = start(tmp_path, tmp_path / "out")
    wait_for_parts(process, tmp_path / "out")
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == (
        "lenszoo: stopped; what is done is kept, and the same command goes on from it."
    )
    done = set((tmp_path / "out" / "parts").iterdir())
    times = {path: path.stat().st_mtime_ns for path in done}
    lenszoo(*arguments(tmp_path, tmp_path / "out"))
    assert times == {path: path.stat().st_mtime_ns for path in done}
    lenszoo(*arguments(tmp_path, tmp_path / "whole"))
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")


def kill_once(folder, out, moment, victim, children):
    """Start the command with two workers and kill it, or a worker, ``moment`` s after the start."""
    process = start(folder, out, "--workers", "2")
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        pids = children(process.pid) if victim == "worker" else [process.pid]
        if pids:
            os.kill(random.choice(pids), signal.SIGKILL)
    if victim == "parent":
        process.kill()
    process.communicate(timeout=900)
    return process.returncode


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_kills_at_20_moments_change_no_row(tmp_path, lenszoo, children):
    write_sky(tmp_path, tiles=20, side=200, objects=2000)
    began = time.monotonic()
    process = start(tmp_path, tmp_path / "whole", "--workers", "2")
    assert process.communicate(timeout=900) and process.returncode == 0
    length = time.monotonic() - began
    expected = rows(tmp_path / "whole")
    moments = random.Random(2026)
    codes = []
    for k in range(20):
        victim = ("parent", "worker")[k % 2]
        out = tmp_path / f"out{k // 4}"  # several kills of one search
        codes.append(
            kill_once(tmp_path, out, moments.uniform(0.05, 1.0) * length, victim, children)
        )
    assert -9 in codes
    for k in range(5):
        lenszoo(*arguments(tmp_path, tmp_path / f"out{k}"))
        assert rows(tmp_path / f"out{k}") == expected


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_is_told_of_in_one_line_and_the_search_goes_on(tmp_path, lenszoo):
    write_sky(tmp_path, tiles=2, objects=200)
    command = [sys.executable, "-m", "lenszoo", *arguments(tmp_path, tmp_path / "out")]
    start = 'import runpy\nrunpy.run_module("lenszoo", run_name="__main__")'
    command[1:3] = ["-c", small_files(6000) + start]
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "no half-written file was left" in done.stderr
    assert not list((tmp_path / "out" / "parts").glob(".*.tmp"))
    lenszoo(*arguments(tmp_path, tmp_path / "out"))
