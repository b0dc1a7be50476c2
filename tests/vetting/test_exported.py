"""Exported cutouts are those that the finder took, whichever results name them."""

import shutil

import numpy as np
import pyarrow.csv as pc
import pytest
from astropy.io import fits
from tinystack import cutouts

from lenszoo import predict
from lenszoo.data import Catalogue
from lenszoo.data.sky import subtract_sky
from lenszoo.inference.tables import write_table
from lenszoo.survey import search
from lenszoo.vetting import open_session
from lenszoo.vetting.votes import write_votes

WEIGHTS = "lens_finder.hard_sim_image"


@pytest.fixture
def folder(tmp_path):
    """Six FITS files of 80 pixels a side on a bright sky, in a unit that their headers name."""
    (tmp_path / "f").mkdir()
    images = cutouts(6)
    side = images.shape[1]
    wide = np.random.default_rng(0).normal(0, 0.02, (6, 80, 80, 3)).astype(np.float32)
    edge = (80 - side) // 2
    wide[:, edge : edge + side, edge : edge + side] = images
    header = fits.Header({"MAGZERO": 30.0})
    for k, image in enumerate(wide):
        fits.writeto(tmp_path / "f" / f"o{k}.fits", np.moveaxis(100 * image + 7, 2, 0), header)
    return tmp_path


def expected(folder, name):
    image = np.moveaxis(fits.getdata(folder / "f" / f"{name}.fits"), 0, 2)[8:72, 8:72]
    image = image.astype(np.float32)
    subtract_sky(image[None], "border")
    return image * np.float32(0.01)


def named(table):
    """Answers whose ids are those of the objects, without the ends of the files' names."""
    names = [name.removesuffix(".fits") for name in table["id"].to_pylist()]
    return table.set_column(0, "id", [names])


OPTIONS = {"crop": 64, "sky": "border", "any_scale": True}


def check_export(results, folder, expected=expected, **options):
    session = open_session(results, **options)
    for k, letter in enumerate("AX"):
        session.grades.grade(f"g{k}", "Ann", session.candidates.ids[k], letter)
    written = write_votes(
        session.grades.grades(), session.candidates, session.images, folder / "votes"
    )
    session.grades.close()
    assert not written.faults
    table = pc.read_csv(written.table).to_pylist()
    for row in table:
        image = np.load(folder / "votes" / "cutouts" / f"{row['id']}.npy")
        np.testing.assert_allclose(image, expected(folder, row["object"]), atol=1e-6)


def test_cutouts_of_a_search_are_exported_as_it_took_them(folder):
    search(None, None, WEIGHTS, folder / "R", cutouts=folder / "f", pattern="{id}.fits", **OPTIONS)
    check_export(folder / "R", folder)


@pytest.mark.parametrize("ending", ["parquet", "fits", "ecsv"])
def test_cutouts_of_a_prediction_are_exported_as_it_took_them(folder, monkeypatch, ending):
    monkeypatch.chdir(folder)
    table = predict(WEIGHTS, "f", on_bad="fill", **OPTIONS)
    write_table(named(table), folder / f"answers.{ending}")
    check_export(folder / f"answers.{ending}", folder)


def test_copies_of_candidates_and_images_by_a_pattern_are_exported_alike(folder):
    search(None, None, WEIGHTS, folder / "R", cutouts=folder / "f", pattern="{id}.fits", **OPTIONS)
    shutil.copy(folder / "R" / "candidates.parquet", folder / "copy.parquet")
    for results in (folder / "copy.parquet", folder / "R"):
        check_export(results, folder, images=folder / "f", pattern="{id}.fits")
        shutil.rmtree(folder / "votes")


def test_cutouts_of_a_catalogue_are_exported_as_it_read_them(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "c.csv").write_text("id\n" + "".join(f"o{k}\n" for k in range(6)))
    catalogue = Catalogue("c.csv", images="f", sky="border", zero_point=30.0)
    table = predict(WEIGHTS, catalogue, crop=64, any_scale=True)
    write_table(table, folder / "answers.parquet")

    def read(folder, name):  # the sky of a catalogue comes before the crop
        image = np.moveaxis(fits.getdata(folder / "f" / f"{name}.fits"), 0, 2).astype(np.float32)
        subtract_sky(image[None], "border")
        return image[8:72, 8:72] * np.float32(0.01)

    check_export(folder / "answers.parquet", folder, read, images=folder / "f")


def test_a_table_that_does_not_say_how_is_exported_as_its_files_are_with_a_warning(folder, caplog):
    (folder / "answers.csv").write_text("id,path,prob_lens\no1,f/o1.fits,0.9\no2,f/o2.fits,0.8\n")
    session = open_session(folder / "answers.csv")
    image = np.moveaxis(fits.getdata(folder / "f" / "o1.fits"), 0, 2)
    np.testing.assert_array_equal(session.images.seen(0), image)
    session.images.seen(1)
    (line,) = [message for message in caplog.messages if "as in their files" in message]
    assert "o1.fits and others are as in their files" in line
    session.grades.close()
