"""Every classifier of the catalogue through the harness, and again in fresh processes."""

import harness
import pytest

from lenszoo.models.registry import list_models

ROWS = list_models(task="classify")
# the others share their code with one of these, and have their turn in `make harness`
DISTINCT = [row for row in ROWS if row in harness.CASES and harness.CASES[row].like is None]
EACH = [row if row in DISTINCT else pytest.param(row, marks=pytest.mark.slow) for row in ROWS]
# simple_cnn's rounds are in every backbone, resnet18's blocks in resnet18_slim, and the attention
# of cnn_attention in vit_ti16
SHARED = ("simple_cnn", "cnn_attention", "resnet18")
# nets of keras.applications, which stand in the zoo's scaling and head as resnet50 does
WRAPPED = ("xception", "densenet121", "efficientnet_b2", "mobilenet_v3_small")
TRAINED = [row for row in DISTINCT if row not in WRAPPED]
QUICK = [row for row in DISTINCT if not harness.CASES[row].deep and row not in SHARED]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def test_every_row_has_a_case():
    assert set(harness.CASES) == set(ROWS)


@pytest.mark.parametrize("name", TRAINED)
def test_classifier(name, saved):
    harness.check_classifier(name, saved)


def test_reload_in_a_fresh_process(saved):
    if sorted(path.stem for path in saved.glob("*.npz")) != sorted(TRAINED):
        pytest.skip("needs the files of all test_classifier runs, which were not all selected")
    harness.run(harness.__file__, "reload", saved)


@pytest.mark.parametrize("name", EACH)
def test_crop_looks_at_the_central_square_and_at_nothing_else(name):
    harness.check_crop(name)


@pytest.mark.parametrize("name", EACH)
def test_full_size(name):
    harness.check_full_size(name)


@pytest.mark.parametrize("name", EACH)
def test_answers_never_change(name):
    """Weights in the world belong to these networks; `harness.py pin` after a change on purpose."""
    harness.check_pin(name)


@pytest.mark.parametrize(
    "rows", [["resnet18_slim"], pytest.param(QUICK, marks=pytest.mark.slow)], ids=["one", "all"]
)
def test_on_jax(rows):
    pytest.importorskip("jax")
    # Compiling is nearly all of the time here; it is the operations that are under test.
    quick = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    harness.run(harness.__file__, "check", *rows, **quick)
