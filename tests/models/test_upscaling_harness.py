"""The super-resolution networks of the catalogue through its harness, and in fresh processes."""

import harness
import pytest
import upscaling_harness

from lenszoo.models.registry import list_models, model_info

ROWS = list_models(task="super_resolve")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def test_every_row_has_options():
    assert {*upscaling_harness.OPTIONS, *upscaling_harness.DEEPER} == set(ROWS)
    for name in ROWS:
        assert model_info(name).options.get("blocks") == (
            int(name[-1]) if name[-1].isdigit() else None
        )


@pytest.mark.parametrize("name", upscaling_harness.OPTIONS)
def test_super_resolver(name, saved):
    upscaling_harness.check_super_resolver(name, saved)


@pytest.mark.slow
def test_reload_in_a_fresh_process(saved):
    if len(list(saved.glob("*.npz"))) != len(upscaling_harness.OPTIONS):
        pytest.skip("needs the files of all test_super_resolver runs")
    harness.run(harness.__file__, "reload", saved)


@pytest.mark.parametrize("name", upscaling_harness.OPTIONS)
def test_answers_never_change(name):
    """Weights in the world belong to these networks; `upscaling_harness.py pin` after a change."""
    upscaling_harness.check_pin(name)


@pytest.mark.slow
def test_on_jax():
    pytest.importorskip("jax")
    quick = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    harness.run(upscaling_harness.__file__, "check", "esrn_1", **quick)
