import json
import subprocess
import sys

from lenszoo.survey import worker


def test_a_worker_tells_in_a_line_what_is_wrong_and_loads_no_package_that_it_has_no_use_for(
    tmp_path,
):
    code = (
        "import atexit, sys\n"
        "def tell():\n"
        "    along = {'jax', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "    print(sorted(along), 'tensorflow' in sys.modules, file=sys.stderr)\n"
        "atexit.register(tell)\n"
        f"from {worker.__name__} import main; main()\n"
    )
    first = {"settings": {"weights": ["no_such.weights"]}, "folder": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(first) + "\n", capture_output=True, text=True
    )
    assert "no_such.weights" in json.loads(done.stdout)["error"], done.stderr
    assert done.stderr.splitlines()[-1] == "[] True"
