import logging
import sys

from lenszoo.cli._verb import progress_bar
from lenszoo.heartbeat import Heartbeat
from lenszoo.simulation import sample


def test_a_line_when_it_is_time_and_none_at_the_end(caplog):
    caplog.set_level(logging.INFO, "lenszoo")
    for beat in (Heartbeat("simulating", 0, 0), Heartbeat("simulating", 0, 3600), Heartbeat("x")):
        for done in (1000, 1500, 2000):
            beat(done, 2000)
    lines = ["simulating 1,000/2,000", "simulating 1,500/2,000", "simulating 1,000/2,000"]
    assert caplog.messages == lines
    Heartbeat("reading", 0)(7, None)
    assert caplog.messages[-1] == "reading 7"


def test_a_long_simulation_says_how_far_it_is(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "lenszoo")
    module = sys.modules["lenszoo.simulation.sample"]
    monkeypatch.setattr(module, "Heartbeat", lambda title: Heartbeat(title, 0, 0))
    sample("common_test_sim", 40, seed=1)
    assert caplog.messages[0].startswith("simulating ")
    counts = [int(line.split()[1].split("/")[0]) for line in caplog.messages]
    assert counts == sorted(counts) and caplog.messages[-1].endswith("/40")


def test_without_a_terminal_progress_is_a_line_a_minute(capsys):
    with progress_bar("Predicting") as progress:
        assert isinstance(progress, Heartbeat)
        assert (progress.title, progress.every) == ("predicting", 60)
