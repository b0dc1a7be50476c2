"""The wrapper of all verbs: errors in one line, exit codes, lists on the command line."""

import pytest
import typer
from oneline import one_line
from typer.testing import CliRunner

from lenszoo.cli._verb import _FIELDS, _as_options, band_list, comma_list, verb
from lenszoo.errors import LenszooError


class TestVerb:
    """The decorator that all verbs share."""

    def run(self, error, *options):
        @verb()
        def broken() -> None:
            """Break."""
            raise error

        probe = typer.Typer()
        probe.command()(broken)
        return CliRunner().invoke(probe, list(options))

    @pytest.mark.parametrize(
        ("error", "code", "line"),
        [
            (LenszooError("a.npy: broken;\n mend it."), 2, "lenszoo: a.npy: broken;\\n mend it.\n"),
            (
                LenszooError("pass on_bad='zero', resize=True, bands= or classes=."),
                2,
                "lenszoo: pass --on-bad zero, --resize, --bands or --classes.\n",
            ),
            (PermissionError(13, "Permission denied", "x.h5"), 2, "x.h5: Permission denied.\n"),
            (KeyboardInterrupt(), 130, "lenszoo: stopped.\n"),
            (RuntimeError("odd"), 1, "lenszoo: RuntimeError: odd (--debug shows where)\n"),
            (MemoryError(), 1, "lenszoo: out of memory; give fewer images"),
        ],
    )
    def test_errors_are_one_line_and_a_code(self, error, code, line):
        result = self.run(error)
        assert result.exit_code == code
        assert line in result.stderr and result.stderr.count("\n") == 1

    def test_debug_shows_the_traceback(self):
        result = self.run(LenszooError("odd"), "--debug")
        assert isinstance(result.exception, LenszooError)


def test_lists_on_the_command_line():
    assert comma_list("a, b,c") == ["a", "b", "c"] and comma_list(None) is None
    assert band_list("2,1,0") == [2, 1, 0] and band_list(None) is None
    one_line("--bands 'red': give positions", lambda: band_list("red"))


def test_fields_of_a_recipe_are_not_taken_for_options():
    message = "leave it out of columns=, or name it with id=, bands=."
    named = _as_options(message, _FIELDS)
    assert named == (
        "leave it out of --set data.columns=, or name it with --set data.id=, --set data.bands=."
    )
    assert _as_options(message, ()).startswith(
        "leave it out of --columns, or name it with --id-col"
    )


def test_columns_and_scaling_of_messages_are_options_or_fields():
    column, scaling = "no column 'path'. Name yours with path_column=.", "so, as scaling='minmax'."
    assert _as_options(column, ()) == "no column 'path'. Name yours with --path-column."
    assert _as_options(scaling, ()) == "so, as --scaling minmax."
    assert _as_options(scaling, _FIELDS) == "so, as --set data.scaling=minmax."
    assert _as_options(column, _FIELDS) == (
        "no column 'path'. Rename yours, or for a classifier --set data.path_column=."
    )
