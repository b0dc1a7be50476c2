import numpy as np
import pytest
from tinyzoo import SIZE

from lenszoo import load_model, predict
from lenszoo.errors import LenszooError
from lenszoo.inference.answers import answer_batches, joined, run
from lenszoo.inference.candidates import open_inputs


def test_batches_from_a_row_on_are_the_rest_of_all(opened, stack):
    images = stack[0].copy()
    images[5] = np.nan
    candidates = open_inputs(opened, images, "skip", False, None)
    whole = run(opened.model, candidates, 8)
    rest = joined(list(answer_batches(opened.model, candidates, 8, start=16)))
    np.testing.assert_array_equal(rest.values, whole.values[16:])
    assert whole.kept.tolist() == [k != 5 for k in range(30)]
    assert whole.errors[5] and rest.errors == whole.errors[16:] == [None] * 14


def test_the_model_meets_one_batch_shape_only(opened, stack, monkeypatch):
    shapes = set()
    answer = opened.model.predict_on_batch

    def spy(batch):
        shapes.add(batch.shape)
        return answer(batch)

    monkeypatch.setattr(opened.model, "predict_on_batch", spy)
    predict(opened, stack[0], batch_size=8)
    assert shapes == {(8, SIZE, SIZE, 1)}


def test_an_answer_that_is_not_finite_is_an_error(zoo, stack):
    images = stack[0][:3]
    model = load_model(zoo.run)
    head = model.get_layer("logits")
    head.set_weights([np.full_like(weights, 3e38) for weights in head.get_weights()])
    with pytest.raises(LenszooError, match=r"image 0: the model's answer is not finite"):
        predict(model, images)
    table = predict(model, images, on_bad="skip")
    assert table["predicted"].null_count == 3
    assert "image 1" in table["error"][1].as_py()


def test_progress_is_told_to_the_end(opened, stack):
    told = []
    predict(opened, stack[0], batch_size=8, progress=lambda done, total: told.append((done, total)))
    assert told == [(8, 30), (16, 30), (24, 30), (30, 30)]
