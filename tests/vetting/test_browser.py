"""The page in a real headless Chromium: grade with keys, undo, reload, find the grades again."""

import contextlib
import re
import shutil
import threading

import pytest
from tinyvetting import EVIL, write_results

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytest.importorskip("uvicorn", reason="the extra lenszoo[vet]")
playwright = pytest.importorskip("playwright.sync_api", reason="the extra lenszoo[test]")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
IN_SIGHT = """() => {
  const cells = [...document.querySelectorAll('.cell')];
  return cells.length > 5 && cells.every((each) => each.img.complete && each.img.naturalWidth > 0);
}"""
SAVED = "() => document.getElementById('saved').dataset.status === 'saved'"


@contextlib.contextmanager
def served(session):
    """Serve a session in a thread; yield its address."""
    import uvicorn

    from lenszoo.vetting.app import make_app
    from lenszoo.vetting.server import _listen

    listener = _listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(session, "secret"), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token=secret"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="module")
def page():
    """A tab whose errors fail the test."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.faults = []
        tab.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.on("console", lambda m: m.type == "error" and tab.faults.append(m.text))
        yield tab
        assert not tab.faults
        browser.close()


def wait_for(page, condition):
    """Wait by the clock: frames of a page that is not on a screen may come late."""
    page.wait_for_function(condition, polling=50)


def enter(page, address):
    """Open the page and name the grader; a port of its own is new to the browser."""
    page.goto(address)
    page.fill("#name", "Ann")
    page.keyboard.press("Enter")
    wait_for(page, IN_SIGHT)


def grades(session, grader="Ann"):
    return [(g.candidate, g.grade) for g in session.grades.grades(grader)]


def test_grading_with_keys_is_found_again_after_a_reload(page, tmp_path):
    from lenszoo.vetting import open_session

    ids = [str(10**18 + k) for k in range(11)]
    session = open_session(write_results(tmp_path, [EVIL, *ids]))
    with served(session) as address:
        enter(page, address)
        for key in "abcxa":
            page.keyboard.press(key)
        wait_for(page, SAVED)
        assert [grade for _, grade in grades(session)] == ["A", "B", "C", "X", "A"]
        assert page.inner_text("#progress") == "5 of 12 graded"

        page.keyboard.press("u")
        page.keyboard.press("Control+z")
        wait_for(page, "() => document.getElementById('progress').textContent[0] === '3'")
        assert grades(session) == [(EVIL, "A"), (ids[0], "B"), (ids[1], "C")]
        assert page.get_attribute(".cell.selected", "aria-posinset") == "4"

        page.reload()
        wait_for(page, IN_SIGHT)
        assert page.locator(".cell .badge:not(:empty)").all_inner_texts() == ["A", "B", "C"]
        assert page.get_attribute(".cell.selected", "aria-posinset") == "4"  # the first without
        assert page.locator(".cell .known:visible").count() == 1

        page.keyboard.press("Home")
        page.keyboard.press("Enter")  # the single view; the id of a stranger stays text
        wait_for(page, "() => document.getElementById('large').naturalWidth > 0")
        assert "<img src=x" in page.inner_text("#details") and page.title() != "1"
        assert page.get_attribute('.grades [data-grade="A"]', "aria-pressed") == "true"
        page.wait_for_selector("#overlay line", state="attached")
        for key in ("2", "3", "4", "l", "w", "p", "z", "+", "0"):
            page.keyboard.press(key)
        assert "linear-0" in page.get_attribute("#large", "src")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        wait_for(page, SAVED)
        assert (ids[0], "X") in grades(session) and "3 of 12" in page.inner_text("#place")

        page.keyboard.press("g")
        page.wait_for_selector("#agreement table")
        assert "Ann" in page.inner_text("#agreement")
        page.keyboard.press("Escape")
        shown = {}
        for name in ("open", "X", "known", "new", "all"):
            page.select_option("#filter", name)
            shown[name] = page.evaluate("() => document.querySelectorAll('.cell').length")
        assert shown == {"open": 9, "X": 1, "known": 1, "new": 11, "all": 12}
        page.select_option("#sort", "grade")
        assert page.locator(".cell .badge").all_inner_texts()[:4] == ["A", "C", "X", ""]
        page.select_option("#sort", "given")
        page.click("#blind")
        wait_for(page, "() => document.querySelectorAll('.cell .score:empty').length > 5")
        assert page.locator(".cell .known:visible").count() == 0
        assert page.inner_text("#progress") == "3 of 12 graded"
    session.grades.close()


def test_grades_given_while_the_server_is_away_are_kept_and_sent_later(page, tmp_path):
    from lenszoo.vetting import open_session

    session = open_session(write_results(tmp_path))
    with served(session) as address:
        enter(page, address)
        page.route(re.compile("/api/grades"), lambda route: route.abort())
        page.faults.clear()
        page.keyboard.press("b")
        page.keyboard.press("b")
        page.wait_for_selector('#saved[data-status="offline"]')
        assert not grades(session) and "2 not saved yet" in page.inner_text("#saved")
        page.on("dialog", lambda dialog: dialog.accept())  # it warns who leaves
        page.unroute(re.compile("/api/grades"))
        page.reload()
        wait_for(page, SAVED)
        assert [grade for _, grade in grades(session)] == ["B", "B"]
        page.faults.clear()  # of the requests that were cut off
    session.grades.close()


def test_ten_thousand_candidates_are_a_handful_of_cells(page, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lenszoo.vetting import open_session

    results = write_results(tmp_path)
    file = results / "candidates.parquet"
    table = pq.read_table(file).take([k % 12 for k in range(10_000)]).drop_columns(["id", "rank"])
    names = pa.array([f"c{k}" for k in range(10_000)])
    pq.write_table(table.append_column("id", names), file)
    session = open_session(results)
    with served(session) as address:
        enter(page, address)
        page.keyboard.press("End")
        page.wait_for_selector('.cell[aria-posinset="10000"].selected')
        wait_for(page, IN_SIGHT)
        assert page.locator(".cell").count() < 120
        page.keyboard.press("x")
        wait_for(page, SAVED)
        assert grades(session) == [(session.candidates.ids[-1], "X")]
        page.fill("#find", "c77")
        wait_for(page, "() => document.querySelector('.cell').ariaSetSize === '111'")
    session.grades.close()
