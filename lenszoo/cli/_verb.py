"""Wrapper of all verbs: one-line errors, exit codes, a quiet start, logs and progress bars."""

import contextlib
import functools
import inspect
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from lenszoo.cli._options import (
    CATALOGUE,
    PREPARING,
    catalogue_options,
    names_list,
    preparing_options,
)
from lenszoo.cli._painting import PAINTING
from lenszoo.errors import LenszooError, printable
from lenszoo.heartbeat import Heartbeat
from lenszoo.interrupt import heard, pressed
from lenszoo.lazy import without_companions

BACKENDS = ("tensorflow", "jax", "torch")

Function = TypeVar("Function", bound=Callable[..., Any])
Progress = Callable[[int, int], None]

# messages name arguments of Python; at the command line they are options
_OPTIONS = (
    (re.compile(r"\bon_bad='(\w+)'"), r"--on-bad \1"),
    (re.compile(r", or pass unlabelled=True"), ""),
    (re.compile(r"\bresize=True"), "--resize"),
    (re.compile(r"\bany_scale=True"), "--any-scale"),
    (re.compile(r"\bsky='(\w+)'"), r"--sky \1"),
    (re.compile(r"(?<![.\w])zero_point=(?=[\s,;.]|$)"), "--zero-point"),
    (re.compile(r"\bresample=True"), "--resample"),
    (re.compile(r"\blens_class=(?=[\s,;.]|$)"), "--lens-class"),
    (re.compile(r"\boverwrite=True"), "--overwrite"),
    (re.compile(r"\bskip_existing=True"), "--skip-existing"),
    (re.compile(r"\bon_missing='(\w+)'"), r"--on-missing \1"),
    (re.compile(r"\bbands=(?= names)|(?<=in order: )bands="), "--band-names"),
    (re.compile(r"\bimages=(?=[\s,;.]|$)"), "--images-in"),
    (re.compile(r"\bposition_columns=(?=[\s,;.]|$)"), "--position-columns"),
    (re.compile(r"\bcutout_size\b"), "--cutout-size"),
    (re.compile(r"(?<![.\w])(id|path|label)(?:_column)?=(?=[\s,;.]|$)"), r"--\1-column"),
    (re.compile(r"\bscaling='(\w+)'"), r"--scaling \1"),
    (re.compile(r"\b(engine|precision)='(\w+)'"), r"--\1 \2"),
    (re.compile(r"\bmax_auc_loss="), "--max-auc-loss"),
    (re.compile(r"\b(engine|precision)=(?=[\s,;.]|$)"), r"--\1"),
    (
        re.compile(
            r"(?<![.\w])(resize|bands|classes|hdu|pattern|columns|format|scaling)=(?=[\s,;.]|$)"
        ),
        r"--\1",
    ),
)

# ... and where a recipe decides, fields of the recipe
_FIELDS = (
    (re.compile(r"\bon_missing='(\w+)'"), r"--set data.on_missing=\1"),
    (re.compile(r"\bsky='(\w+)'"), r"--set data.sky=\1"),
    (re.compile(r"\bzero_point=(?=[\s,;.]|$)"), "--set data.zero_point="),
    (re.compile(r'\buse = "(\w+)"'), r"--set use=\1"),
    (re.compile(r"\bscaling='(\w+)'"), r"--set data.scaling=\1"),
    (
        re.compile(r"Name yours with (\w+)_column="),
        r"Rename yours, or for a classifier --set data.\1_column=",
    ),
    (re.compile(r"\bimages=(?=[\s,;.]|$)"), "--set data.folder="),
    (re.compile(r"\b(id|label|bands|pattern|columns)=(?=[\s,;.]|$)"), r"--set data.\1="),
)

STOPPED = "stopped; what is done is kept, and the same command goes on from it."
"""Last line after Ctrl-C of verbs whose work goes on where it stopped."""

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def verb(
    *,
    backend: bool = False,
    stopped: str = "stopped.",
    catalogue: bool = False,
    recipe: bool = False,
    painting: bool = False,
) -> Callable[[Function], Function]:
    """Make a function a verb: its errors become one line and an exit code, unless ``--debug``.

    LenszooError and what the operating system refuses exit with 2, anything else with 1.

    Args:
        backend: import keras and its backend first, without their start-up noise.
        stopped: what to say after Ctrl-C, which exits with 130.
        catalogue: add the options of reading a catalogue; the verb gets a dictionary of them,
            ``catalogue``, by their names in Python, and one of those that prepare images,
            ``preparing``.
        recipe: name fields of a recipe in messages, for verbs that train.
        painting: add the options of painting on galaxies; the verb gets a dictionary of them,
            ``painting``.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run(*args: Any, debug: bool = False, **options: Any) -> None:
            with _messages(_FIELDS * recipe), heard():
                try:
                    if catalogue:
                        options["catalogue"] = catalogue_options(options)
                        options["preparing"] = preparing_options(options)
                    if painting:
                        options["painting"] = {name: options.pop(name) for name in PAINTING}
                    if backend:
                        start_backend()
                    function(*args, **options)
                except (typer.Exit, BrokenPipeError):
                    raise
                except KeyboardInterrupt:
                    fail(stopped, 130, _FIELDS * recipe)
                except Exception as error:
                    if debug:
                        raise
                    if pressed():  # a library made an error of it
                        fail(stopped, 130, _FIELDS * recipe)
                    fail(*_explain(error), _FIELDS * recipe)

        signature = inspect.signature(function)
        shared: dict[str, tuple[Any, Any]] = {"debug": (False, Debug)}
        if catalogue:
            shared = {name: (None, kind) for name, (_, kind) in CATALOGUE.items()} | shared
            shared = {name: (value, kind) for name, (kind, value) in PREPARING.items()} | shared
        if painting:
            shared = {name: (value, kind) for name, (kind, value) in PAINTING.items()} | shared
        dictionaries = ("catalogue", "preparing") * catalogue + ("painting",) * painting
        own = {k: v for k, v in signature.parameters.items() if k not in dictionaries}
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=kind)
            for name, (value, kind) in shared.items()
        ]
        parameters = [*own.values(), *added]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run  # type: ignore[return-value]

    return decorate


def fail(message: str, code: int, first: tuple[Any, ...] = ()) -> NoReturn:
    """Print one line to standard error and exit."""
    text = printable(" ".join(_as_options(message, first).split()))
    print(f"lenszoo: {text}", file=sys.stderr, flush=True)
    raise typer.Exit(code)


def _as_options(message: str, first: tuple[Any, ...]) -> str:
    """Name options of the command line, or fields of a recipe, in place of Python's arguments."""
    for pattern, option in (*first, *_OPTIONS):
        message = pattern.sub(option, message)
    return message


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, LenszooError):
        return str(error), 2
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}.", 2
    if isinstance(error, MemoryError):
        return "out of memory; give fewer images at once or a smaller --batch-size.", 1
    return f"{type(error).__name__}: {error} (--debug shows where)", 1


def start_backend() -> None:
    """Import keras, which imports its backend."""
    try:
        with without_companions():
            import keras
    except ImportError as error:
        raise LenszooError(
            f"Keras cannot start its backend ({error}): pip install tensorflow, or set "
            "KERAS_BACKEND to one that is installed, such as jax."
        ) from error
    if keras.backend.backend() not in BACKENDS:
        raise LenszooError(
            f"KERAS_BACKEND is {keras.backend.backend()!r}; lenszoo works on {', '.join(BACKENDS)}."
        )
    for name in ("tensorflow", "absl", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _messages(first: tuple[Any, ...] = ()) -> Iterator[None]:
    """Send lenszoo's log and warnings to standard error, one plain line each."""
    logger = logging.getLogger("lenszoo")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(first))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", category=UserWarning, module=r"lenszoo\b")
            warnings.showwarning = _show_warning
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _Formatter(logging.Formatter):
    def __init__(self, first: tuple[Any, ...]) -> None:
        super().__init__()
        self.first = first

    def format(self, record: logging.LogRecord) -> str:
        text = printable(" ".join(_as_options(record.getMessage(), self.first).split()))
        return text if record.levelno < logging.WARNING else f"warning: {text}"


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {printable(' '.join(str(message).split()))}", file=sys.stderr)


def say(text: object) -> None:
    """Print to standard output; names of strangers cannot steer the terminal."""
    typer.echo("\n".join(map(printable, str(text).split("\n"))))


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Yield a function of (done, total) that moves a bar; in a log file, a line a minute."""
    if not sys.stderr.isatty():
        yield Heartbeat(title.lower())
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    texts = (TextColumn("{task.description}"), TextColumn("{task.fields[rate]}"))
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1], Remaining())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")

        def move(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            rate = "" if speed is None else f"{speed:,.0f}/s"
            bar.update(task, completed=done, total=total, rate=rate)

        yield move


def comma_list(text: str | None) -> list[str] | None:
    """Split ``"a, b"`` into its parts; None stays None."""
    return None if text is None else names_list(text)


def band_list(text: str | None) -> list[int] | None:
    """Split ``"2,1,0"`` into positions of bands; None stays None."""
    parts = comma_list(text)
    if parts is None:
        return None
    try:
        return [int(part) for part in parts]
    except ValueError:
        raise LenszooError(f"--bands {text!r}: give positions such as 0 or 2,1,0.") from None
