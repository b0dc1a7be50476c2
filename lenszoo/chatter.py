"""Chatter of TensorFlow: left out of standard error while it is imported and while it predicts.

TensorFlow's C++ libraries write to the file descriptor itself, before they look at
``TF_CPP_MIN_LOG_LEVEL``. So the descriptor leads to a temporary file during the import, and all
lines that are no known chatter are passed on afterwards. Who sets ``TF_CPP_MIN_LOG_LEVEL`` to 0 or
1 sees everything.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_RETRACING = "triggered tf.function retracing"
LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# the time in the log's form: I0000 00:00:1795892751.726557 21915 file.cc:153], or as a date
_LOG = r"^(?:{letters}\d{{4}} [\d:.]+\s+\d+|\d{{4}}-\d\d-\d\d [\d:.]+ {letters}) [\w/.]+:\d+\] "
_CHATTER = re.compile(
    "|".join(
        (
            r"^WARNING: All log messages before absl::InitializeLog\(\) is called",
            _LOG.format(letters="I:?"),
            r"^To enable the following instructions: ",
            # the libraries of CUDA that TensorFlow's parts link twice
            _LOG.format(letters="[WE]:?")
            + r".*(?:Unable to register cu|computation placer already)",
        )
    )
)


def set_level() -> None:
    """Let TensorFlow log no notes after its start; without a GPU's driver no errors of CUDA either.

    Its failures also reach Python as exceptions. A level that is set already stays.
    """
    os.environ.setdefault(LEVEL, "2" if Path("/dev/nvidiactl").exists() else "3")


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Leave known chatter out of what is written to standard error, at the end of the block."""
    set_level()
    try:
        saved = None if os.environ[LEVEL] in ("0", "1") else os.dup(2)
    except OSError:  # there is no standard error to keep clean
        saved = None
    if saved is None:
        yield
        return
    import tempfile

    with tempfile.TemporaryFile() as sink:
        _flush()
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(saved, 2)
            os.close(saved)
            sink.seek(0)
            for line in sink:
                if not _CHATTER.match(line.decode("utf-8", "replace")):
                    os.write(2, line)


@contextlib.contextmanager
def without_retracing() -> Iterator[None]:
    """Leave TensorFlow's warning of retracing out of the log while models predict.

    Keras traces one function for each model, and batches have one shape, so nothing is traced
    twice; but TensorFlow counts the functions of all models as one, and warns from the fifth
    model of a process on.
    """
    logger, rule = logging.getLogger("tensorflow"), _not_of_retracing
    logger.addFilter(rule)
    try:
        yield
    finally:
        logger.removeFilter(rule)


def _not_of_retracing(record: logging.LogRecord) -> bool:
    return _RETRACING not in record.getMessage()


def _flush() -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or None
        sys.stderr.flush()
