"""One published file from the first mirror that has it, checked before anyone can see it.

pooch does the HTTP (``pooch.HTTPDownloader``); what it lacks stands here: several mirrors, tries
with back-off, a limit on what a mirror may send, and a hash that is taken while the bytes pass.
"""

import dataclasses
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from urllib.request import url2pathname

from lenszoo import files as _files
from lenszoo._version import __version__
from lenszoo.pretrained.manifest import WeightsFile

_WORTH_WAITING = {408, 425, 429}
"""Client errors that may go away by themselves; the others, such as 404, will not."""
_ABSENT = 404


class Fault(Exception):
    """One source failed; ``again`` says whether asking a server again may help.

    ``absent``: a server answered that it has no such file.
    """

    def __init__(self, reason: str, again: bool = True, absent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.absent = absent


class NoSourceError(Exception):
    """Every source failed; ``faults`` holds one short sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to insist.

    Attributes:
        tries: rounds over the sources.
        backoff: seconds before the second round; doubled before each further one.
        timeout: seconds without an answer or a byte after which a server counts as hanging.
    """

    tries: int = 3
    backoff: float = 1.0
    timeout: float = 30.0


def is_remote(address: str) -> bool:
    """Whether reading the address needs a network."""
    return address.lower().startswith(("http://", "https://"))


def shown(address: str) -> str:
    """Return an address fit for messages: without password and query, which may be secrets."""
    if not is_remote(address):
        return address
    return re.sub(r"(?<=://)[^/@]*@", "", address.partition("?")[0])


def join(base: str, name: str) -> str:
    """Return the address of a file on a mirror, which is a URL or a folder."""
    if "://" in base:
        return f"{base.rstrip('/')}/{quote(name)}"
    return str(Path(base).expanduser() / name)


def download(
    file: WeightsFile,
    addresses: Sequence[str],
    stream: BinaryIO,
    patience: Patience,
    report: Callable[[int], None] = lambda position: None,
) -> list[str]:
    """Write one file to ``stream`` from the first address that has it right.

    A source that fails gives way to the next at once. One that may recover (time-out, broken
    connection, server error) is asked again in the next round, after a pause.

    Args:
        file: what is expected.
        addresses: full addresses of the file, http(s), file or plain paths.
        stream: where to write, from its present position on.
        patience: tries, back-off and time-out.
        report: is told the position in the stream as it grows.

    Returns:
        the faults on the way, for the log.

    Raises:
        NoSourceError: when no address had it.
        OSError: when the stream cannot be written, as on a full disk.
    """
    left = list(dict.fromkeys(addresses))
    faults: dict[str, str] = {}
    start = stream.tell()
    for attempt in range(max(1, patience.tries)):
        if attempt and left:
            time.sleep(patience.backoff * 2 ** (attempt - 1))
        for address in list(left):
            stream.seek(start)  # over what a failed source left; none writes more than expected
            try:
                _copy(file, address, _CheckedSink(stream, file, report), patience.timeout)
            except Fault as fault:
                count = f" ({attempt + 1} tries)" if attempt else ""
                faults[address] = f"{shown(address)}: {fault.reason}{count}"
                if not (fault.again and is_remote(address)):
                    left.remove(address)
            else:
                return list(faults.values())
    raise NoSourceError(list(faults.values()))


class DiskError(Exception):
    """A write failed here; kept apart from a mirror's faults, many of which are OSErrors too."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Sink:
    """A stream that counts what an address sends; a full disk here is no fault of a mirror."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            DiskError: they cannot be written.
        """
        self.count += len(block)
        try:
            self._stream.write(block)
            self._stream.flush()
        except OSError as error:
            raise DiskError(error) from error

    def flush(self) -> None:
        """Do nothing: every write is flushed. pooch calls this."""


class _CheckedSink(Sink):
    """Where the bytes of one file land: hashes them too, and refuses more than expected."""

    def __init__(self, stream: BinaryIO, file: WeightsFile, report: Callable[[int], None]) -> None:
        super().__init__(stream)
        self._file = file
        self._report = report
        self._hash = hashlib.sha256()

    def write(self, block: bytes) -> None:
        if self.count + len(block) > self._file.bytes:
            raise Fault(f"more than the expected {self._file.bytes:,} bytes came", again=False)
        super().write(block)
        self._hash.update(block)
        self._report(self._stream.tell())

    def check(self) -> None:
        """Raise Fault unless exactly the expected bytes came."""
        if self.count < self._file.bytes:
            raise Fault(f"{self.count:,} bytes came, {self._file.bytes:,} expected")
        digest = self._hash.hexdigest()
        if digest != self._file.sha256:
            raise Fault(
                f"sha256 {digest[:12]}... came, {self._file.sha256[:12]}... expected", again=False
            )


def _copy(file: WeightsFile, address: str, sink: _CheckedSink, timeout: float) -> None:
    """Read one address into the sink and check what came."""
    try:
        if is_remote(address):
            copy_http(address, sink, timeout)
        else:
            _copy_local(address, sink)
    except DiskError as error:
        raise error.error from error
    sink.check()


def _copy_local(address: str, sink: Sink) -> None:
    path = Path(address)
    if "://" in address:
        scheme, _, rest = address.partition("://")
        if scheme.lower() != "file" or not rest.removeprefix("localhost").startswith("/"):
            raise Fault("is no http, https or file address and no folder")
        path = Path(url2pathname(rest.removeprefix("localhost")))
    try:
        with path.open("rb") as source:
            while block := source.read(_files.BLOCK):
                sink.write(block)
    except (OSError, ValueError) as error:
        raise Fault(getattr(error, "strerror", None) or str(error)) from error


def copy_http(url: str, sink: Sink, timeout: float) -> None:
    """Read one http(s) address into the sink; raise Fault when it cannot be read to its end."""
    import pooch
    import requests

    # identity: weights hardly compress, and a length that means the file's own can be checked.
    headers = {"User-Agent": f"lenszoo/{__version__}", "Accept-Encoding": "identity"}
    fetch = pooch.HTTPDownloader(chunk_size=_files.BLOCK, timeout=timeout, headers=headers)
    try:
        fetch(url, sink, None)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        again = status >= 500 or status in _WORTH_WAITING
        raise Fault(f"answered HTTP {status}", again, absent=status == _ABSENT) from error
    except (requests.exceptions.InvalidURL, requests.TooManyRedirects) as error:
        raise Fault("is no usable address or redirects without end", again=False) from error
    except (requests.RequestException, OSError, ValueError) as error:
        raise Fault(_reason(error, sink.count, timeout)) from error


def _reason(error: Exception, count: int, timeout: float) -> str:
    """Say what broke a connection, without the library's nested texts and the address in them."""
    import requests

    late = isinstance(error, requests.Timeout) or "timed out" in str(error).lower()
    if late:
        return f"nothing came for {timeout:g} s after {count:,} bytes"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate was not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused"
    if isinstance(error, requests.ConnectionError) and not count:
        return "no connection, or no valid answer"
    return f"the connection broke after {count:,} bytes"
