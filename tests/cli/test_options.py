import pytest
import typer
from oneline import one_line
from rich.text import Text

from lenszoo.cli import app
from lenszoo.cli._options import (
    CATALOGUE,
    catalogue_options,
    check_images,
    cut_option,
    named_columns,
    names_list,
    weights_list,
)
from lenszoo.errors import LenszooError


def test_options_of_a_catalogue_leave_those_of_the_verb():
    options = dict.fromkeys(CATALOGUE) | {"out": "t.csv", "band_names": "g, r", "images_in": "cut"}
    options["missing_values"] = "-99,-1.5"
    named = catalogue_options(options)
    assert named == {"images": "cut", "bands": ["g", "r"], "missing_values": [-99.0, -1.5]}
    assert options == {"out": "t.csv"}


def test_numbers_are_numbers():
    one_line(
        "--missing-values 'none': give numbers such as -99",
        lambda: catalogue_options({"missing_values": "none"}),
    )


def test_a_comma_parts_names_but_not_the_path_of_a_file(tmp_path):
    assert names_list("a, b,c") == weights_list("a, b,c") == ["a", "b", "c"]
    path = tmp_path / "one,two.keras"
    path.write_text("")
    assert weights_list(str(path)) == [str(path)]


def test_images_are_counted_of_simulated_skies_alone():
    check_images(None)
    check_images(5, None, "common_test_sim")
    one_line("--images counts simulated images", lambda: check_images(5, None))


def test_named_columns_and_where_to_cut():
    assert named_columns("--columns", "ra=RAJ2000, dec=DEJ2000") == {
        "ra": "RAJ2000", "dec": "DEJ2000",
    }  # fmt: skip
    assert named_columns("--columns", None) == {}
    for text in ("ra", "=x", "ra=", "ra,dec"):
        with pytest.raises(LenszooError, match=r"--columns .*: write ra=RAJ2000,dec=DEJ2000"):
            named_columns("--columns", text)
    assert cut_option(None, None) is None
    cut = cut_option(32, "x,y")
    assert cut.size == 32 and cut.columns == {"x": "x", "y": "y"}
    with pytest.raises(LenszooError, match="--cutout-size says how much"):
        cut_option(None, "x,y")


def test_no_help_loses_words_to_the_markup_of_rich():
    def helps(command, name):
        yield name, command.help or ""
        for option in command.params:
            yield f"{name} {option.name}", getattr(option, "help", None) or ""
        for verb, inner in getattr(command, "commands", {}).items():
            yield from helps(inner, f"{name} {verb}")

    texts = dict(helps(typer.main.get_command(app), "lenszoo"))
    assert len(texts) > 100
    assert [name for name, text in texts.items() if Text.from_markup(text).plain != text] == []
