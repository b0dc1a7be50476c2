import json
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.inference.parts import write_part
from lenszoo.survey.settings import FAILED, Outcome, Settings, read_outcome


def test_settings_come_through_json_as_they_are():
    settings = Settings(("a", "b"), bands=("g", "r"), planes=(1, 0), crop=64, scaling=(0.0, 2.0))
    assert Settings.of(json.loads(json.dumps(asdict(settings)))) == settings


def test_options_of_cutouts_are_no_facts_of_a_search_on_tiles():
    assert {"crop", "resize", "planes", "scaling"}.isdisjoint(Settings(("a",)).facts)
    assert Settings(("a",), planes=(0,), resize=True).facts["planes"] == (0,)


def test_the_outcome_of_a_part_is_read_from_its_file(tmp_path):
    file = tmp_path / "p.parquet"
    assert read_outcome(file) is None
    write_part(file, pa.table({"logit": [1.0, None, 2.0]}), {})
    assert read_outcome(file) == Outcome(3, 2, None)
    write_part(file, pq.read_table(file), {FAILED: "tile t0: damaged"})
    assert read_outcome(file) == Outcome(3, 2, "tile t0: damaged")
    file.write_bytes(file.read_bytes()[:-9])
    assert read_outcome(file) is None
