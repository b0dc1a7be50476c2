"""Scores on real images: what the file's labels may be called."""

import numpy as np
from oneline import one_line
from real_images import score_real

from lenszoo import build_model
from lenszoo.metrics import classification as metrics
from lenszoo.tasks.classify.task import predict_logits

SKY = "common_test_sim_binary"


def test_real_images_may_be_told_apart_further(tmp_path):
    model = build_model("simple_cnn", input_shape=(20, 20, 1), num_classes=2, width=4)
    images = np.random.default_rng(0).random((9, 20, 20, 1), dtype="float32")
    labels = ["no", "sphere", "vort"] * 3
    file = tmp_path / "real.npz"
    np.savez(file, x=images, label=labels)
    one_line(
        "labels beside no, sub of common_test_sim_binary", lambda: score_real(model, SKY, file)
    )
    found = score_real(model, SKY, file, {"sub": ("sphere", "vort")})
    truth = np.array([0, 1, 1] * 3)
    assert found["n"] == 9
    assert found["macro_ovr_auc"] == metrics.roc_auc(truth, predict_logits(model, images))
    one_line("labels beside", lambda: score_real(model, SKY, file, {"sub": ("sphere",)}))
