import logging

import pytest

from lenszoo.survey import progress
from lenszoo.survey.progress import Meter, log_to


def test_a_meter_counts_and_tells_the_caller():
    told = []
    meter = Meter(30, lambda done, total: told.append((done, total)))
    for objects in (10, 0, 20):
        meter.add(objects)
    assert told == [(10, 30), (10, 30), (30, 30)] and meter.rate > 0
    assert str(meter).startswith("30 of 30 objects, ") and str(meter).endswith("/s, 0 s left")


def test_lines_are_logged_from_time_to_time_and_into_a_file(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    handler = log_to(tmp_path / "log.txt")
    logging.getLogger("lenszoo").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "lenszoo"):
            Meter(1200).add(300)
    finally:
        logging.getLogger("lenszoo").removeHandler(handler)
        handler.close()
    (line,) = (tmp_path / "log.txt").read_text().splitlines()
    assert "300 of 1,200 objects" in line and line[:2] == "20"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59.6, "1 min"), (86399, "23 h 59 min")]
)
def test_durations_have_two_units_at_the_most(seconds, text):
    assert progress.duration(seconds) == text
