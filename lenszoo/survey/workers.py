"""Workers of a search: processes that score parts, and are replaced when they die."""

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from lenszoo.data.grids import Grid
from lenszoo.errors import LenszooError, one_line
from lenszoo.survey.footprints import Tile
from lenszoo.survey.part_files import Part, part_file
from lenszoo.survey.plan import Plan
from lenszoo.survey.ready_cutouts import PixelSource, ReadyCutouts
from lenszoo.survey.scoring import Scorer
from lenszoo.survey.settings import Outcome, Settings

log = logging.getLogger("lenszoo")

ATTEMPTS = 3
"""Workers that may die over a part before it is given up."""


def score_parts(
    settings: Settings,
    plan: Plan,
    parts: Sequence[Part],
    pixels: Sequence[PixelSource],
    folder: Path,
    workers: int,
    ready: Callable[[], None],
) -> Iterator[tuple[Part, Outcome]]:
    """Score parts in this process, or in several, and yield each outcome as it comes.

    Args:
        settings: of the search.
        plan: holds the objects.
        parts: those to score.
        pixels: all tiles, or the one stack or folder of cutouts.
        folder: where the answers go.
        workers: processes; 0 scores in this one.
        ready: is called once, when the models are loaded in the first process.

    Raises:
        LenszooError: answers cannot be written, or no worker can start.
    """
    if workers and parts:
        pool = _Pool(settings, plan, pixels, folder, min(workers, len(parts)))
        try:
            yield from pool.run(parts, ready)
        finally:
            pool.close()
        return
    if not parts:
        return
    scorer = Scorer(settings, folder)
    ready()
    for part in parts:
        yield part, scorer.run(part.key, plan.read(part), pixels[part.tile])


class _Worker:
    """One process; it is told of a part in a line and answers in a line."""

    def __init__(self, first: dict[str, Any], number: int, threads: int, log_file: Path) -> None:
        paths = [path for path in sys.path if path]
        threads_of = dict.fromkeys(
            ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads)
        )
        environment = {
            **os.environ, **threads_of, "PYTHONPATH": os.pathsep.join(paths),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        }  # fmt: skip
        self.log_file = log_file
        self.part: Part | None = None
        self.ready = False
        with log_file.open("ab") as errors:
            # in a session of its own, so that Ctrl-C reaches the parent alone
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lenszoo.survey.worker"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, env=environment, start_new_session=True,
            )  # fmt: skip
        self.send(first)

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:  # it died; reading from it will tell
            pass

    def last_words(self) -> str:
        """Return the last line that it wrote to its log."""
        text = self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""
        lines = text.split("\n")
        lines = [line.strip() for line in lines if line.strip()]
        return lines[-1][:200] if lines else f"exit code {self.process.poll()}"


class _Pool:
    """Processes that share the parts."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        pixels: Sequence[PixelSource],
        folder: Path,
        count: int,
    ) -> None:
        self._pixels, self._logs = pixels, folder.parent / "logs"
        self._logs.mkdir(exist_ok=True)
        self._first = {
            "settings": asdict(settings), "objects": str(plan.folder), "folder": str(folder),
        }  # fmt: skip
        self._threads = max(1, (os.cpu_count() or 1) // count)
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._started = self._starts_failed = 0
        self._ready = False
        try:
            for _ in range(count):
                self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._started += 1
        log_file = self._logs / f"worker-{os.getpid()}-{self._started}.log"
        worker = _Worker(self._first, self._started, self._threads, log_file)
        self._workers.append(worker)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]

    def run(
        self, parts: Sequence[Part], ready: Callable[[], None]
    ) -> Iterator[tuple[Part, Outcome]]:
        waiting, deaths = deque(parts), Counter[str]()
        open_parts = len(parts)
        while open_parts:
            for event, _ in self._selector.select(timeout=1.0):
                worker: _Worker = event.data
                line = worker.process.stdout.readline()  # type: ignore[union-attr]
                if not line:
                    lost = self._bury(worker)
                    if lost is not None:
                        deaths[lost.key] += 1
                        if deaths[lost.key] < ATTEMPTS:
                            waiting.appendleft(lost)
                        else:
                            open_parts -= 1
                            yield lost, Outcome(lost.rows, 0, self._given_up(worker, lost))
                    continue
                message = json.loads(line)
                if "error" in message:
                    raise LenszooError(message["error"])
                if worker.part is not None:
                    open_parts -= 1
                    part, worker.part = worker.part, None
                    yield part, Outcome(*message["outcome"])
                if not self._ready:
                    self._ready = True
                    ready()
                worker.ready = True
            for worker in self._workers:
                if worker.ready and worker.part is None and waiting:
                    worker.part = waiting.popleft()
                    source = asdict(self._pixels[worker.part.tile])
                    worker.send({"key": worker.part.key, "pixels": source})

    def _bury(self, worker: _Worker) -> Part | None:
        """Replace a worker that died; return the part that it had."""
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._workers.remove(worker)
        code = worker.process.wait()
        self._release(worker)
        if not worker.ready:
            self._starts_failed += 1
            if self._starts_failed >= ATTEMPTS:
                raise LenszooError(f"Workers cannot start: {worker.last_words()}.")
        log.warning("A worker died (exit code %d); its part is done again by another.", code)
        self._start()
        return worker.part

    def _given_up(self, worker: _Worker, part: Part) -> str:
        label = self._pixels[part.tile].label
        return f"{label}: {ATTEMPTS} workers died over a part of it ({worker.last_words()})"

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            self._release(worker)
        self._workers.clear()
        self._selector.close()

    @staticmethod
    def _release(worker: _Worker) -> None:
        for stream in (worker.process.stdin, worker.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # a line that can no longer be delivered
                    stream.close()
        if worker.log_file.exists() and not worker.log_file.stat().st_size:
            worker.log_file.unlink()


def _source(facts: dict[str, Any]) -> PixelSource:
    """Return the pixels of a part from what another process told."""
    if "grids" not in facts:
        return ReadyCutouts(**facts | {"bands": tuple(facts["bands"])})
    kinds = ("grids", "weight_maps", "masks")
    grids = {
        kind: tuple(g and Grid(**g | {"shape": tuple(g["shape"])}) for g in facts[kind])
        for kind in kinds
    }
    return Tile(**facts | grids | {"zero_points": tuple(facts["zero_points"])})


def make_scorer(values: dict[str, Any], folder: str) -> Scorer:
    """Load the models of a search, in another process, from the values of its settings."""
    return Scorer(Settings.of(values), Path(folder))


def score_named(scorer: Scorer, objects: Path, key: str, pixels: dict[str, Any]) -> Outcome:
    """Score a part whose objects lie in a folder of a plan."""
    with pa.OSFile(str(part_file(objects, key))) as stream:
        table = pa.ipc.open_file(stream).read_all()
    return scorer.run(key, table, _source(pixels))


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Score the parts that requests name, a line each, until they end with who writes them."""

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message).encode() + b"\n")
        replies.flush()

    try:
        first = json.loads(requests.readline())
        scorer = make_scorer(first["settings"], first["folder"])
        reply({})
        for line in requests:
            message = json.loads(line)
            objects = Path(first["objects"])
            reply({"outcome": score_named(scorer, objects, message["key"], message["pixels"])})
    except BrokenPipeError:
        os._exit(1)  # nobody is left to tell
    except LenszooError as error:
        reply({"error": str(error)})
    except Exception as error:
        reply({"error": f"{type(error).__name__}: {one_line(error)}."})
