"""Who may speak to the page: token, host, origin, type and size of a request."""

import pytest

pytest.importorskip("starlette", reason="the extra lenszoo[vet]")
pytest.importorskip("httpx", reason="the extra lenszoo[test]")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lenszoo.vetting.guard import MOST_BYTES, Guard

HERE = "http://127.0.0.1:8765"
JSON = {"content-type": "application/json"}


@pytest.fixture
def client():
    async def answer(request):
        return PlainTextResponse(str(len(await request.body())))

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    app.add_middleware(Guard, token="secret", hosts=frozenset({"Observatory"}))
    return TestClient(app, base_url=HERE)


def test_without_the_token_nothing_is_told(client):
    for address in ("/", "/?token=", "/?token=secre", "/?token=geheim%C3%A9", "/nowhere"):
        answer = client.get(address)
        assert answer.status_code == 403 and "no token" in answer.text
        assert "set-cookie" not in answer.headers
    assert client.get("/?" + "&".join("a=1" for _ in range(50))).status_code == 403
    assert client.get("/", headers={"cookie": "lenszoo-vet-8765=wrong"}).status_code == 403


def test_the_token_comes_back_as_a_cookie_of_this_port(client):
    answer = client.get("/?token=secret")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("lenszoo-vet-8765=secret; HttpOnly; SameSite=Strict")
    again = client.get("/")  # the client keeps it
    assert again.status_code == 200 and "set-cookie" not in again.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:8765", 200),
        ("[::1]:8765", 200),
        ("192.168.0.7:8765", 200),
        ("OBSERVATORY:8765", 200),
        ("evil.example:8765", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8765", 403),
        ("", 403),
    ],
)
def test_a_host_name_that_is_not_ours_is_refused(client, host, status):
    assert client.get("/?token=secret", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": HERE}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-length": str(MOST_BYTES + 1)}, 413),
        ({"content-length": "9" * 30}, 413),
    ],
)
def test_a_post_comes_from_the_page_itself(client, headers, status):
    answer = client.post("/?token=secret", content=b"{}", headers=JSON | headers)
    assert answer.status_code == status


def test_a_body_without_a_length_is_cut_off_at_the_limit(client):
    def chunks(count):
        return (b"x" * 65536 for _ in range(count))

    answer = client.post("/?token=secret", content=chunks(4), headers=JSON)
    assert answer.text == str(4 * 65536)
    answer = client.post("/?token=secret", content=chunks(100), headers=JSON)
    assert answer.status_code == 413 and "at most" in answer.text


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for answer in (client.get("/?token=secret"), client.get("/", headers={"host": "evil"})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
