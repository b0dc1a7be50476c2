"""Parts of a search as tasks of a Ray cluster, with one model a worker."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lenszoo.errors import LenszooError, one_line
from lenszoo.survey.part_files import Part
from lenszoo.survey.plan import Plan
from lenszoo.survey.ready_cutouts import PixelSource
from lenszoo.survey.settings import Outcome, Settings
from lenszoo.survey.workers import ATTEMPTS, make_scorer, score_named

LOCAL = "local"
"""Address that begins a cluster on this machine; "auto" joins the one that runs on it."""

_PATIENCE = 10.0  # s
_AHEAD = 2  # tasks a processor that are handed out at once
_PASSED_ON = ("KERAS_BACKEND", "LENSZOO_CACHE", "LENSZOO_MANIFEST", "LENSZOO_OFFLINE")


def score_on_ray(
    settings: Settings,
    plan: Plan,
    parts: Sequence[Part],
    pixels: Sequence[PixelSource],
    folder: Path,
    address: str,
    ready: Callable[[], None],
) -> Iterator[tuple[Part, Outcome]]:
    """Score parts on a Ray cluster, and yield each outcome as it comes.

    A task scores one part on one processor, or on one GPU where there are any; Ray keeps its
    processes, each of which loads the models once. A task whose process or node dies is given to
    another, two times. Pixels and results must lie where every node sees them.

    Args:
        settings, plan, parts, pixels, folder, ready: as for
            :func:`lenszoo.survey.workers.score_parts`.
        address: of the cluster, such as "192.168.0.1:6379"; "auto" or :data:`LOCAL`.

    Raises:
        LenszooError: Ray is not installed, the cluster cannot be reached, or a task fails.
    """
    if not parts:
        return
    ray = _ray()
    own = not ray.is_initialized()
    if own:
        _connect(ray, address)
    try:
        yield from _run(ray, settings, plan, parts, pixels, folder, ready)
    finally:
        if own:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise LenszooError(
            "A search on Ray needs the package ray: pip install 'lenszoo[ray]'."
        ) from error
    return ray


def _connect(ray: Any, address: str) -> None:
    options: dict[str, Any] = {} if address == LOCAL else {"address": address}
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    try:
        if colon:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
        ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:  # Ray raises nearly anything for an address that does not answer
        raise LenszooError(
            f"Ray at {address!r} cannot be reached ({one_line(error)}); start it there with "
            "`ray start --head`, or use 'local'."
        ) from error


def _run(
    ray: Any,
    settings: Settings,
    plan: Plan,
    parts: Sequence[Part],
    pixels: Sequence[PixelSource],
    folder: Path,
    ready: Callable[[], None],
) -> Iterator[tuple[Part, Outcome]]:
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    variables = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    variables |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    task = ray.remote(_score_cached).options(
        num_cpus=1, num_gpus=1 if gpus else 0, max_retries=ATTEMPTS - 1,
        runtime_env={"env_vars": variables | {"TF_CPP_MIN_LOG_LEVEL": "3"}},
    )  # fmt: skip
    shared = ray.put((asdict(settings), str(plan.folder), str(folder)))
    waiting, open_tasks = list(reversed(parts)), dict[Any, Part]()
    limit = _AHEAD * max(1, gpus or int(resources.get("CPU", 1)))
    is_ready = False
    try:
        while waiting or open_tasks:
            while waiting and len(open_tasks) < limit:
                part = waiting.pop()
                source = asdict(pixels[part.tile])
                open_tasks[task.remote(shared, part.key, source)] = part
            done, _ = ray.wait(list(open_tasks), num_returns=1)
            for each in done:
                part = open_tasks.pop(each)
                yield part, _outcome(ray, each, part, pixels)
            if not is_ready:
                is_ready = True
                ready()
    finally:
        for each in open_tasks:
            ray.cancel(each, force=True)


def _outcome(ray: Any, task: Any, part: Part, pixels: Sequence[PixelSource]) -> Outcome:
    try:
        answer = ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise LenszooError(f"A task of Ray failed ({one_line(error.cause)}).") from error
    except ray.exceptions.RayError as error:  # the process or the node died, again and again
        label = pixels[part.tile].label
        reason = f"{label}: {ATTEMPTS} workers died over a part of it ({one_line(error)})"
        return Outcome(part.rows, 0, reason)
    if isinstance(answer, str):
        raise LenszooError(answer)
    return Outcome(*answer)


_scorers: dict[str, Any] = {}  # of a process of Ray, the last one


def _score_cached(shared: Any, key: str, pixels: dict[str, Any]) -> Any:
    """Score a part in a process of Ray; return its outcome, or what is wrong in a line."""
    values, objects, folder = shared
    name = f"{values} {folder}"
    try:
        if name not in _scorers:
            _scorers.clear()
            _scorers[name] = make_scorer(values, folder)
        return tuple(score_named(_scorers[name], Path(objects), key, pixels))
    except LenszooError as error:
        return str(error)
