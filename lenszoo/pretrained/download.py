"""One published file from the first mirror that has it, checked before anyone can see it.

pooch does the HTTP (``pooch.HTTPDownloader``). ``pooch.create`` would do little more: it knows one
address a file, no parts, no limit on the bytes that a server sends, and takes the hash after the
last byte; mirrors, offline mode and a shared read-only cache would stay our own code around it.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import quote
from urllib.request import url2pathname

from lenszoo import files as _files
from lenszoo._version import __version__
from lenszoo.errors import LenszooError
from lenszoo.pretrained.hub import SCHEME, hub_address
from lenszoo.pretrained.manifest import WeightsFile

_WORTH_WAITING = {408, 425, 429}
"""Client errors that may go away by themselves; the others, such as 404, will not."""
_SLOW = 60.0, 1000.0
"""A server counts as hanging that after so many seconds has sent fewer bytes a second."""
_DEADLINE = 7200.0
"""Seconds after which a download ends in any case."""
_PIECE = 1 << 14
"""Bytes taken from a server at a time: few, so that one which is slow but alive is seen to send."""


class Fault(Exception):
    """A source failed: ``again``, asking again may help; ``absent``, a server lacks the file."""

    def __init__(self, reason: str, again: bool = True, absent: bool = False) -> None:
        super().__init__(reason)
        self.again, self.absent = again, absent


class Patience(NamedTuple):
    """Rounds over the sources, seconds before the second round (then doubled), and time-out."""

    tries: int = 3
    backoff: float = 1.0
    timeout: float = 30.0


class Sink:
    """A stream that counts and hashes the bytes that a source sends, and limits them.

    Args:
        stream: the file, at the position where the bytes go.
        target: the file's final name, for errors.
        limit: the most bytes.
        report: is told the position in the stream as it grows.
    """

    def __init__(
        self,
        stream: BinaryIO,
        target: Path,
        limit: int,
        report: Callable[[int], None] = lambda position: None,
    ) -> None:
        self._stream, self._target, self._limit, self._report = stream, target, limit, report
        self._start, self._closed = time.monotonic(), False
        self._lock = threading.Lock()
        self.count, self.hash = 0, hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            Fault: there are too many, they come too slowly, or nobody waits for them any more.
            LenszooError: they cannot be written, which is no fault of a server.
        """
        with self._lock:
            if self._closed:
                raise Fault("nobody waits for it", again=False)
            self.count += len(block)
            if self.count > self._limit:
                raise Fault(f"more than the expected {self._limit:,} bytes came", again=False)
            self.check_speed()
            self.hash.update(block)
            try:
                self._stream.write(block)
                self._stream.flush()
            except OSError as error:
                raise _files.disk_error(self._target, error) from error
            self._report(self._stream.tell())

    def check_speed(self) -> None:
        """Raise Fault when the bytes come too slowly."""
        seconds = time.monotonic() - self._start
        slow = seconds > _SLOW[0] and self.count < _SLOW[1] * seconds
        if slow or seconds > _DEADLINE:
            raise Fault(f"only {self.count:,} bytes came in {seconds:.0f} s", again=False)

    def close(self) -> None:
        """Take no more bytes."""
        with self._lock:
            self._closed = True

    def flush(self) -> None:
        """Do nothing: every write is flushed. pooch calls this."""


def is_remote(address: str) -> bool:
    """Whether reading the address needs a network."""
    return address.lower().startswith(("http://", "https://"))


def shown(address: str) -> str:
    """Return an address fit for messages: without user, password and query, which are secrets."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        if "@" not in address or re.match(r"[~.]|/(?!/)", address):
            return address  # a folder
        return f"...{address.rpartition('@')[2]}"
    before, _, place = rest.rpartition("@")
    place = re.split(r"[?#]", place)[0]
    port = place.partition("/")[0].partition(":")[2]
    # in the place of a port there may be the start of a password
    lost = "?" in before or (port and not port.isdecimal() and "[" not in place)
    return f"{scheme}://{'...' if lost else place}"


def join(base: str, name: str) -> str:
    """Return the address of a file on a mirror: a URL, a repository ``hf://``, or a folder."""
    if base.startswith(SCHEME):
        base = hub_address(base)
    if "://" in base:
        return f"{base.rstrip('/')}/{quote(name)}"
    return str(_files.expanded(base) / name)


def download(
    file: WeightsFile,
    addresses: Sequence[str],
    stream: BinaryIO,
    target: Path,
    patience: Patience,
    report: Callable[[int], None] = lambda position: None,
) -> str:
    """Write one file to ``stream`` from the first address that has it right.

    A source that fails gives way to the next at once. One that may recover (time-out, broken
    connection, server error) is asked again in the next round, after a pause.

    Args:
        file: size and hash.
        addresses: full addresses of the file, http(s), file or plain paths.
        stream, target, report: as for :class:`Sink`.
        patience: tries, back-off and time-out.

    Returns:
        the faults on the way, for the log; empty when there were none.

    Raises:
        Fault: no address had it; tells the fault of each.
        LenszooError: the stream cannot be written, as on a full disk.
    """
    left = list(dict.fromkeys(addresses))
    faults: dict[str, str] = {}
    start = stream.tell()
    for attempt in range(max(1, patience.tries)):
        if attempt and left:
            time.sleep(patience.backoff * 2 ** (attempt - 1))
        for address in list(left):
            stream.seek(start)  # over the bytes of a failed source; none writes more than expected
            sink = Sink(stream, target, file.bytes, report)
            try:
                copy(address, sink, patience.timeout)
                _check(sink, file)
            except Fault as fault:
                count = f" ({attempt + 1} tries)" if attempt else ""
                faults[address] = f"{shown(address)}: {fault}{count}"
                if not (fault.again and is_remote(address)):
                    left.remove(address)
            else:
                return "; ".join(faults.values())
    raise Fault("; ".join(faults.values()))


def _check(sink: Sink, file: WeightsFile) -> None:
    if sink.count < file.bytes:
        raise Fault(f"{sink.count:,} bytes came, {file.bytes:,} expected")
    if (digest := sink.hash.hexdigest()) != file.sha256:
        raise Fault(f"sha256 {digest[:12]}... came, {file.sha256[:12]}... expected", again=False)


def copy(address: str, sink: Sink, timeout: float) -> None:
    """Read an address to its end; raise Fault when that fails."""
    if is_remote(address):
        _copy_http(address, sink, timeout)
        return
    path = Path(address)
    if "://" in address:
        scheme, _, rest = address.partition("://")
        if scheme.lower() != "file" or not rest.removeprefix("localhost").startswith("/"):
            raise Fault("is no http, https or file address and no folder")
        path = Path(url2pathname(rest.removeprefix("localhost")))
    try:
        if path.exists() and not path.is_file():
            raise Fault("is not a regular file", again=False)
        with path.open("rb") as source:
            while block := source.read(_files.BLOCK):
                sink.write(block)
    except LenszooError:
        raise
    except (OSError, ValueError) as error:
        raise Fault(getattr(error, "strerror", None) or str(error)) from error


def _copy_http(url: str, sink: Sink, timeout: float) -> None:
    """Read an address in a thread of its own, which is left when bytes come too slowly.

    The time-out of sockets is no deadline: each byte, of a header too, starts it anew.
    """
    outcomes: list[BaseException | None] = []

    def run() -> None:
        try:
            _request(url, sink, timeout)
            outcomes.append(None)
        except BaseException as error:
            outcomes.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(0.2)
            sink.check_speed()
    finally:
        sink.close()
    if outcomes[0] is not None:
        raise outcomes[0]


def _request(url: str, sink: Sink, timeout: float) -> None:
    import pooch
    import requests

    # identity: weights hardly compress, and a length that means the file's own can be checked.
    headers = {"User-Agent": f"lenszoo/{__version__}", "Accept-Encoding": "identity"}
    fetch = pooch.HTTPDownloader(chunk_size=_PIECE, timeout=timeout, headers=headers)
    try:
        fetch(url, sink, None)
    except (LenszooError, Fault):
        raise
    # from None: the texts of these errors hold the whole address, with its password
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        again = status >= 500 or status in _WORTH_WAITING
        raise Fault(f"answered HTTP {status}", again, absent=status == 404) from None
    except (requests.exceptions.InvalidURL, requests.TooManyRedirects):
        raise Fault("is no usable address or redirects without end", again=False) from None
    except (requests.RequestException, OSError, ValueError) as error:
        raise Fault(_reason(error, sink.count, timeout)) from None


def _reason(error: Exception, count: int, timeout: float) -> str:
    """Say how a connection broke, without the library's nested texts and the address in them."""
    import requests

    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return f"nothing came for {timeout:g} s after {count:,} bytes"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate was not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused"
    if isinstance(error, requests.ConnectionError) and not count:
        return "no connection, or no valid answer"
    return f"the connection broke after {count:,} bytes"
