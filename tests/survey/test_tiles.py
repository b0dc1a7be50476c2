import pytest
from tinysky import BANDS, write_sky

from lenszoo.errors import LenszooError
from lenszoo.survey.tiles import list_tiles


def test_tiles_are_listed_by_a_pattern_and_by_a_table(tmp_path):
    write_sky(tmp_path, tiles=3, side=60)
    by_pattern = list_tiles(tmp_path / "tiles", BANDS, "{tile}/{band}.fits", 22.5)
    lines = [
        f"{tile.name},{band.upper()},{path},{24 if band == 'g' else ''}"
        for tile in by_pattern
        for band, path in zip(BANDS, tile.paths, strict=True)
    ]
    table = tmp_path / "tiles.csv"
    table.write_text("\n".join(["tile,band,path,zero_point", *lines]) + "\n")
    by_table = list_tiles(table, BANDS, zero_point=22.5)
    assert [t.name for t in by_pattern] == [t.name for t in by_table] == ["t0", "t1", "t2"]
    assert [t.paths for t in by_pattern] == [t.paths for t in by_table]
    assert by_table[0].zero_points == (24.0, 22.5, 22.5)
    assert list_tiles(table, ("i",))[0].paths == by_pattern[0].paths[2:]


def test_faults_of_the_list_of_tiles(tmp_path):
    write_sky(tmp_path, tiles=1, side=60)
    for source, bands, pattern, text in (
        ("missing", BANDS, None, "no such folder"),
        ("tiles", BANDS, "{band}.fits", "{tile}"),
        ("tiles", BANDS, "{tile}/g.fits", "lacks {band}"),
        ("tiles", ("u", "v"), None, "no file fits"),
        ("catalogue.csv", BANDS, None, "no column 'tile'"),
    ):
        with pytest.raises(LenszooError) as caught:
            list_tiles(tmp_path / source, bands, pattern)
        assert text in str(caught.value) and "\n" not in str(caught.value)
