import pyarrow.parquet as pq
from tinysky import refusal


def test_bad_rows_are_left_out_and_counted(sky, tmp_path, look):
    lines = (sky / "catalogue.csv").read_text().split("\n")
    bad = ["a,,2.0", "b,nan,2.0", "c,361,2.0", "d,-1,2.0", "e,150,91", ",150,2.0", "f,10.0,2.0"]
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text("\n".join([lines[0], *bad, *lines[1:]]))
    result = look(sky, tmp_path / "out", catalogue=catalogue)
    assert result.complete and result.searched == 90 and result.objects == 97
    assert result.left_out == {
        "ra or dec is missing": 2, "ra is not within 0 and 360 degrees": 2,
        "dec is not within -90 and 90 degrees": 1, "no id": 1, "outside all tiles": 1,
    }  # fmt: skip
    listed = pq.read_table(tmp_path / "out" / "left_out.parquet")
    assert listed["id"].to_pylist() == ["a", "b", "c", "d", "e", ""]


def test_catalogues_that_could_mean_two_things_are_refused(sky, tmp_path, look):
    lines = (sky / "catalogue.csv").read_text().strip().split("\n")
    catalogue, out = tmp_path / "catalogue.csv", tmp_path / "out"

    def run():
        look(sky, out, catalogue=catalogue)

    catalogue.write_text("\n".join([*lines, lines[5]]))
    refusal(run, str(catalogue), f"id '{lines[5].split(',')[0]}' occurs more than once")
    hours = [f"{i},{float(ra) / 15},{dec}" for i, ra, dec in (x.split(",") for x in lines[1:])]
    catalogue.write_text("\n".join([lines[0], *hours]))
    refusal(run, "hours", "90 of 90")
    catalogue.write_text("id,ra,dec\n1,11.5,2.0\n")
    refusal(run, "None of 1 objects can be searched", "outside all tiles")
    catalogue.write_text("id,ra,dec\n")
    refusal(run, "no rows")
    assert not list(out.glob(".plan-*"))
