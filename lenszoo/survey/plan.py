"""Plan of a search: the catalogue's rows cut into parts, on disk."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lenszoo.files import disk_error, write_bytes
from lenszoo.survey.cutout_parts import write_cutout_parts
from lenszoo.survey.footprints import Tile
from lenszoo.survey.part_files import LEFT_OUT, Part, part_file
from lenszoo.survey.positions import Positions
from lenszoo.survey.ready_cutouts import PixelSource, ReadyCutouts
from lenszoo.survey.tile_parts import write_tile_parts

PART_ROWS = 8192
"""Most objects of a part: what is lost when a part is cut off."""

_VERSION = 1  # of the plan's files
_FILE = "plan.json"
_DIGEST = "[0-9a-f]" * 12  # as glob reads it


@dataclass(frozen=True)
class Plan:
    """The parts of a search, and what was left out of them.

    Attributes:
        folder: holds the objects of each part.
        parts: in the order of the tiles.
        objects: rows of the catalogue.
        left_out: counts by reason.
        placed: whether the objects have positions on the sky.
        notes: warnings about the catalogue.
    """

    folder: Path
    parts: tuple[Part, ...]
    objects: int
    left_out: dict[str, int]
    placed: bool = True
    notes: tuple[str, ...] = ()

    def read(self, part: Part) -> pa.Table:
        """Return the objects of a part: id, ra, dec, and a model's columns."""
        with pa.OSFile(str(part_file(self.folder, part.key))) as stream:
            return pa.ipc.open_file(stream).read_all()

    @property
    def left_out_file(self) -> Path:
        """The table of objects that were left out, without those outside all tiles."""
        return self.folder / LEFT_OUT


def make_plan(
    out: Path, positions: Positions, pixels: Sequence[PixelSource], part_rows: int = PART_ROWS
) -> Plan:
    """Return the plan of a search; it is made once and read when the search goes on.

    A plan is written to a folder of its own and renamed when it is whole, so that several processes
    may make it at once.

    Args:
        out: the folder of results.
        positions: the catalogue.
        pixels: all tiles, of which those with a fault get no parts; or the one stack or folder of
            cutouts.
        part_rows: most objects of a part.

    Raises:
        LenszooError: the catalogue cannot be read, an id occurs twice, it does not belong to the
            cutouts, or positions are in hours.
    """
    stamp = [(one.fault, one.stamp) for one in pixels]
    facts = [_VERSION, positions.fingerprint(), sorted(positions.columns.items()), part_rows, stamp]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    folder = out / f"plan-{digest}"
    if not (folder / _FILE).exists():
        temporary = out / f".plan-{digest}-{secrets.token_hex(6)}"
        try:
            temporary.mkdir()
            if isinstance(pixels[0], ReadyCutouts):
                written = write_cutout_parts(temporary, positions, pixels[0], part_rows)
            else:
                tiles = [one for one in pixels if isinstance(one, Tile)]
                written = write_tile_parts(temporary, positions, tiles, part_rows)
            write_bytes(temporary / _FILE, json.dumps(written).encode())
            if not folder.exists():  # another process may have been faster
                temporary.rename(folder)
        except OSError as error:
            if not (folder / _FILE).exists():
                raise disk_error(folder, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    plan = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    parts = tuple(Part(**part) for part in plan["parts"])
    notes = tuple(plan.get("notes", ()))
    return Plan(folder, parts, plan["objects"], plan["left_out"], plan.get("placed", True), notes)


def sweep_plans(out: Path, keep: Path) -> None:
    """Remove plans that were cut off, and plans for tiles as they were before."""
    for folder in (*out.glob(".plan-*"), *out.glob(f"plan-{_DIGEST}")):
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


def sweep_answers(out: Path, plan: Plan) -> None:
    """Remove answers of former plans, once those of this plan are complete.

    Args:
        out: the folder of results, which no other process searches into.
        plan: the one of this search.
    """
    keys = {part.key for part in plan.parts}
    for file in (out / "parts").glob("*.parquet"):
        if file.stem not in keys:
            file.unlink(missing_ok=True)


def answer_files(out: Path) -> list[Path]:
    """Return the files of answers of the newest plan in a folder of results, in order of names.

    Without a plan these are all files of answers.
    """
    files = sorted((out / "parts").glob("*.parquet"))
    plans = sorted(out.glob(f"plan-*/{_FILE}"), key=lambda file: file.stat().st_mtime_ns)
    if not plans:
        return files
    keys = {part["key"] for part in json.loads(plans[-1].read_text(encoding="utf-8"))["parts"]}
    return [file for file in files if file.stem in keys]
