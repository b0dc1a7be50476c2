"""A search among cutouts: the rows of predict, resume, and stacks that are damaged."""

import contextlib
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from tinysky import refusal
from tinystack import FIRST, cutouts, write_catalogue, write_folder, write_stack

from lenszoo import predict
from lenszoo.survey import similar
from lenszoo.survey.ready_cutouts import find_cutouts, open_positions
from lenszoo.survey.results_folder import held

WEIGHTS = "lens_finder.hard_sim_image"
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Stack, folder and catalogue of 24 cutouts, the fourth of which has a bad pixel."""
    folder = tmp_path_factory.mktemp("made")
    images = cutouts(24)
    images[3, 5, 5, 0] = np.nan
    write_stack(folder / "s.h5", images)
    write_stack(folder / "s.npz", images)
    with h5py.File(folder / "n.h5", "w") as file:
        file["sky/images"] = images
    write_folder(folder / "f", images)
    ids = [EVIL, *(str(FIRST + k) for k in range(1, 24))]
    write_catalogue(folder / "c.csv", 24)
    write_catalogue(
        folder / "evil.csv", 24, id=[f'"{i.replace(chr(34), chr(34) * 2)}"' for i in ids]
    )
    (folder / "lenses.csv").write_text(f"name,ra,dec\nHorseshoe,{150 + 7 / 60},2.0001\n")
    return folder, images


def test_rows_are_those_of_predict_in_stacks_and_folders(made, tmp_path, look, rows_of):
    folder, images = made
    table = predict(WEIGHTS, images, on_bad="skip")
    logits = table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()
    options = {"catalogue": folder / "c.csv", "tiles": None, "part_rows": 7}
    lists = {"known_lenses": folder / "lenses.csv", "prevalence": 1e-3}
    for name in ("s.h5", "s.npz", "n.h5[sky/images]", "f"):
        out = tmp_path / f"out-{name.partition('[')[0]}"
        more = lists | {"features": True, "previews": True} if name == "s.h5" else {}
        result = look(folder, out, cutouts=folder / name, **options, **more)
        assert (result.complete, result.searched, result.scored) == (True, 24, 23)
        rows, candidates = rows_of(out)
        got = [rows[str(FIRST + k)]["logit"] for k in range(24)]
        assert got.pop(3) is None
        np.testing.assert_allclose(got, np.delete(logits, 3), atol=1e-5)
        assert "bad_pixels" in candidates[0] and rows[str(FIRST + 3)]["bad_pixels"] == 1
        assert rows[str(FIRST)]["path"] == (f"{FIRST}.npy" if name == "f" else f"{name}[0]")
    _, candidates = rows_of(tmp_path / "out-s.h5")
    assert all(row["preview"][:2] == b"\xff\xd8" for row in candidates)
    assert [row["known"] for row in candidates if row["id"] == str(FIRST + 7)] in (
        [],
        ["Horseshoe"],
    )
    assert {"prob_at_prevalence", "duplicates"} <= set(candidates[0])
    alike = similar(tmp_path / "out-s.h5", str(FIRST), count=3)
    assert len(alike) == 3 and "path" in alike.column_names


def test_a_search_goes_on_and_ids_may_be_html(made, tmp_path, look, rows_of):
    folder, _ = made
    stack = shutil.copy(folder / "s.h5", tmp_path)
    options = {"catalogue": folder / "evil.csv", "tiles": None, "part_rows": 5, "cutouts": stack}
    look(folder, tmp_path / "whole", **options)
    look(folder, tmp_path / "out", shard=(2, 3), **options)
    parts = list((tmp_path / "out" / "parts").iterdir())
    times = {path: path.stat().st_mtime_ns for path in parts[1:]}
    parts[0].write_bytes(parts[0].read_bytes()[:-40])
    assert look(folder, tmp_path / "out", **options).complete
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "whole")
    assert EVIL in rows_of(tmp_path / "out")[0]
    with held(tmp_path / "out", None):  # another process
        refusal(lambda: look(folder, tmp_path / "out", **options), "another process is searching")
    refusal(lambda: look(folder, tmp_path / "out", **options, crop=32), "crop: None there, 32 here")


def test_stacks_that_are_damaged_or_do_not_fit_are_told_of(made, tmp_path, look, rows_of):
    folder, images = made
    options = {"catalogue": folder / "c.csv", "tiles": None}

    def run(name, *texts, **more):
        refusal(
            lambda: look(folder, tmp_path / "no", cutouts=tmp_path / name, **options, **more),
            *texts,
        )

    for name in ("s.npz", "s.h5"):
        content = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        run(name, name, "damaged")
    write_stack(tmp_path / "wide.npy", np.zeros((24, 80, 80, 3), np.float32))
    run("wide.npy", "80 x 80 pixels", "resize=True")
    write_stack(tmp_path / "bands.npy", images[..., [0, 1, 2, 2]])
    run("bands.npy", "4 bands", "bands=")
    write_stack(tmp_path / "bright.npy", images * 100)
    run("bright.npy", "times that of the training", "any_scale=True")
    plain = write_catalogue(tmp_path / "plain.csv", 24, ra=[""] * 24, dec=[""] * 24)
    lenses = {"known_lenses": folder / "lenses.csv"}
    options["catalogue"] = plain
    write_stack(tmp_path / "s.npy", images)
    run("s.npy", "has no ra and dec", **lenses)


def test_a_damaged_chunk_costs_its_images_alone(made, tmp_path, look, rows_of):
    folder, _ = made
    images = cutouts(24)
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(4, 64, 64, 3), compression="gzip")
        chunk = file["images"].id.get_chunk_info(2)
    with (tmp_path / "z.h5").open("r+b") as stream:
        stream.seek(chunk.byte_offset + 100)
        stream.write(b"\xff" * 1000)
    options = {"catalogue": folder / "c.csv", "tiles": None, "on_bad": "zero"}
    result = look(folder, tmp_path / "out", cutouts=tmp_path / "z.h5", **options)
    assert result.scored == 20 and result.complete
    rows, _ = rows_of(tmp_path / "out")
    lost = [k for k in range(24) if rows[str(FIRST + k)]["logit"] is None]
    assert lost == [8, 9, 10, 11] and "damaged" in rows[str(FIRST + 8)]["error"]


@pytest.mark.slow
def test_kill_9_changes_no_row(made, tmp_path, look, rows_of):
    folder, _ = made
    options = {"catalogue": folder / "c.csv", "tiles": None, "part_rows": 1}
    script = (
        "from lenszoo.survey import search\n"
        f"search({str(folder / 'c.csv')!r}, None, {WEIGHTS!r}, {str(tmp_path / 'out')!r}, "
        f"cutouts={str(folder / 's.h5')!r}, part_rows=1, top=10)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            if any((tmp_path / "out" / "parts").glob("*.parquet")):
                break
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = pq.read_metadata(next((tmp_path / "out" / "parts").glob("*.parquet"))).num_rows
    assert done == 1 and not (tmp_path / "out" / "candidates.parquet").exists()
    assert look(folder, tmp_path / "out", cutouts=folder / "s.h5", **options).complete
    look(folder, tmp_path / "whole", cutouts=folder / "s.h5", **options)
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "whole")


def test_row_numbers_are_ids_of_one_stack_alone(tmp_path):
    images = cutouts(3)
    marks = []
    for name, content in (("a.npy", images), ("b.npy", images), ("c.npy", images[::-1])):
        source = find_cutouts(write_stack(tmp_path / name, content), None, ())
        marks.append(open_positions(None, source, {}, ()).fingerprint())
    assert marks[0] == marks[1] != marks[2]
