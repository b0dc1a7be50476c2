from lenszoo.errors import LenszooError, one_line, unknown, unreadable


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
