"""Catalogues with cutouts: what comes back, and how bad input is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from lenszoo.data import measure_sky, read_catalogue
from lenszoo.errors import LenszooError

SIDE, BANDS = 24, ("U", "G", "R", "I")


def _fails(message: str, path: Path, **options) -> str:
    with pytest.raises(LenszooError) as caught:
        read_catalogue(path, **options)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    return text


@pytest.fixture
def survey(tmp_path) -> Callable[..., Path]:
    """Return a maker of a CSV beside cubes 1.npy, 2.npy ... of (3, SIDE, SIDE)."""

    def make(
        text: str = "id,lens,mag,kind\n2,1,20.5,a\n1,0,,b\n3,1,19,c\n", images=(1, 2, 3)
    ) -> Path:
        rng = np.random.default_rng(0)
        (tmp_path / "cubes").mkdir()
        for i in images:
            np.save(tmp_path / "cubes" / f"{i}.npy", i + rng.random((3, SIDE, SIDE)))
        (tmp_path / "survey.csv").write_text(text)
        return tmp_path / "survey.csv"

    return make


def test_a_csv_beside_cubes(survey):
    cutouts = read_catalogue(survey(), label="lens")
    assert cutouts.ids == ("2", "1", "3")
    assert cutouts.images.shape == (3, SIDE, SIDE, 3)
    assert cutouts.images.dtype == cutouts.table.dtype == np.float32
    assert [int(image.min()) for image in cutouts.images] == [2, 1, 3]
    assert cutouts.columns == ("mag",)
    np.testing.assert_array_equal(cutouts.table[:, 0], np.float32([20.5, np.nan, 19]))
    assert cutouts.labels.tolist() == [1, 0, 1]
    assert cutouts.labels.dtype == np.int32
    assert cutouts.class_names == ("nonlens", "lens")
    assert cutouts.class_counts() == {"nonlens": 1, "lens": 2}
    assert cutouts.bad_counts.tolist() == [0, 0, 0]
    assert cutouts.notes == ("Column 'kind' holds no numbers and was left out of the table.",)
    facts = cutouts.describe()
    assert facts["missing_values"] == 1
    assert len(facts["sha256"]) == 64
    assert "3, 24x24x3, 1 columns" in repr(cutouts)


def test_rows_can_be_taken(survey):
    cutouts = read_catalogue(survey(), label="lens").take([2, 0])
    assert cutouts.ids == ("3", "2")
    assert cutouts.labels.tolist() == [1, 1]
    assert cutouts.images.shape[0] == len(cutouts.table) == len(cutouts.bad_counts) == 2


def test_parquet_in_another_folder_and_the_table_alone(survey, tmp_path):
    survey()
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "survey.parquet"
    table = {"ID": [1, 2], "is_lens": [False, True], "mag": [20.0, None], "n": [3, 4]}
    pq.write_table(pa.table(table), path)
    cutouts = read_catalogue(path, images=tmp_path / "cubes", label="is_lens")
    assert cutouts.labels.tolist() == [0, 1]
    assert cutouts.columns == ("mag", "n")
    alone = read_catalogue(path, table_only=True)
    assert alone.images is None
    assert alone.labels is None
    assert alone.columns == ("mag", "n")
    assert "looks like a label" in alone.notes[0]
    assert alone.describe()["image_shape"] is None


def test_columns_in_the_order_asked_for(survey):
    path = survey("id,a,b,c\n1,1,2,3\n")
    assert read_catalogue(path, columns=["c", "a"]).table.tolist() == [[3, 1]]
    assert read_catalogue(path, columns=[]).table.shape == (1, 0)


def test_missing_and_infinite_values(survey):
    path = survey("id,a,b,c\n1,-99,inf,1e300\n2,5,null,2\n3,N/A,4,3\n")
    cutouts = read_catalogue(path, missing_values=[-99])
    expected = [[np.nan, np.nan, np.nan], [5, np.nan, 2], [np.nan, 4, 3]]
    np.testing.assert_array_equal(cutouts.table, expected)
    assert "Infinite values in column 'b', now missing: 1." in cutouts.notes
    assert "Infinite values in column 'c', now missing: 1." in cutouts.notes


def test_missing_values_of_columns_in_single_precision(survey, tmp_path):
    survey()
    magnitudes = pa.array([20.5, -99.9, 1e20], pa.float32())
    pq.write_table(pa.table({"id": ["1", "2", "3"], "mag": magnitudes}), tmp_path / "t.parquet")
    given = {"missing_values": [-99.9, 1e20, 1e300], "table_only": True}
    cutouts = read_catalogue(tmp_path / "t.parquet", **given)
    np.testing.assert_array_equal(cutouts.table[:, 0], np.float32([20.5, np.nan, np.nan]))


def test_columns_that_tell_nothing_are_told_of(survey):
    cutouts = read_catalogue(survey("id,a,b,c,d\n1,5,,1,\n2,5,,2,3\n3,,,1,3\n"), table_only=True)
    assert cutouts.columns == ("a", "b", "c", "d")
    assert [note.split()[1] for note in cutouts.notes] == ["'a'", "'b'", "'d'"]


def test_the_bands_of_cubes_may_be_named(survey):
    path = survey()
    assert read_catalogue(path).bands == ()
    assert read_catalogue(path, bands=["g", "r", "i"]).bands == ("g", "r", "i")
    named = read_catalogue(path, pattern="cubes/{id}.npy")
    np.testing.assert_array_equal(named.images, read_catalogue(path).images)


@pytest.mark.parametrize(
    ("no", "yes"),
    [("0", "1"), ("False", "true"), ("nonlens", "lens"), ("NoLens", "LENS"), ("0.0", "1.0")],
)
def test_labels_in_many_words(survey, no, yes):
    path = survey(f"id,what\n1,{yes}\n2,{no}\n")
    assert read_catalogue(path, label="what").labels.tolist() == [1, 0]


def test_objects_without_a_label(survey):
    path = survey("id,y\n1,1\n2,\n3,0\n")
    text = _fails("line 3 has no label in column 'y'", path, label="y")
    assert "unlabelled=True" in text
    cutouts = read_catalogue(path, label="y", unlabelled=True)
    assert cutouts.labels.tolist() == [1, -1, 0]
    assert cutouts.class_counts() == {"nonlens": 1, "lens": 1}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("name,mag\n1,2\n", {}, "no column 'id'; the columns are: name, mag"),
        ("id,mag\n1,2\n", {"id": "ID"}, "no column 'ID'"),
        ("id,mag\n1,2\n", {"label": "lens"}, "no column 'lens'"),
        ("id,mag\n1,2\n", {"columns": ["mag", "z"]}, "no column 'z'"),
        ("id,mag\n1,faint\n", {"columns": ["mag"]}, "line 2 has 'faint' in column 'mag'"),
        ("id,y\n1,1\n", {"label": "y", "columns": ["y"]}, "names 'y', which is the label"),
        ("id,y\n1,1\n", {"columns": ["id"]}, "names 'id', which is the id"),
        ("id,y\n1,1\n", {"columns": ["y", "y"]}, "there twice"),
        ("id,y\n1,1\n2,maybe\n", {"label": "y"}, "line 3 has label 'maybe' in column 'y'"),
        ("id,y\n1,1\n1,0\n", {}, "id '1' occurs more than once"),
        ("id,y\n1,1\n,0\n", {}, "line 3 has no value in column 'id'"),
        ("id,y\n", {}, "the table has no rows"),
        ("", {}, "no column 'id'"),
        ("id,y\n1,1\n9,0\n", {}, "id '9' has no image (1 of 2 objects"),
        ("id,y\n8,1\n9,0\n", {"on_missing": "skip"}, "2 of 2 objects"),
        ("id,y\n1,1\n", {"on_missing": "ignore"}, "Legal: blank, raise, skip"),
        ("id,y\n1,1\n", {"on_bad": "ignore"}, "Legal: fill, raise, skip, zero"),
        ("id,y\n1,1\n", {"sky": "mean"}, "Legal: border, median"),
        ("id,y\n1,1\n", {"layout": "bologna"}, "Legal: bologna_ground, bologna_space"),
        ("id,y\n1,1\n", {"bands": ["g", "r"]}, "3 band(s), but bands= names 2 (g, r)"),
        ("id,y\n1,1\n", {"size": (32, 32)}, "but 32 x 32 pixels is expected"),
    ],
)
def test_bad_input_is_refused_in_one_line(survey, text, options, message):
    _fails(message, survey(text), **options)


def test_half_written_parquet(survey, tmp_path):
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    _fails("t.parquet: not a Parquet file, or a damaged one", tmp_path / "t.parquet")


def test_images_without_a_row_are_told_of(survey):
    cutouts = read_catalogue(survey("id,mag\n3,1\n"))
    assert "Images that belong to no row of the table: 2 (the first: cubes/1)." in cutouts.notes


def test_skipped_images_take_their_rows_along(survey, tmp_path):
    path = survey()
    np.save(tmp_path / "cubes" / "1.npy", np.full((3, SIDE, SIDE), np.nan))
    _fails("1.npy: 1728 NaN", path, label="lens")
    cutouts = read_catalogue(path, label="lens", on_bad="skip")
    assert cutouts.ids == ("2", "3")
    assert cutouts.labels.tolist() == [1, 1]
    assert cutouts.table[:, 0].tolist() == [20.5, 19]
    zero = read_catalogue(path, label="lens", on_bad="fill")
    assert zero.bad_counts.tolist() == [0, 3 * SIDE * SIDE, 0]
    assert not zero.images[1].any()
    assert "Images with bad pixels (on_bad='fill'): 1." in zero.notes


# the Bologna challenge


@pytest.fixture
def bologna(tmp_path) -> Callable[..., Path]:
    """Return a maker of ground frames in the challenge's layout: flux 1e-12, masks of 100."""

    def make(lack: tuple[str, ...] = ()) -> Path:
        rng = np.random.default_rng(2)
        rows = "ID,is_lens,Einstein_area,numb_pix_lensed_image,flux_lensed_image_in_sigma\n"
        for i, lens in ((100002, 1), (100003, 0), (100004, 0)):
            rows += f"{i},{lens},6.04E-10,{51 * lens},{57.6 * lens}\n"
            for number, band in enumerate("RIGU", 1):
                data = rng.normal(0, 1e-12, (SIDE, SIDE)).astype(np.float32)
                data[:2, :5] = 100 if i == 100003 else 0
                folder = tmp_path / ("lens" if lens else "nolens") / f"Band{number}"
                folder.mkdir(parents=True, exist_ok=True)
                name = f"imageSDSS_{band}-{i}.fits"
                if name not in lack:
                    fits.writeto(folder / name, data)
        (tmp_path / "ground.csv").write_text(rows)
        return tmp_path / "ground.csv"

    return make


def test_bologna_ground_frames(bologna, tmp_path):
    cutouts = read_catalogue(bologna(), layout="bologna_ground")
    assert cutouts.ids == ("100002", "100003", "100004")
    assert cutouts.bands == BANDS
    assert cutouts.labels.tolist() == [1, 0, 0]
    assert cutouts.images.shape == (3, SIDE, SIDE, 4)
    assert cutouts.bad_counts.tolist() == [0, 40, 0]
    assert cutouts.images.std() == pytest.approx(1e-2, rel=0.1)  # maggies, now of zero point 25
    masked = cutouts.images[1, 0, 0]
    np.testing.assert_allclose(masked, np.median(cutouts.images[1], (0, 1)), atol=1e-3)
    u_band = fits.getdata(tmp_path / "lens" / "Band4" / "imageSDSS_U-100002.fits")
    np.testing.assert_allclose(cutouts.images[0, ..., 0], u_band * 1e10, rtol=1e-5)
    given = read_catalogue(tmp_path / "ground.csv", layout="bologna_ground", bands=["R"])
    np.testing.assert_array_equal(given.images[..., 0], cutouts.images[..., 2])


def test_a_band_that_is_missing(bologna):
    path = bologna(lack=("imageSDSS_G-100004.fits", "imageSDSS_U-100004.fits"))
    text = _fails("id '100004' has no image in band U, G (1 of 3", path, layout="bologna_ground")
    assert "on_missing='skip'" in text
    skipped = read_catalogue(path, layout="bologna_ground", on_missing="skip")
    assert skipped.ids == ("100002", "100003")
    assert len(skipped.table) == len(skipped.labels) == 2
    blank = read_catalogue(path, layout="bologna_ground", on_missing="blank")
    assert blank.ids == ("100002", "100003", "100004")
    assert blank.bad_counts[2] == 2 * SIDE * SIDE
    assert not blank.images[2, ..., :2].any()
    assert blank.images[2, ..., 2:].any()
    strict = {"layout": "bologna_ground", "on_missing": "blank", "on_bad": "raise"}
    _fails("40 NaN", path, **strict)  # the masked frame comes first


def test_bands_of_different_size_and_a_truncated_file(bologna, tmp_path):
    path = bologna()
    file = tmp_path / "nolens" / "Band1" / "imageSDSS_R-100003.fits"
    whole = file.read_bytes()
    fits.writeto(file, np.zeros((9, 9), np.float32), overwrite=True)
    text = _fails("imageSDSS_R-100003.fits: 9 x 9 pixels", path, layout="bologna_ground")
    assert "imageSDSS_U-100003.fits is 24 x 24" in text
    file.write_bytes(whole[:4000])
    _fails("imageSDSS_R-100003.fits: truncated", path, layout="bologna_ground")


def test_the_sky_is_subtracted_before_bad_pixels_are_mended(survey, tmp_path):
    path = survey("id\n1\n")
    rng = np.random.default_rng(0)
    image = (500 + rng.normal(0, 1, (3, SIDE, SIDE))).astype(np.float32)
    image[:, 5, 5] = np.nan
    np.save(tmp_path / "cubes" / "1.npy", image)
    for method in ("border", "median"):
        cutouts = read_catalogue(path, sky=method, on_bad="zero")
        assert np.abs(measure_sky(cutouts.images, method).level).max() < 1e-3
        assert not cutouts.images[0, 5, 5].any()
