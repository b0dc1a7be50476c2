"""Guard of the vetting page: token, host, origin, size of requests, headers of answers."""

import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20
"""The most bytes of a request's body."""

COOKIE = "lenszoo-vet"

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """ASGI middleware that lets in only who knows the token, and only from the page itself.

    The host that a request names has to be an address in numbers, ``localhost`` or one of
    ``hosts``: a page elsewhere whose name was turned to this machine (DNS rebinding) has another.

    Args:
        app: the application.
        token: stands as ``?token=`` in the first address and comes back as a cookie.
        hosts: further names of this machine.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str] = frozenset()) -> None:
        self.app, self.token = app, token
        self.hosts = frozenset(name.casefold() for name in hosts) | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        refusal = self._refusal(scope, headers)
        by_address = self._token_of(scope) is not None
        if refusal is not None:
            await _refuse(send, *refusal)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = list(_HEADERS)
                if by_address:
                    cookie = f"{_cookie_name(headers)}={self.token}; HttpOnly; SameSite=Strict; "
                    more.append((b"set-cookie", f"{cookie}Path=/".encode()))
                names = {name for name, _ in message["headers"]}
                if b"cache-control" not in names:
                    more.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            await self.app(scope, _bounded(receive), answer)
        except _TooLongError:
            await _refuse(send, 413, f"a request has at most {MOST_BYTES:,} bytes")

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and reason of a refusal; None for a request that is let in."""
        if not self._is_own_host(headers.get("host", "")):
            return 403, "this host name is not served; open the address that lenszoo vet printed"
        if not self._has_token(scope, headers):
            return 403, "no token; open the address that lenszoo vet printed"
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers["host"]:
            return 403, "this request is from another page"
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "this request is from another page"
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "send JSON"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > MOST_BYTES:
            return 413, f"a request has at most {MOST_BYTES:,} bytes"
        return None

    def _is_own_host(self, host: str) -> bool:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name.casefold() in self.hosts:
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _has_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(headers))
        except CookieError:
            cookie = None
        offers = [self._token_of(scope), None if cookie is None else cookie.value]
        return any(
            offer is not None and secrets.compare_digest(offer.encode(), self.token.encode())
            for offer in offers
        )

    @staticmethod
    def _token_of(scope: Scope) -> str | None:
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        except ValueError:
            return None
        return query["token"][0] if "token" in query else None


class _TooLongError(Exception):
    """A request whose body goes on beyond the limit."""


def _bounded(receive: Receive) -> Receive:
    """Return a ``receive`` that ends with the limit, also of a body without a length."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            raise _TooLongError("too long")
        return message

    return bounded


def _cookie_name(headers: dict[str, str]) -> str:
    """Return a name of its own for each port, which cookies do not tell apart."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}-{port}" if port.isdecimal() else COOKIE


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = f"lenszoo vet: {reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers + _HEADERS})
    await send({"type": "http.response.body", "body": body})
