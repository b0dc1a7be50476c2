def test_a_folder_that_cannot_be_made_is_one_line(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "Cannot write" in refused("quickstart", tmp_path / "file" / "q")


def test_help_says_how_long_it_takes(lenszoo):
    assert "minutes" in lenszoo("quickstart", "--help").stdout
