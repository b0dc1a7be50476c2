"""Files are matched to objects by name or by a pattern."""

from pathlib import Path

import pytest
from oneline import one_line

from lenszoo.data.matching import match_by_name, match_by_pattern
from lenszoo.errors import LenszooError


@pytest.fixture
def folder(tmp_path):
    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        return tmp_path

    return make


def _names(folder, matched):
    return [
        tuple(None if f is None else Path(f).relative_to(folder).as_posix() for f in files)
        for files in matched.files
    ]


def test_a_pattern_with_the_band_twice(folder):
    root = folder(
        "g/im_g-1.fits", "r/im_r-1.fits", "g/im_g-2.fits", "g/im_r-2.fits", "g/im_g-7.fits"
    )
    matched = match_by_pattern(root, ["2", "1"], "{band}/im_{band}-{id}.fits", ["r", "g"])
    assert _names(root, matched) == [(None, "g/im_g-2.fits"), ("r/im_r-1.fits", "g/im_g-1.fits")]
    assert matched.strangers == ("7",)


def test_any_folders_and_any_part_of_a_name(folder):
    root = folder("lens/Band1/imageSDSS_R-1.fits", "nolens/Band1/imageSDSS_R-2.fits", "x_R-3.fits")
    matched = match_by_pattern(root, ["1", "2", "3"], "**/*_{band}-{id}.fits", ["R"])
    assert [files[0] is not None for files in matched.files] == [True, True, True]


def test_underscores_belong_to_ids_where_they_must(folder):
    root = folder("a_b_g.npy", "a_g.npy")
    matched = match_by_pattern(root, ["a_b", "a"], "{id}_{band}.npy", ["g"])
    assert _names(root, matched) == [("a_b_g.npy",), ("a_g.npy",)]


def test_hdus_named_by_the_band(folder):
    root = folder("1.fits")
    matched = match_by_pattern(root, ["1", "2"], "{id}.fits[{band}]", ["G", "2"])
    assert _names(root, matched) == [("1.fits[G]", "1.fits[2]"), (None, None)]
    assert _names(root, match_by_pattern(root, ["1"], "{id}.fits[SCI]", [])) == [("1.fits[SCI]",)]


def test_links_are_followed_but_never_in_a_circle(folder, tmp_path):
    root = folder("far/1.npy", "near/2.npy")
    (root / "near" / "link").symlink_to(root / "far")
    (root / "near" / "circle").symlink_to(root / "near")
    matched = match_by_name(root / "near", ["1", "2"])
    assert _names(root / "near", matched) == [("link/1.npy",), ("2.npy",)]


@pytest.mark.parametrize("name", ["a/1.fits.gz", "a/1", "1.fits.gz", "1"])
def test_an_id_may_be_a_path_or_a_name(folder, name):
    root = folder("a/1.fits.gz", "a/2.npy", "notes.txt", ".hidden/3.npy", "__MACOSX/4.npy")
    matched = match_by_name(root, [name, "9"])
    assert _names(root, matched) == [("a/1.fits.gz",), (None,)]
    assert matched.strangers == ("a/2",)


def test_two_files_for_one_id_are_refused(folder):
    root = folder("a/1.npy", "b/1.npy", "1_g.npy", "x/1_g.npy")
    one_line("both called like id '1'", lambda: match_by_name(root, ["1"]))
    assert _names(root, match_by_name(root, ["b/1"])) == [("b/1.npy",)]
    one_line(
        "both hold id '1' in band g",
        lambda: match_by_pattern(root, ["1"], "**/{id}_{band}.npy", ["g"]),
    )


@pytest.mark.parametrize(
    ("pattern", "bands", "message"),
    [
        ("image.fits", [], "lacks {id}"),
        ("{id}_{filter}.fits", ["g"], "holds {filter}"),
        ("{id}_{band}.npy", [], "names of the bands.*The folder seems to hold: g, r"),
    ],
)
def test_bad_patterns(folder, pattern, bands, message):
    with pytest.raises(LenszooError, match=message):
        match_by_pattern(folder("1_g.npy", "1_r.npy"), ["1"], pattern, bands)


def test_no_such_folder(tmp_path):
    for match in (match_by_name, lambda f, i: match_by_pattern(f, i, "{id}.npy", [])):
        with pytest.raises(LenszooError, match="no such folder"):
            match(tmp_path / "none", ["1"])
