"""Count the way of one prediction through the package: files, calls between them, manifest parses.

    python tools/count_hops.py [NAME] [--calls]

Runs ``predict NAME folder`` on a folder with one ``.npy`` image, in this process, and prints what
it took. The counts tell how much of the package a reader has to open to follow one call.
"""

import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

NAME = "resnet18_slim.common_test_sim"


def main(name: str, calls: bool) -> None:
    from lenszoo import predict
    from lenszoo.pretrained.manifest import list_weights

    root = str(Path(sys.modules["lenszoo"].__file__ or "").parent) + "/"
    name = next(iter(list_weights(name + "*")), name)
    counts: Counter[str] = Counter()
    files: set[str] = set()
    pairs: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call":
            return
        owner = getattr(frame.f_locals.get("cls"), "__name__", "")
        if code.co_name == "model_validate" and owner == "Manifest":
            counts["parses"] += 1
        if not code.co_filename.startswith(root) or code.co_name == "<module>":
            return
        files.add(code.co_filename)
        caller = frame.f_back.f_code.co_filename if frame.f_back else ""
        if caller.startswith(root) and caller != code.co_filename:
            counts["calls"] += 1
            pairs[f"{caller[len(root) :]} -> {code.co_filename[len(root) :]}:{code.co_name}"] += 1

    with tempfile.TemporaryDirectory() as folder:
        image = np.random.default_rng(0).random((1, 150, 150))
        np.save(Path(folder, "a.npy"), image)
        clear = getattr(sys.modules["lenszoo.pretrained.manifest"], "_parsed", None)
        if clear is not None:  # listing has parsed it
            clear.cache_clear()
        threading.setprofile(watch)
        sys.setprofile(watch)
        try:
            predict(name, folder)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    modules = [m for m in sys.modules if m.split(".")[0] == "lenszoo"]
    total = len(list(Path(root).rglob("*.py")))
    print(f"predict({name!r}, folder of one .npy)")
    print(f"files run            {len(files)}")
    print(f"calls between files  {counts['calls']}")
    print(f"manifest parses      {counts['parses']}")
    print(f"modules loaded       {len(modules)} of {total}")
    if calls:
        print(*(f"{count:4} {pair}" for pair, count in pairs.most_common()), sep="\n")


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word != "--calls"]
    main(names[0] if names else NAME, "--calls" in sys.argv)
