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
    assert by_table[0].masks == () and not by_table[0].cube
    lines = [f"{line},{'m.fits' if ',G,' in line else ''}" for line in lines]
    table.write_text("\n".join(["tile,band,path,zero_point,mask", *lines]) + "\n")
    assert list_tiles(table, BANDS)[0].masks == (str(tmp_path / "m.fits"), "", "")
    with pytest.raises(LenszooError, match="in the columns path, weight_map and mask"):
        list_tiles(table, BANDS, masks="{tile}.fits")
    assert list_tiles(table, ("i",))[0].paths == by_pattern[0].paths[2:]


def test_masks_lie_beside_tiles_and_planes_of_a_cube_have_one_file(tmp_path):
    for name in ("a.fits", "b.fits", "a.mask.fits", "a.weight-r.fits"):
        (tmp_path / name).touch()
    options = {"masks": "{tile}.mask.fits", "weight_maps": "{tile}.weight-{band}.fits"}
    a, b = list_tiles(tmp_path, ("g", "r"), "{tile}.fits", **options)
    assert (a.name, b.name) == ("a", "b") and a.cube
    assert a.paths == (str(tmp_path / "a.fits"),) * 2 and b.masks == (None, None)
    assert a.masks == (str(tmp_path / "a.mask.fits"),) * 2
    assert a.weight_maps == (None, str(tmp_path / "a.weight-r.fits"))


def test_faults_of_the_list_of_tiles(tmp_path):
    write_sky(tmp_path, tiles=1, side=60)
    (tmp_path / "stack.h5").touch()
    for source, bands, pattern, text in (
        ("missing", BANDS, None, "no such folder"),
        ("tiles", BANDS, "{band}.fits", "{tile}"),
        ("tiles", BANDS, "{id}/g.fits", "{tile}"),
        ("tiles", ("u", "v"), None, "no file fits"),
        ("catalogue.csv", BANDS, None, "no column 'tile'"),
        ("stack.h5", BANDS, None, "`lenszoo search CATALOGUE --cutouts stack.h5` searches it"),
    ):
        with pytest.raises(LenszooError) as caught:
            list_tiles(tmp_path / source, bands, pattern)
        assert text in str(caught.value) and "\n" not in str(caught.value)
