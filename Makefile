# Every target makes .venv by itself and uses it again; PYTHON picks the interpreter that makes it.
PYTHON ?= python3
BIN := .venv/bin
REAL ?=
RUNS ?= runs
HOURS ?=
NAME ?=
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Where Python may not keep what it compiled, as in many containers, it compiles in every process.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help quickstart test harness check docs format compat lowest bench weights weight-packages reproduce results clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# Python compiles a module when it is first imported: most of TensorFlow's never are.
.venv/.core: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable .
	touch $@

.venv/.dev: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[test,docs,oracle,jax,export]'
	touch .venv/.core $@

quickstart: .venv/.core ## Simulate, load weights by name, score, fine-tune, report: about two minutes
	$(BIN)/lenszoo quickstart

test: .venv/.dev ## Run the tests
	$(BIN)/python -m pytest -q -m "not slow" --durations=15 -n 2 --dist worksteal

harness: .venv/.dev .venv-torch/.done ## Run the slow tests, and put every model through the whole harness on all backends: about 90 minutes
	$(BIN)/python -m pytest -q -m slow -n 2 --dist worksteal
	KERAS_BACKEND=jax $(BIN)/python -m pytest -q tests/tasks/super_resolve/test_task.py tests/tasks/find_lenses/test_task.py tests/tasks/pretext/test_task.py tests/tasks/test_base.py tests/tasks/super_resolve/test_evaluate.py tests/tasks/pretext/test_evaluate.py
	KERAS_BACKEND=tensorflow $(BIN)/python tests/models/harness.py check all
	KERAS_BACKEND=jax $(BIN)/python tests/models/harness.py check all
	KERAS_BACKEND=tensorflow $(BIN)/python tests/models/upscaling_harness.py check
	KERAS_BACKEND=jax $(BIN)/python tests/models/upscaling_harness.py check
	KERAS_BACKEND=torch .venv-torch/bin/python tests/models/harness.py check all
	KERAS_BACKEND=torch .venv-torch/bin/python tests/models/upscaling_harness.py check
	KERAS_BACKEND=torch .venv-torch/bin/python benchmarks/backends.py
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -q tests/layers tests/simulation/test_random.py tests/tasks/test_compute.py tests/cli/test_verbs_on_torch.py
	.venv-torch/bin/python -m pytest -q tests/simulation/test_render.py tests/inference/exporting/test_torch_program.py

check: .venv/.dev docs ## Check format, lint, types, the direction of imports, prose, names of tests and the documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/check_imports.py
	$(BIN)/python tools/check_prose.py
	$(BIN)/python tools/check_tests_mirror.py

docs: .venv/.dev ## Build the documentation site into docs/_build; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

format: .venv/.dev ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PyTorch stands apart, so that `make test` needs none.
.venv-torch/.done: setup.cfg pyproject.toml
	test -x .venv-torch/bin/python || $(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet --editable '.[torch]' 'pytest>=8.0'
	touch $@

.venv-compat/.done: setup.cfg pyproject.toml
	test -x .venv-compat/bin/python || $(PYTHON) -m venv .venv-compat
	.venv-compat/bin/python -m pip install --quiet --editable '.[compat]'
	.venv-compat/bin/python -m pip install --quiet --no-deps dinov2==0.0.1.dev2  # it pins an old torch
	touch $@

compat: .venv-compat/.done ## Compare with reference implementations, in an environment of its own; writes docs/results/parity.md
	.venv-compat/bin/python -m pytest -q -s tests/compat --record

.venv-lowest/.done: setup.cfg pyproject.toml
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[test,jax,export]'
	touch $@

lowest: .venv-lowest/.done ## Run the tests with the oldest packages that setup.cfg allows, in an environment of its own
	.venv-lowest/bin/python -m pytest -q -m "not slow" -n 2 --dist worksteal

bench: .venv/.dev ## Run the benchmarks (REAL=common_test_45.npz adds the real images)
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/simulation.py
	$(BIN)/python benchmarks/substructure.py $(REAL)
	$(BIN)/python benchmarks/calibration.py $(REAL)

weights: .venv/.core ## Train, score and release the weights that do not stand yet, in RUNS=runs; HOURS=2 ends in time
	$(BIN)/python tools/campaign.py --out $(RUNS) $(if $(HOURS),--hours $(HOURS))

weight-packages: .venv/.core ## Build the packages of weights, one wheel a family, in dist/
	$(BIN)/python tools/weight_packages.py dist

reproduce: .venv/.core ## Train NAME=model.tag again from its recipe, in RUNS=runs, and compare the scores
	@test -n "$(NAME)" || { echo "Say which: make reproduce NAME=resnet18_slim.deeplense_model_1"; exit 2; }
	$(BIN)/python tools/reproduce.py $(NAME) --out $(RUNS)/again/$(NAME)

results: .venv/.core ## Write the tables of measured results and the model cards from the manifest
	$(BIN)/python tools/results.py

clean: ## Remove .venv and caches
	rm -rf .venv .venv-compat .venv-torch .venv-lowest build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache
