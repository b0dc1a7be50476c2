"""``python -m lenszoo`` is the ``lenszoo`` command."""

from lenszoo.cli import main

main()
