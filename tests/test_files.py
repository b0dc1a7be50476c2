import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lenszoo import files
from lenszoo.errors import LenszooError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "report.json"
    files.write_bytes(target, b"old")

    def full(self, other):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(LenszooError, match=r"report\.json: No space left on device"):
        files.write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("sync", [True, False])
def test_the_content_is_on_the_disk_before_the_rename(tmp_path, monkeypatch, sync):
    target, synced = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(target.exists()))
    with files.replacing(target, sync=sync) as (_, stream):
        stream.write(b"x")
    assert synced == ([False] if sync else [])
    assert target.read_bytes() == b"x"


def test_a_file_has_the_mode_of_the_umask(tmp_path):
    files.write_bytes(tmp_path / "a", b"")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask


def test_faults_of_a_file_are_size_then_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    digest = files.sha256_of(path)
    assert files.fault_of(path, 3, digest) is None
    assert files.fault_of(path, 4, digest) == "3 bytes instead of 4"
    assert "sha256" in files.fault_of(path, 3, "0" * 64)
    assert files.fault_of(tmp_path / "b", 3, digest) == "No such file or directory"


HOLD = """
import sys, time
from pathlib import Path
from lenszoo import files
with files.hold(Path(sys.argv[1]), "run folder", ".lock", "busy: choose another"):
    path, stream = files.create_temporary(Path(sys.argv[1], "recipe.json"))
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_held_folder_is_busy_and_after_a_kill_free_and_swept(tmp_path):
    folder = tmp_path / "new" / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    (temporary,) = folder.glob(".recipe.json.*.tmp")
    with (
        pytest.raises(LenszooError, match="busy: choose another"),
        files.hold(folder, "run folder", ".lock", "busy: choose another"),
    ):
        pass
    assert files.sweep(folder, 0) == [], "its process lives"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with files.hold(folder, "run folder", ".lock", "busy"):
        assert not temporary.exists()


def test_a_sweep_spares_young_and_foreign_files(tmp_path):
    young, stream = files.create_temporary(tmp_path / "a")
    stream.close()
    old = tmp_path / f".b.00000000-{os.getpid()}-0123456789ab.tmp"  # of another machine
    foreign = tmp_path / ".c.tmp"
    for path in (old, foreign):
        path.touch()
        long_ago = time.time() - 3600 * (files.STALE_HOURS + 1)
        os.utime(path, (long_ago, long_ago))
    assert files.sweep(tmp_path) == [old]
    assert young.exists() and foreign.exists()


def test_a_file_in_the_place_of_a_folder_is_one_line(tmp_path):
    (tmp_path / "run").touch()
    with (
        pytest.raises(LenszooError, match="Cannot write the run folder"),
        files.hold(tmp_path / "run", "run folder", ".lock", "busy"),
    ):
        pass


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\U0001f52d", "\udcff"])
def test_names_as_long_as_a_system_allows(tmp_path, letter):
    size = len(os.fsencode(letter))
    target = tmp_path / (letter * (255 // size))
    files.write_bytes(target, b"x")
    assert target.read_bytes() == b"x" and len(list(tmp_path.iterdir())) == 1


def test_an_output_is_no_input_no_run_and_nothing_that_is_there(tmp_path):
    table, run, full = tmp_path / "t.csv", tmp_path / "run", tmp_path / "full"
    table.write_text("id\n")
    for folder in (run, full):
        folder.mkdir()
        (folder / ("run.json" if folder is run else "notes.txt")).write_text("{}")
    (tmp_path / "link.csv").symlink_to(table)
    refused = [
        (table, [table], True, "is an input"),
        (table, [tmp_path / "link.csv"], True, "is an input"),
        (tmp_path / "x" / ".." / "t.csv", [str(table)], True, "is an input"),
        (full, [full], True, "is an input"),
        (run, [], True, "folder of a run"),
        (full, [], False, "is not empty"),
        (table, [], False, "is there already"),
    ]
    (tmp_path / "x").mkdir()
    for target, inputs, overwrite, text in refused:
        with pytest.raises(LenszooError, match=text) as caught:
            files.check_output(target, inputs, overwrite=overwrite)
        assert "\n" not in str(caught.value)
    for target, inputs, overwrite in [
        (table, ["resnet18_slim.common_test_sim_v2", None, full], True),
        (full, [table], True),
        (tmp_path / "x", [table], False),
        (tmp_path / "new.csv", [table], False),
    ]:
        files.check_output(target, inputs, overwrite=overwrite)


def test_outputs_among_inputs_would_be_inputs(tmp_path):
    (tmp_path / "images").mkdir()
    files.check_beside(tmp_path / "run", [tmp_path / "images", "name"])
    for folder in (tmp_path / "images", tmp_path / "images" / "run"):
        with pytest.raises(LenszooError, match="lies within the folder of inputs"):
            files.check_beside(folder, [tmp_path / "images"])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "Expecting value"),
        ("[" * 200_000, "cannot be read"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ("[]", "no JSON object"),
        (b"\xff", "decode"),
        (None, "No such file"),
    ],
)
def test_json_that_cannot_be_read_is_one_line(tmp_path, content, text):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LenszooError, match=text) as caught:
        files.read_json(path, "Mend it.")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert "Mend it." in str(caught.value)


def test_paths_that_no_file_can_have(tmp_path):
    (tmp_path / "a").touch()
    assert files.has_file(tmp_path / "a") and files.has_folder(tmp_path)
    for path in ("x" * 5000, "a\0b", tmp_path / "a" / "b", tmp_path / "absent"):
        assert not files.has_file(path) and not files.has_folder(path)
    assert files.expanded("~no such user/a") == Path("~no such user/a")
    assert files.expanded("~/a").is_absolute()


def test_json_is_a_regular_file_of_a_sane_size(tmp_path):
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(2**26 + 1)
    for name in ("zero", "pipe", "large"):
        with pytest.raises(LenszooError, match="not a file of at most 64 MiB"):
            files.read_json(tmp_path / name)


@pytest.mark.parametrize("alone", [True, False])
def test_temporaries_of_others_are_swept_only_where_nobody_else_writes(tmp_path, alone):
    other = tmp_path / f".a.csv.{'0' * 8}-7-{'0' * 12}.tmp"
    other.write_bytes(b"half")
    with files.hold(tmp_path, "folder", ".lock", "busy", alone=alone):
        assert other.exists() != alone


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.expanded("~/a.csv") == tmp_path / "a.csv"
    assert [files.at_home(name) for name in ("./a", "a~", "~no one/a")] == [
        "./a",
        "a~",
        "~no one/a",
    ]
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(LenszooError, match=r"a\.csv: is there already"):
        files.check_output("~/a.csv")
    with pytest.raises(LenszooError, match=r"a\.csv: is an input itself"):
        files.check_output(tmp_path / "a.csv", ["~/a.csv"], overwrite=True)
