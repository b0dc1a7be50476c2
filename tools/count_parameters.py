"""Count the parameters of every model of the registry: writes lenszoo/models/parameters.json.

    python tools/count_parameters.py

Each is built at its default input, a classifier with three classes. `lenszoo models` and the site
show the counts; a test compares them with built models.
"""

import json
from pathlib import Path

import keras

import lenszoo

FILE = Path(lenszoo.__file__).parent / "models" / "parameters.json"


def count(name: str) -> int:
    """Build a model and count its parameters, trained or not."""
    model = lenszoo.build_model(name)
    parameters = model.count_params()
    keras.backend.clear_session()
    return parameters


def main() -> None:
    counts = {name: count(name) for name in lenszoo.list_models()}
    FILE.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
