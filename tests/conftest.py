import os

# Before any test imports a backend: its start-up log would bury the tests' own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
