"""Process of a worker of a search, which its standard input tells in lines what to score."""

import os
import sys

from lenszoo.lazy import without_companions


def main() -> None:
    """Answer on standard output; whatever libraries print there goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with without_companions():
        import keras  # noqa: F401

    from lenszoo.survey.workers import serve

    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
