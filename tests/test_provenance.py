import json

import keras

from lenszoo import __version__
from lenszoo.provenance import environment, provenance


def test_every_result_names_versions_backend_and_seed():
    facts = provenance(seed=2**63)
    backend = keras.backend.backend()
    assert facts["lenszoo"] == __version__ and facts["keras"] == keras.__version__
    assert facts["backend"] == backend and facts[backend][0].isdigit()
    assert facts["seed"] == str(2**63), "as text: JSON readers round large numbers"
    assert "seed" not in provenance()


def test_a_run_names_the_machine_too():
    facts = environment()
    assert facts.items() >= provenance().items()
    assert {"python", "machine", "devices", "date"} <= facts.keys()
    assert facts["devices"] and json.loads(json.dumps(facts)) == facts
