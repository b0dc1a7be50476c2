"""The answers of the vetting page, and grades on their way into the file."""

import io
import itertools
import json
import re
import sqlite3

import numpy as np
import pytest
from tinyvetting import COUNT, EVIL, open_results, write_controls

pytest.importorskip("starlette", reason="the extra lenszoo[vet]")
pytest.importorskip("httpx", reason="the extra lenszoo[test]")

from PIL import Image
from starlette.testclient import TestClient

from lenszoo.vetting.app import _TYPES, PictureCache, make_app

HERE = "http://127.0.0.1:8765"
REQUESTS = itertools.count()  # a request that comes twice is kept once


def enter(session):
    client = TestClient(make_app(session, "secret"), base_url=HERE)
    assert client.get("/?token=secret").status_code == 200
    return client


@pytest.fixture
def client(session):
    return enter(session)


def listing(client, **query):
    return client.get("/api/candidates", params={"grader": "Ann"} | query).json()


def send(client, *events, grader="Ann", code=200):
    named = [{"request": f"request-{next(REQUESTS)}"} | e for e in events]
    answer = client.post("/api/grades", json={"grader": grader, "events": named})
    assert answer.status_code == code, answer.text
    return answer.json()


def test_the_page_and_its_parts_are_served_and_nothing_else(client):
    page = client.get("/")
    assert "text/html" in page.headers["content-type"]
    for name in _TYPES:
        assert client.get(f"/static/{name}").headers["content-type"].startswith(_TYPES[name])
        assert name == "icon.svg" or "http://" not in client.get(f"/static/{name}").text.replace(
            "http://www.w3.org/2000/svg", ""
        )
    for name in ("index.html", "..%2fapp.py", "%2e%2e/app.py", "grades.sqlite"):
        assert client.get(f"/static/{name}").status_code == 404
    assert "style=" not in page.text and "onclick" not in page.text  # which the policy forbids


def test_candidates_come_in_columns_with_the_grades_of_the_grader(client, session):
    keys = listing(client)["keys"]
    send(client, {"key": keys[0], "grade": "A", "seconds": 1.5}, {"key": keys[1], "grade": "X"})
    send(client, {"key": keys[0], "grade": "C"}, grader="Bob")
    mine = listing(client)
    assert mine["grades"][:3] == ["A", "X", None] and mine["others"][:2] == ["C", ""]
    assert mine["ids"] == list(session.candidates.ids)
    assert mine["columns"]["known"][2] == "Horseshoe"
    assert listing(client, grader="Bob")["grades"][:2] == ["C", None]
    details = client.get(f"/api/candidates/{keys[0]}", params={"grader": "Ann"}).json()
    assert details["votes"] == {"Bob": "C"} and details["scale"] == pytest.approx(0.2)
    assert details["pixels"] == 64


def test_blind_answers_hold_nothing_that_tells_the_score(tmp_path):
    session = open_results(tmp_path, controls=write_controls(tmp_path), n_controls=4)
    client = enter(session)
    blind = listing(client, blind="1")
    assert set(blind) == {"blind", "keys", "grades"} and len(blind["keys"]) == COUNT + 4
    details = [client.get(f"/api/candidates/{key}?blind=1").json() for key in blind["keys"]]
    assert all(each == {"scale": None, "pixels": 64} for each in details)
    for key in blind["keys"]:
        assert client.get(f"/image/{key}").headers["content-type"] == "image/jpeg"
    control = session.key_of(session.controls.ids[0])
    send(client, {"key": control, "grade": "B", "blind": True})
    facts = client.get("/api/agreement").json()
    assert facts["graders"][0]["lenses"] == [1, 1] and facts["graders"][0]["counts"]["B"] == 0


def test_always_blind_is_not_lifted_by_a_query(tmp_path):
    client = enter(open_results(tmp_path, always_blind=True))
    assert set(listing(client, blind="0")) == {"blind", "keys", "grades"}
    assert client.get("/grades.csv").status_code == 403
    assert client.get("/api/agreement").json()["disputed"] == []


def test_undo_answers_which_candidate_has_which_grade_now(client):
    keys = listing(client)["keys"]
    send(client, {"key": keys[0], "grade": "A"}, {"key": keys[0], "grade": "B"})
    assert send(client, {"undo": True})["results"][0]["grade"] == "A"
    result = send(client, {"undo": True})["results"][0]
    assert result["key"] == keys[0] and result["grade"] is None
    assert send(client, {"undo": True})["results"][0]["key"] is None
    assert listing(client)["grades"] == [None] * COUNT


def test_each_event_is_answered_by_name_and_a_bad_one_stops_no_other(client):
    keys = listing(client)["keys"]
    results = send(
        client,
        {"key": "gone", "grade": "A"},
        {"key": keys[0], "grade": "D"},
        {"key": ["x"], "grade": "A"},
        {"request": "../x", "key": keys[0], "grade": "A"},
        {"request": 5},
        {"key": keys[1], "grade": "A", "seconds": -4},
        {"key": keys[2], "grade": "B", "seconds": "long"},
    )["results"]
    assert [r["state"] for r in results] == ["refused"] * 5 + ["saved"] * 2
    assert "is gone" in results[0]["reason"]
    assert listing(client)["grades"][:3] == [None, "A", "B"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"grader": "Ann"}', b'{"grader": 3, "events": []}', b"[" * 100_000,
     b'{"grader": "Ann", "events": {}}', b'{"grader": "a\\u0000", "events": []}', b"\xff\xfe",
     json.dumps({"grader": "Ann", "events": [{}] * 501}).encode()],
)  # fmt: skip
def test_a_body_that_is_no_list_of_grades_is_refused(client, body):
    answer = client.post("/api/grades", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and "error" in answer.json()


def test_a_locked_file_is_answered_and_the_grade_may_come_again(client, session, monkeypatch):
    keys = listing(client)["keys"]
    session.grades._file.execute("PRAGMA busy_timeout = 20")
    holder = sqlite3.connect(session.grades.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    events = [{"key": key, "grade": "A", "request": f"locked-{key}"} for key in keys[:2]]
    results = send(client, *events, code=503)["results"]
    assert [r["state"] for r in results] == ["failed"] and "locked" in results[0]["reason"]
    holder.execute("ROLLBACK")
    holder.close()
    assert [r["state"] for r in send(client, *events)["results"]] == ["saved"] * 2


def test_pictures_in_every_view_size_and_kind(client, session):
    key = listing(client)["keys"][0]
    facts = client.get("/api/session").json()
    for view, _ in facts["views"]:
        answer = client.get(f"/image/{key}", params={"view": view})
        assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
        assert "max-age" in answer.headers["cache-control"]
    wide = client.get(f"/image/{key}?field=2&kind=png")
    assert Image.open(io.BytesIO(wide.content)).size == (128, 128)
    large = client.get(f"/image/{key}?enlarge=8")
    assert Image.open(io.BytesIO(large.content)).size == (512, 512)
    for query in ("kind=gif", "field=99", "field=-1", "enlarge=3", "enlarge=1000000"):
        assert client.get(f"/image/{key}?{query}").status_code == 400
    assert client.get("/image/gone").status_code == 404


def test_a_missing_image_is_a_picture_that_says_why(client, session, tmp_path):
    (tmp_path / "tiles" / "t0" / "g.fits").write_bytes(b"")
    row = session.candidates.columns["tile"].index("t0")
    answer = client.get(f"/image/{listing(client)['keys'][row]}")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    words = " ".join(re.sub("<[^>]*>", " ", answer.text).split())  # whatever the lines broke at
    assert "No image" in words and "changed during" in words
    assert answer.headers["cache-control"] == "no-store"
    answer = client.get(f"/image/{listing(client)['keys'][row]}?view=<script>")
    assert "<script" not in answer.text


def test_ids_and_names_of_strangers_stay_text(tmp_path):
    ids = [EVIL, *map(str, range(COUNT - 1))]
    from tinyvetting import write_results

    from lenszoo.vetting import open_session

    session = open_session(write_results(tmp_path, ids))
    client = enter(session)
    answer = client.get("/api/candidates?grader=Ann")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["ids"][0] == EVIL
    key = answer.json()["keys"][0]
    send(client, {"key": key, "grade": "A"}, grader='<b>"Ann"</b>')
    send(client, {"key": key, "grade": "X"}, grader="=cmd()")
    disputed = client.get("/api/agreement").json()["disputed"]
    assert disputed[0]["votes"] == {'<b>"Ann"</b>': "A", "=cmd()": "X"}
    assert client.get("/api/candidates?grader=a%00b").status_code == 400
    answer = client.get("/grades.csv")
    assert "attachment" in answer.headers["content-disposition"]
    import csv

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == [EVIL] * 2


def test_the_cache_keeps_to_its_limit_and_draws_once():
    cache, drawn = PictureCache(1000), []

    def draw(k):
        return lambda: drawn.append(k) or bytes(300)

    for k in (1, 2, 3, 1, 4, 1, 2):
        cache.get(k, draw(k))
    assert drawn == [1, 2, 3, 4, 2] and cache.size <= 1000
    assert np.isclose(cache.size, 900)
