"""Web server of the vetting page, on this machine only unless told otherwise."""

import ipaddress
import secrets
import socket
from collections.abc import Callable
from typing import Any

from lenszoo.errors import LenszooError
from lenszoo.vetting.session import Session

PORT = 8765
"""The port that is tried first."""

HOST = "127.0.0.1"


def serve(
    session: Session,
    *,
    host: str = HOST,
    port: int | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the vetting page until Ctrl-C.

    Args:
        session: candidates, images and grades.
        host: the address to listen at.
        port: the port; None takes :data:`PORT`, or any free one where that is in use.
        ready: is told the address of the page.

    Raises:
        LenszooError: starlette or uvicorn is missing, the port is in use, or there is no such
            address.
    """
    try:
        import uvicorn

        from lenszoo.vetting.app import make_app
    except ImportError as error:
        raise LenszooError(
            f"The vetting page needs {error.name}: pip install 'lenszoo[vet]'."
        ) from error
    listener = _listen(host, port)
    number = listener.getsockname()[1]
    token = secrets.token_urlsafe(24)
    names = frozenset({host, socket.gethostname(), socket.getfqdn()})
    app = make_app(session, token, names)
    options: dict[str, Any] = {"log_level": "warning", "access_log": False, "server_header": False}
    server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=2, **options))
    ready(f"http://{_shown(host)}:{number}/?token={token}")
    with listener:
        server.run(sockets=[listener])


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens."""
    tries = [PORT, 0] if port is None else [port]
    for number in tries:
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, number), family=family)
        except OSError as error:
            fault = error
        except OverflowError as error:
            raise LenszooError(f"--port {number}: a port is a number from 0 to 65535.") from error
    if isinstance(fault, socket.gaierror):
        raise LenszooError(f"--host {host}: no such address on this machine.")
    reason = fault.strerror or str(fault)
    raise LenszooError(
        f"Port {port} of {host} cannot be used ({reason}); choose another with --port, or --port 0 "
        "for a free one."
    )


def _shown(host: str) -> str:
    """Return a host as it stands in an address; the machine's name where it is all addresses."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if address.version == 6 else host
