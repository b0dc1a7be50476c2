"""Python in a process of its own, whose memory no earlier test has used."""

import os
import subprocess
import sys

_SETTINGS = ("MALLOC_", "GLIBC_", "LD_PRELOAD")  # of the user's, for the allocator


def printed(script: str, *arguments: str, **environment: str) -> list[str]:
    """Run a script with the allocator as Python leaves it; return the words that it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_SETTINGS)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
