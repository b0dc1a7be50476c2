"""The server as a process of its own: address, port, Ctrl-C, kill -9."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from oneline import one_line
from tinyvetting import write_results

from lenszoo.vetting.grades import GradeStore
from lenszoo.vetting.server import _listen, serve

ROOT = Path(__file__).parents[2]


def test_a_port_in_use_is_told_of_or_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one_line(f"Port {port}", lambda: _listen("127.0.0.1", port))
    with _listen("127.0.0.1", None) as first, _listen("127.0.0.1", None) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
    one_line("a port is a number", lambda: _listen("127.0.0.1", 99999))
    one_line("no such address", lambda: _listen("no.such.host.invalid", 0))
    one_line("cannot be used", lambda: _listen("203.0.113.7", 0))


def test_without_starlette_the_command_to_install_it_is_told(session, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'lenszoo[vet]'" in one_line("uvicorn", lambda: serve(session))


def start(results):
    process = subprocess.Popen(
        [sys.executable, "-m", "lenszoo", "vet", str(results), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = re.search(r"http://\S+", process.stdout.readline())[0]
    return process, address


def ask(address, path, body=None):
    base, _, token = address.partition("?")
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{base.rstrip('/')}{path}?{token}", None if body is None else json.dumps(body).encode(),
        headers,
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_grades_outlive_kill_9_and_ctrl_c_ends_the_page_cleanly(tmp_path):
    pytest.importorskip("uvicorn", reason="the extra lenszoo[vet]")
    results = write_results(tmp_path)
    process, address = start(results)
    keys = ask(address, "/api/candidates")["keys"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address.partition("?")[0], timeout=30)
    for k, key in enumerate(keys[:6]):
        event = {"request": f"request-{k:04d}", "key": key, "grade": "AX"[k % 2]}
        body = {"grader": "Ann", "events": [event]}
        assert ask(address, "/api/grades", body)["results"][0]["state"] == "saved"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    process, address = start(results)
    assert len(ask(address, "/api/agreement")["graders"]) == 1
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert "6 grades of 1 grader" in stdout and "Traceback" not in stderr
    store = GradeStore(results / "vetting" / "grades.sqlite", identity_of(results))
    assert len(store.grades("Ann")) == 6
    store.close()


def identity_of(results):
    from lenszoo.vetting import read_candidates

    return read_candidates(results).identity
