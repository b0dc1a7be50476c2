"""train, evaluate, predict and embed of lens finders at the command line."""

import contextlib
import csv
import json
import sys

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from tinysurvey import COLUMNS, PATTERN, SIZE, TINY, tiny_survey

from lenszoo import build_model
from lenszoo.inference import provenance_of
from lenszoo.pretrained.loading import save_weights

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def survey():
    return tiny_survey()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files of finders of one branch, untrained."""
    root = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(1)
    image = build_model("lens_finder", input_shape=(SIZE, SIZE, 2), **TINY)
    table = build_model("lens_finder", columns=list(COLUMNS), use="table", **TINY)
    return {
        name: save_weights(model, root / f"{name}.weights.h5")
        for name, model in (("image", image), ("table", table))
    }


def fields(*settings):
    return [word for setting in settings for word in ("--set", setting)]


def of_recipe(survey):
    return fields(f"data.folder={survey.images}", f"data.pattern={PATTERN}", "data.bands=g,r")


def where(survey):
    return ["--images-in", survey.images, "--pattern", PATTERN, "--band-names", "g,r"]


class TestTrain:
    def test_on_a_catalogue(self, lenszoo, survey, tmp_path):
        (tmp_path / "r.toml").write_text(
            'task = "find_lenses"\n[options]\nwidth = 4\ndim = 8\nheads = 2\n'
            '[data]\npreset = "lens_finding_easy"\nval_images = 9\n'
        )
        done = lenszoo(
            "train", tmp_path / "r.toml", "--data", survey.table, *of_recipe(survey),
            *fields("data.label=is_lens", "data.columns=colour, size"),
            *fields("data.missing_values=-99,99", "data.val_fraction=0.5"),
            "--epochs", 1, "--batch-size", 10, "--out", tmp_path / "run",
        )  # fmt: skip
        line = done.stdout.strip().splitlines()[-1]
        assert line.startswith(f"{tmp_path / 'run'}: AUC 0.")
        assert ", TPR0 " in line and ", TPR10 " in line and ", 10 non-lenses; open " in line
        recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
        data = recipe["data"]
        assert data["catalogue"] == str(survey.table) and data["preset"] is None
        assert data["folder"] == str(survey.images) and data["label"] == "is_lens"
        assert data["columns"] == ["colour", "size"] and data["bands"] == ["g", "r"]
        assert data["missing_values"] == [-99, 99] and data["pattern"] == PATTERN

    def test_training_without_objects_that_lack_an_image(self, lenszoo, refused, survey, tmp_path):
        (tmp_path / "t.csv").write_text(survey.table.read_text() + "x1,0,1,1,0\n")
        command = ("train", "lens_finder", "--data", tmp_path / "t.csv", *of_recipe(survey))
        command = (*command, *fields("data.label=is_lens"), "--out", tmp_path / "run")
        line = refused(*command)
        assert "id 'x1' has no image" in line and "--set data.on_missing=skip" in line
        # goes on to the next thing that is wrong, and trains nothing
        said = lenszoo(*command, *fields("data.on_missing=skip"), code=2).stderr
        assert "without images, left out: 1." in said and "gives the label away: arc_flux" in said

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("lens_finder --data {table}", "no column 'label'"),
            ("{finder} --set use=table", "arc_flux (AUC 1"),
            ("{finder}", "are both called like id"),
            ("lens_finder --data {table} --set data.label=colour", "in column 'colour'"),
            ("{finder} --set data.columns=colour,x --set use=table", "no column 'x'"),
            ("lens_finder --data {images}", "hold no table; --set use=image."),
            ("{finder} --set data.layout=bolonga_space", "Did you mean 'bologna_space'"),
            ("{finder} --set data.missing_values=x", "data.missing_values"),
            ("{finder} --set data.pattern=x.npy", "lacks {id}"),
            ("lens_finder --data {table} --folds 3", "'folds'"),
            ("lens_finder --data gone.csv", "gone.csv"),
            ("lens_finder", "Nothing to train on"),
            ("lens_finder --preset common_test_sim", "is no sky of lenses"),
            (
                "lens_finder --preset lens_finding_easy --set data.layout=bologna_ground",
                "layout has an effect with catalogue alone",
            ),
            ("lens_finder --preset lens_finding_easy --set data.columns=mag_x", "'mag_"),
            ("simple_cnn --data {images} --set data.folder=x", "field 'data.folder'"),
            ("simple_cnn --data {images} --set use=table", "Unknown field 'use'"),
        ],
    )
    def test_bad_input(self, refused, survey, tmp_path, arguments, message):
        finder = "lens_finder --data {table} --set data.label=is_lens"
        words = arguments.replace("{finder}", finder).split()
        places = {"{table}": str(survey.table), "{images}": str(survey.images)}
        line = refused("train", *(places.get(w, w) for w in words), "--out", tmp_path / "run")
        assert message in line

    def test_leaks_are_refused_until_allowed(self, lenszoo, refused, survey, tmp_path):
        command = ["train", "lens_finder", "--data", survey.table, "--epochs", 1]
        command += [*fields("data.label=is_lens", "use=table"), "--out"]
        assert "allow_leaky_columns" in refused(*command, tmp_path / "a")
        done = lenszoo(*command, tmp_path / "b", *fields("allow_leaky_columns=true"))
        assert "warning: This column gives the label away: arc_flux" in done.stderr
        assert "AUC" in done.stdout


class TestPredict:
    def test_a_catalogue_to_csv_and_parquet(self, lenszoo, survey, tmp_path):
        command = ("predict", survey.run, survey.table, *where(survey), "--out")
        done = lenszoo(*command, tmp_path / "t.csv")
        assert done.stdout.startswith(f"{tmp_path / 't.csv'}: 40 images: lens ")
        with (tmp_path / "t.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        lenszoo(*command, tmp_path / "t.parquet")
        table = pq.read_table(tmp_path / "t.parquet")
        assert [row["id"] for row in rows] == table["id"].to_pylist()
        assert {row["weights"] for row in rows} == {str(survey.run)}
        right = [(row["predicted"] == "lens") == bool(i % 2) for i, row in enumerate(rows)]
        assert np.mean(right) > 0.9
        facts = provenance_of(tmp_path / "t.parquet")
        assert facts["columns"] == list(COLUMNS) and facts["data"]["pattern"] == PATTERN

    def test_a_fits_catalogue_to_a_sorted_fits_table(self, lenszoo, refused, survey, tmp_path):
        rows = Table.read(survey.table, format="ascii.csv")
        rows["ra"] = np.arange(40) / 7
        rows.write(tmp_path / "cat.fits")
        command = ("predict", survey.run, tmp_path / "cat.fits", *where(survey))
        lenszoo(*command, "--sort", "logit_lens", "--out", tmp_path / "t.fits")
        table = Table.read(tmp_path / "t.fits")
        assert (np.diff(table["logit_lens"]) <= 0).all()
        ids = [f"c{round(7 * ra)}" for ra in table["ra"]]
        assert list(table["id"]) == ids and len(set(ids)) == 40
        assert provenance_of(tmp_path / "t.fits")["weights"] == str(survey.run)
        line = refused(*command, "--sort", "logit_len", "--out", tmp_path / "u.fits")
        assert "Did you mean 'logit_lens'?" in line

    def test_ctrl_c_keeps_what_was_done(self, lenszoo, survey, tmp_path, monkeypatch):
        @contextlib.contextmanager
        def stopping(title):
            def progress(done, total):
                if done == 16:
                    raise KeyboardInterrupt

            yield progress

        monkeypatch.setattr(sys.modules["lenszoo.cli.predict"], "progress_bar", stopping)
        command = ("predict", survey.run, survey.table, *where(survey), "--batch-size", 8)
        done = lenszoo(*command, "--out", tmp_path / "t.csv", code=130)
        assert done.stderr.endswith(
            "lenszoo: stopped; what is done is kept, and the same command goes on from it.\n"
        )
        monkeypatch.undo()
        done = lenszoo(*command, "--out", tmp_path / "t.csv")
        assert "Going on: 16 of 40 rows are done." in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
        with (tmp_path / "t.csv").open(newline="") as stream:
            assert [row["id"] for row in csv.DictReader(stream)] == [f"c{i}" for i in range(40)]

    def test_images_alone_or_a_table_alone(self, lenszoo, survey, weights, tmp_path):
        image = np.load(survey.images / "g" / "c1.npy")
        np.save(tmp_path / "one.npy", np.stack([image, image]))
        done = lenszoo(
            "predict", weights["image"], tmp_path / "one.npy", "--out", tmp_path / "a.csv"
        )
        assert ": 1 image: " in done.stdout
        done = lenszoo("predict", weights["table"], survey.table, "--out", tmp_path / "b.csv")
        assert ": 40 images: " in done.stdout

    def test_another_unit_and_a_sky(self, lenszoo, refused, survey, weights, tmp_path):
        image = np.load(survey.images / "g" / "c1.npy")
        np.save(tmp_path / "njy.npy", np.stack([image, image], axis=-1) * 10**2.56)
        facts = json.loads((survey.run / "run.json").read_text())
        assert facts["inputs"]["noise"] == pytest.approx([1, 1], rel=0.2)
        assert facts["inputs"]["zero_point"] is None
        command = ("predict", survey.run, survey.table, *where(survey))
        command = (*command, "--out", tmp_path / "a.csv", "--overwrite")
        said = lenszoo(*command, "--zero-point", "31.4", code=2).stderr
        assert "its zero point, --zero-point (22.5" in said and said.endswith("--any-scale.\n")
        done = lenszoo(*command, "--zero-point", "31.4", "--any-scale")
        assert "warning: " in done.stderr and "do not trust its answers" in done.stderr
        assert "40 images" in lenszoo(*command, "--sky", "border").stdout
        # of image files
        command = ("predict", weights["image"], tmp_path / "njy.npy", "--out")
        lenszoo(*command, tmp_path / "b.csv", "--zero-point", "31.4", "--sky", "median")
        lenszoo(*command, tmp_path / "c.csv", "--scaling", "0,363", "--crop", "20")
        assert "scaling must be" in refused(*command, tmp_path / "d.csv", "--scaling", "log")
        assert "no square of 64" in refused(*command, tmp_path / "d.csv", "--crop", "64")

    def test_objects_without_images(self, lenszoo, refused, survey, tmp_path):
        (tmp_path / "t.csv").write_text(survey.table.read_text() + "x1,0,1,1,0\n")
        command = ("predict", survey.run, tmp_path / "t.csv", *where(survey))
        command = (*command, "--out", tmp_path / "a.csv", "--overwrite")
        line = refused(*command)
        assert "id 'x1' has no image" in line and "--on-missing skip" in line
        assert "mend --images-in or --pattern" in line
        for option in ("--on-missing", "--on-bad"):
            assert "; 1 without an answer" in lenszoo(*command, option, "skip").stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("{run} {images}", "looks at images and a table (columns: colour, size)"),
            ("{table_only} {images}", "looks at a table, not at images"),
            ("{run} {table} --columns size", "but --columns names 1"),
            ("{run} {table}", "are both called like id"),
            ("{run} {table} --pattern {band}/{id}.npy", "in order: --band-names"),
            ("{run} {table} --pattern {band}/{id}.npy --band-names g,g", "band 'r' among g, g"),
            ("{run} {images} --layout bologna_ground", "layout= is said of a catalogue"),
            ("{run} gone.csv", "gone.csv"),
            ("{run} gone.parquet", "gone.parquet"),
            ("{run} empty.csv", "the table has no rows"),
            ("{run} other.csv", "no column 'colour'"),
            ("{run},{run} {table}", "lens finders"),
        ],
    )
    def test_bad_input(self, refused, survey, weights, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty.csv").write_text("id,colour,size\n")
        (tmp_path / "other.csv").write_text("id,size\nc1,2\n")
        places = {"{table}": survey.table, "{images}": survey.images, "{run}": survey.run}
        places["{table_only}"] = weights["table"]
        for name, path in places.items():
            arguments = arguments.replace(name, str(path))
        assert message in refused("predict", *arguments.split(), "--out", "t.csv")


class TestEvaluate:
    def test_a_catalogue(self, lenszoo, refused, survey, tmp_path):
        command = ("evaluate", survey.run, "--data", survey.table, *where(survey), "--out")
        assert "no column 'label'" in refused(*command, tmp_path / "r")
        done = lenszoo(*command, tmp_path / "r", "--label-column", "is_lens")
        assert f"Open {tmp_path / 'r' / 'report.html'}" in done.stdout
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        scores = report["metrics"]["by_score"]
        assert list(scores) == ["image and table", "image only", "table only"]
        assert report["provenance"]["weights"] == str(survey.run)
        assert report["provenance"]["data"]["catalogue"] == str(survey.table)

    def test_a_sky(self, lenszoo, refused, survey, tmp_path):
        keras.utils.set_random_seed(1)
        model = build_model("lens_finder", input_shape=(64, 64, 4), columns=["mag_r"], **TINY)
        file = save_weights(model, tmp_path / "m.weights.h5")
        command = ("evaluate", file, "--preset", "lens_finding_easy", "--images", 12)
        lenszoo(*command, "--seed", 4, "--out", tmp_path / "r")
        report = json.loads((tmp_path / "r" / "report.json").read_text())
        assert report["provenance"]["preset"] == "lens_finding_easy"
        assert report["metrics"]["n"] == 12
        assert next(iter(report["metrics"]["by_score"])) == "image and table"
        assert report["metrics"]["false_positives_by_kind"]
        line = refused("evaluate", survey.run, *command[2:], "--out", tmp_path / "s")
        assert "Unknown column of lens_finding_easy" in line


def test_embed(lenszoo, survey, tmp_path):
    done = lenszoo("embed", survey.run, survey.table, *where(survey), "--out", tmp_path / "f.npy")
    assert ": 40 vectors of 8" in done.stdout
    assert np.load(tmp_path / "f.npy").shape == (40, 8)
