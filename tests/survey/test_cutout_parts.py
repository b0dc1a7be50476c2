"""Which cutout is whose: catalogues that belong to a stack or a folder, and others."""

import json

import numpy as np
import pyarrow as pa
import pytest
from tinysky import refusal
from tinystack import FIRST, write_catalogue, write_folder, write_stack

from lenszoo.survey.cutout_parts import write_cutout_parts
from lenszoo.survey.part_files import part_file
from lenszoo.survey.ready_cutouts import find_cutouts, open_positions

IMAGES = np.random.default_rng(0).normal(size=(10, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def plan(tmp_path):
    """Plan a search; return the facts, and the rows of its parts in order."""

    def run(catalogue, cutouts, pattern=None, bands=(), columns=None, extra=(), part_rows=4):
        source = find_cutouts(cutouts, pattern, bands)
        positions = open_positions(catalogue, source, columns or {}, extra)
        folder = tmp_path / "plan"
        folder.mkdir(exist_ok=True)
        facts = write_cutout_parts(folder, positions, source, part_rows)
        rows = []
        for part in facts["parts"]:
            with pa.OSFile(str(part_file(folder, part["key"]))) as stream:
                rows += pa.ipc.open_file(stream).read_all().to_pylist()
        return facts, rows

    return run


def test_rows_of_a_catalogue_are_the_images_of_its_stack_in_order(plan, tmp_path):
    catalogue = write_catalogue(tmp_path / "c.csv", 10)
    facts, rows = plan(catalogue, write_stack(tmp_path / "s.npy", IMAGES))
    assert [part["rows"] for part in facts["parts"]] == [4, 4, 2] and facts["placed"]
    assert [row["path"] for row in rows] == [f"s.npy[{k}]" for k in range(10)]
    assert [row["id"] for row in rows] == [str(FIRST + k) for k in range(10)]
    for count in (9, 11):
        other = write_catalogue(tmp_path / "other.csv", count)
        refusal(lambda other=other: plan(other, tmp_path / "s.npy"), "10 images", f"{count:,}")


def test_ids_of_a_stack_must_be_those_of_its_catalogue(plan, tmp_path):
    ids = FIRST + np.arange(10)
    stack = write_stack(tmp_path / "s.h5", IMAGES, id=ids)
    catalogue = write_catalogue(tmp_path / "c.csv", 10)
    assert len(plan(catalogue, stack)[1]) == 10
    swapped = write_stack(tmp_path / "t.h5", IMAGES, id=ids[[0, 1, 3, 2, *range(4, 10)]])
    refusal(lambda: plan(catalogue, swapped), f"row 3 is '{FIRST + 2}', but '{FIRST + 3}'")
    twice = [str(FIRST), *(str(FIRST + k) for k in range(9))]
    plain = write_stack(tmp_path / "s.npy", IMAGES)
    again = write_catalogue(tmp_path / "d.csv", 10, id=twice)
    refusal(lambda: plan(again, plain), f"id '{FIRST}' occurs more than once")


def test_a_stack_without_a_catalogue_names_its_images(plan, tmp_path):
    ra, names = np.linspace(0, 90, 10), np.array([f"<b>{k}" for k in range(10)])
    stack = write_stack(tmp_path / "s.npz", IMAGES, id=names, ra=ra, dec=ra / 2, flux=ra * 3)
    _, rows = plan(None, stack, extra=("flux",))
    assert rows[7] == {
        "id": "<b>7", "ra": ra[7], "dec": ra[7] / 2, "flux": ra[7] * 3, "path": "s.npz[7]",
    }  # fmt: skip
    facts, rows = plan(None, write_stack(tmp_path / "s.npy", IMAGES))
    assert [row["id"] for row in rows] == [str(k) for k in range(10)] and not facts["placed"]
    assert np.isnan(rows[0]["ra"])
    refusal(lambda: plan(None, tmp_path / "s.npy", extra=("flux",)), "no column 'flux'")
    one = write_stack(tmp_path / "ra.npz", IMAGES, ra=ra)
    refusal(lambda: plan(None, one), "has ra and no dec")


def test_positions_may_be_missing_and_those_that_are_none_are_counted(plan, tmp_path):
    stack = write_stack(tmp_path / "s.npy", IMAGES)
    ra = ["150", "", "-99", "nan", *["151"] * 6]
    facts, rows = plan(write_catalogue(tmp_path / "c.csv", 10, ra=ra), stack)
    assert len(rows) == 10 and np.isnan([row["ra"] for row in rows]).tolist()[:5] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert "ra or dec of 1 row is no position" in facts["notes"][0]


def test_images_of_a_folder_are_called_like_the_ids(plan, tmp_path):
    folder = write_folder(tmp_path / "f" / "deep", IMAGES).parent
    (folder / "deep" / f"{FIRST + 3}.npy").unlink()
    np.save(folder / "stranger.npy", IMAGES[0])
    catalogue = write_catalogue(tmp_path / "c.csv", 10)
    facts, rows = plan(catalogue, folder)
    assert len(rows) == 9 and rows[3]["path"] == f"deep/{FIRST + 4}.npy"
    assert facts["left_out"] == {f"no image in {folder}": 1}
    assert "1 image of no row" in facts["notes"][0] and "stranger" in facts["notes"][0]
    ids = [str(FIRST), f"deep/{FIRST}.npy", *(str(FIRST + k) for k in range(2, 10))]
    both = write_catalogue(tmp_path / "d.csv", 10, id=ids)
    refusal(lambda: plan(both, folder), f"'{FIRST}' and 'deep/{FIRST}.npy' both mean the image")
    others = write_catalogue(tmp_path / "e.csv", 2, id=["x", "y"])
    refusal(lambda: plan(others, folder), "no image of", "first id is 'x'", "pattern=")
    _, rows = plan(None, folder)
    assert len(rows) == 10 and rows[-1]["id"] == rows[-1]["path"] == "stranger.npy"


def test_bands_in_files_of_their_own_follow_a_pattern(plan, tmp_path):
    for band in "gr":
        write_folder(tmp_path / "f" / band, IMAGES[..., 0])
    (tmp_path / "f" / "r" / f"{FIRST + 1}.npy").unlink()
    catalogue = write_catalogue(tmp_path / "c.csv", 10)
    _, rows = plan(catalogue, tmp_path / "f", "{band}/{id}.npy", ("g", "r"))
    assert rows[0]["path"] == f"g/{FIRST}.npy + r/{FIRST}.npy" and len(rows) == 9
    source = find_cutouts(tmp_path / "f", "{band}/{id}.npy", ("g", "r"))
    assert source.images([rows[0]["path"]]) == [
        [str(tmp_path / "f" / band / f"{FIRST}.npy") for band in "gr"]
    ]
    refusal(lambda: plan(catalogue, tmp_path / "f", "{band}.npy", ("g", "r")), "lacks {id}")


def test_changed_files_change_their_parts_alone(plan, tmp_path):
    folder = write_folder(tmp_path / "f", IMAGES)
    catalogue = write_catalogue(tmp_path / "c.csv", 10)
    before = [part["key"] for part in plan(catalogue, folder)[0]["parts"]]
    np.save(folder / f"{FIRST + 5}.npy", IMAGES[5].astype(np.float64))
    after = [part["key"] for part in plan(catalogue, folder)[0]["parts"]]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    stack = write_stack(tmp_path / "s.npy", IMAGES)
    first = json.dumps(plan(catalogue, stack)[0]["parts"])
    write_stack(tmp_path / "s.npy", IMAGES.astype(np.float64))
    assert json.dumps(plan(catalogue, stack)[0]["parts"]) != first
