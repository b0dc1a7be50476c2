"""Columns of the inputs' table: none of them passes for an answer or for its provenance."""

import csv
import logging

import numpy as np
import pyarrow as pa
from tinyzoo import CLASSES, NAME

from lenszoo import predict
from lenszoo.inference import provenance_of
from lenszoo.inference.carried import carried


def test_scores_and_provenance_of_an_earlier_prediction_are_left_out():
    names = ["ra", "prob_a", "logit_a", "prob_star", "seed", "weights", "logit_b"]
    table, (note,) = carried(pa.table({name: [1] for name in names}))
    assert table.column_names == ["ra", "prob_star", "logit_b"]  # no class has a lone column
    assert "left out: prob_a, logit_a, seed, weights. Rename them" in note
    assert carried(None) == (None, []) and carried(table) == (table, [])


def test_answers_to_an_earlier_file_of_answers_name_their_own_weights(zoo, stack, tmp_path, caplog):
    for k in range(2):
        np.save(tmp_path / f"{k}.npy", stack[0][k])
    (tmp_path / "t.csv").write_text("id,path,ra,seed\na,0.npy,1.5,99\nb,1.npy,2.5,99\n")
    first = predict(
        zoo.run, tmp_path / "t.csv", out=tmp_path / "first.csv", classes=("x", "y", "z")
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lenszoo"):
        table = predict(NAME, first)
    scores = [f"{kind}_{name}" for kind in ("prob", "logit") for name in CLASSES]
    assert table.column_names == [
        *("id", "path", "predicted"), *scores, *("bad_pixels", "error", "ra"),
    ]  # fmt: skip
    (note,) = provenance_of(table)["notes"]
    assert note in caplog.text and "prob_x" in note and "weights_sha256" in note
    with predict(NAME, first, out=tmp_path / "second.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["weights"] for row in rows] == [NAME, NAME]
    assert [row["seed"] for row in rows] == [str(provenance_of(table)["seed"])] * 2
