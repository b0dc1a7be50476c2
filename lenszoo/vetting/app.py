"""Web application of the vetting page: candidates, pictures, grades, agreement, exports."""

import json
import logging
import re
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lenszoo.errors import LenszooError, one_line
from lenszoo.vetting.grades import check_grader
from lenszoo.vetting.guard import Guard
from lenszoo.vetting.rendering import encode, placeholder, render
from lenszoo.vetting.session import Session, describe
from lenszoo.vetting.votes import grades_table

log = logging.getLogger("lenszoo")

CACHE_BYTES = 256 << 20
"""Pictures that are kept in memory, in bytes."""

MOST_EVENTS = 500
"""The most grades of one request."""

_TYPES = {
    "icon.svg": "image/svg+xml",
    "vet.css": "text/css",
    "vet.js": "text/javascript",
    "grid.js": "text/javascript",
    "single.js": "text/javascript",
    "saving.js": "text/javascript",
    "choice.js": "text/javascript",
    "agreement.js": "text/javascript",
}
_REQUEST = re.compile(r"[A-Za-z0-9-]{8,64}")
_LONGEST_LOOK = 3600.0  # s; who takes longer was away


def make_app(session: Session, token: str, hosts: frozenset[str] = frozenset()) -> Starlette:
    """Return the application for a session.

    Args:
        session: candidates, images and grades.
        token: has to stand in the address of the first request.
        hosts: names of this machine by which it may be called, beside numbers and ``localhost``.
    """
    pages = Pages(session)
    routes = [
        Route("/", pages.index),
        Route("/static/{name}", pages.static),
        Route("/api/session", pages.session_facts),
        Route("/api/candidates", pages.listing),
        Route("/api/candidates/{key}", pages.details),
        Route("/api/grades", pages.save, methods=["POST"]),
        Route("/api/agreement", pages.agreement),
        Route("/grades.csv", pages.grades_csv),
        Route("/image/{key}", pages.picture),
    ]
    app = Starlette(routes=routes, exception_handlers={LenszooError: _refused})
    app.add_middleware(Guard, token=token, hosts=hosts)
    return app


class Pages:
    """The answers to each address."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._pictures = PictureCache(CACHE_BYTES)
        folder = resources.files("lenszoo.vetting") / "page"
        self._files = {name: (folder / name).read_bytes() for name in ("index.html", *_TYPES)}

    def index(self, request: Request) -> Response:
        """The page."""
        return Response(self._files["index.html"], media_type="text/html")

    def static(self, request: Request) -> Response:
        """A script or style sheet."""
        name = request.path_params["name"]
        if name not in _TYPES:
            return PlainTextResponse("no such file", 404)
        return Response(self._files[name], media_type=_TYPES[name])

    def session_facts(self, request: Request) -> Response:
        """Name, views and columns."""
        return JSONResponse(describe(self.session))

    def listing(self, request: Request) -> Response:
        """All candidates in columns, and the grader's own grades."""
        grader, blind = self._asks(request)
        session, columns = self.session, self.session.candidates.columns
        pairs = session.order(grader, blind)
        votes: dict[str, dict[str, str]] = defaultdict(dict)
        for each in session.grades.grades():
            votes[each.candidate][each.grader] = each.grade
        names = [session.id_of(row) for _, row in pairs]
        content: dict[str, Any] = {
            "blind": blind,
            "keys": [key for key, _ in pairs],
            "grades": [votes[name].get(grader) for name in names],
        }
        if not blind:
            content["ids"] = names
            content["others"] = [
                "".join(sorted(g for who, g in votes[name].items() if who != grader))
                for name in names
            ]
            content["columns"] = {
                column: [values[row] for _, row in pairs]
                for column, values in columns.items()
                if column != "tile"
            }
        return JSONResponse(content)

    def details(self, request: Request) -> Response:
        """The place of a picture's pixels on the sky; openly also tile and other grades."""
        grader, blind = self._asks(request)
        row = self._row(request.path_params["key"])
        session = self.session
        content: dict[str, Any] = dict(session.frame(row)._asdict())
        content["pixels"] = session.pixels(row)
        if blind:  # a control has no place on the sky: nobody shall tell it by that
            scale = None if session.hides_scale else content["scale"]
            return JSONResponse({"scale": scale, "pixels": content["pixels"]})
        content["tile"] = session.candidates.columns.get("tile", {row: None})[row]
        content["votes"] = {
            each.grader: each.grade
            for each in session.grades.grades()
            if each.candidate == session.id_of(row) and each.grader != grader
        }
        return JSONResponse(content)

    def picture(self, request: Request) -> Response:
        """A picture in a view, or one that says why there is none."""
        query = request.query_params
        row = self._row(request.path_params["key"])
        view, kind = query.get("view", "colour"), query.get("kind", "jpeg")
        field = query.get("field", "1")
        fields = [str(k) for k in range(1, self.session.images.widest + 1)]
        enlarge = query.get("enlarge", "1")
        if kind not in ("jpeg", "png") or field not in fields or enlarge not in ("1", "4", "8"):
            return PlainTextResponse("no such kind, field or enlargement", 400)

        def draw() -> bytes:
            image, bands = self.session.image(row, int(field))
            return encode(render(image, bands, view), kind, int(enlarge))

        try:
            content = self._pictures.get((row, view, field, kind, enlarge), draw)
        except Exception as error:  # whatever is wrong with one image, the others are shown
            log.debug("A picture cannot be drawn.", exc_info=error)
            svg, again = placeholder(one_line(error)), {"Cache-Control": "no-store"}
            return Response(svg, media_type="image/svg+xml", headers=again)
        kept = {"Cache-Control": "private, max-age=86400"}
        return Response(content, media_type=f"image/{kind}", headers=kept)

    async def save(self, request: Request) -> Response:
        """Keep grades and undo steps, in their order; each is answered by name."""
        try:
            content = json.loads(await request.body())
            events = content["events"]
            grader = check_grader(content["grader"])
            sound = isinstance(events, list) and len(events) <= MOST_EVENTS
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if isinstance(error, LenszooError):
                raise
            sound = False
        if not sound:
            return JSONResponse({"error": "expected a grader and a list of events"}, 400)
        return await run_in_threadpool(self._keep, grader, events)

    def _keep(self, grader: str, events: list[Any]) -> Response:
        results = []
        for event in events:
            result = self._keep_one(grader, event)
            results.append(result)
            if result["state"] == "failed":  # the file: those that follow would fail too
                return JSONResponse({"results": results}, 503)
        return JSONResponse({"results": results})

    def _keep_one(self, grader: str, event: Any) -> dict[str, Any]:
        request = event.get("request") if isinstance(event, dict) else None
        if not isinstance(request, str) or not _REQUEST.fullmatch(request):
            return {"state": "refused", "request": None, "reason": "an event needs a request name"}
        answer = {"request": request, "state": "saved"}
        try:
            if event.get("undo") is True:
                name = self.session.grades.undo(request, grader)
                key = None if name is None else self.session.key_of(name)
                grade = self.session.grades.grade_of(grader, name) if name is not None else None
                return answer | {"key": key, "grade": grade}
            key, grade = event.get("key"), event.get("grade")
            row = self.session.keys.get(key) if isinstance(key, str) else None
            if row is None:
                return answer | {"state": "refused", "reason": "that candidate is gone"}
            if not (grade is None or grade in ("A", "B", "C", "X")):
                return answer | {"state": "refused", "reason": "grades are A, B, C and X"}
            self.session.grades.grade(
                request,
                grader,
                self.session.id_of(row),
                grade,
                blind=self.session.always_blind or event.get("blind") is True,
                seconds=_seconds(event.get("seconds")),
            )
        except LenszooError as error:
            return answer | {"state": "failed", "reason": str(error)}
        return answer

    def agreement(self, request: Request) -> Response:
        """Counts, kappa and disputed candidates; the latter by key."""
        session = self.session
        content = session.agreement().as_json()
        truth = session.truth().controls
        content["disputed"] = [
            {"key": session.key_of(name), "id": name, "votes": votes}
            for name, votes in content["disputed"]
            if name not in truth and session.key_of(name) is not None
        ]
        content["gone"] = session.gone()
        if session.always_blind or request.query_params.get("blind") == "1":
            content["disputed"] = []
        return JSONResponse(content)

    def grades_csv(self, request: Request) -> Response:
        """All grades as CSV."""
        import pyarrow as pa
        from pyarrow import csv

        if self.session.always_blind:
            return PlainTextResponse("not while grading is blind: lenszoo vet --export", 403)
        table = grades_table(self.session.grades.grades(), self.session.candidates)
        stream = pa.BufferOutputStream()
        csv.write_csv(table, stream)
        name = {"Content-Disposition": 'attachment; filename="grades.csv"'}
        return Response(stream.getvalue().to_pybytes(), media_type="text/csv", headers=name)

    def _asks(self, request: Request) -> tuple[str, bool]:
        """Return the grader's name, "" where it is not told yet, and whether to be blind."""
        name = request.query_params.get("grader", "")
        blind = self.session.always_blind or request.query_params.get("blind") == "1"
        return check_grader(name) if name else "", blind

    def _row(self, key: str) -> int:
        row = self.session.keys.get(key)
        if row is None:
            raise LenszooError("That candidate is gone; load the page again.")
        return row


class PictureCache:
    """Encoded pictures in memory; those unused for longest go first.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._kept: OrderedDict[Any, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, draw: Callable[[], bytes]) -> bytes:
        """Return a picture, drawn where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        content = draw()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = content
                self.size += len(content)
            while self.size > self.limit:
                _, old = self._kept.popitem(last=False)
                self.size -= len(old)
        return content


def _seconds(value: Any) -> float | None:
    """Return a plausible time, else None."""
    sound = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if sound and 0 <= value <= _LONGEST_LOOK else None


def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 404 if "gone" in str(error) else 400)
