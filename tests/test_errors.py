import numpy as np
import pytest

from lenszoo.errors import LenszooError, one_line, unknown, unreadable, whole_number


def test_few_names_are_all_listed_and_the_nearest_is_offered():
    text = str(unknown("head", "flaten", ("pool", "flatten"), "Or None."))
    assert text == "Unknown head 'flaten'. Did you mean 'flatten'? Legal: flatten, pool. Or None."


def test_of_many_names_only_the_near_are_listed():
    names = [f"resnet{n}" for n in range(10, 30)] + ["vit"]
    text = str(unknown("model", "resnet18x", names))
    assert "resnet18," in text and "vit" not in text and text.endswith("resnet14, ...")


def test_no_names_at_all():
    assert str(unknown("weights", "a", ())) == "Unknown weights 'a'. Legal: none."


def test_messages_of_other_libraries_become_one_short_line():
    assert one_line(ValueError("two\n lines.")) == "two lines"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 500))) == 160


def test_files_that_cannot_be_read_are_named():
    assert str(unreadable("a.npy", FileNotFoundError())) == "a.npy: no such file."
    assert str(unreadable("a.npy", PermissionError(13, "Permission denied"))) == (
        "a.npy: cannot be read (Permission denied)."
    )


def test_a_name_may_neither_break_the_line_nor_steer_the_terminal():
    text = str(LenszooError("a\nb\x1b[31m\udcff\u2028\u00e9 \u661f: no such file."))
    assert text == "a\\nb\\x1b[31m\\udcff\\u2028\u00e9 \u661f: no such file."


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True, None])
def test_what_is_no_whole_number_is_refused_by_its_name(value):
    assert whole_number("batch_size", np.int64(128)) == 128 and whole_number("n", 0, 0) == 0
    with pytest.raises(LenszooError, match=r"^batch_size must be a whole number, at least 1, not"):
        whole_number("batch_size", value)
