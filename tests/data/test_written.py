"""Facts of written folders: those that painting and simulating write, and those of others."""

import json
import shutil

import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex, make_pairs, read_pairs
from lenszoo.data.written import WrittenFacts, check_whole, written_facts, written_galaxies
from lenszoo.simulation import simulate_galaxies, write_dataset, write_paintings


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    out = tmp_path_factory.mktemp("painted") / "out"
    return write_paintings(simulate_galaxies("kids_ugri", 6, 1), out, n_train=8, n_val=4).path


def test_facts_of_painted_galaxies(painted):
    survey = json.loads((painted / "dataset.json").read_text())["survey"]
    expected = WrittenFacts(("u", "g", "r", "i"), 0.2, survey["bands"][0]["zero_point_mag"])
    assert written_facts(painted) == written_facts(str(painted / "train")) == expected


def test_facts_of_a_sky(tmp_path):
    write_dataset("lens_finding_easy", tmp_path / "sky", n_train=2, n_val=2)
    facts = written_facts(tmp_path / "sky" / "val")
    assert facts.bands and facts.pixel_scale and facts.zero_point == 25.0
    write_dataset("common_test_sim", tmp_path / "one", n_train=3, n_val=3)
    assert written_facts(tmp_path / "one").bands == ()  # a band without a name


@pytest.mark.parametrize(
    "text", [None, "[1, 2]", "{", '{"bands": ["r"], "pixel_scale": 3}', '{"lenszoo": "0.1.0"}']
)
def test_nothing_is_known_of_other_folders(tmp_path, text):
    if text is not None:
        (tmp_path / "dataset.json").write_text(text)
    assert written_facts(tmp_path) == written_facts(None) == WrittenFacts()
    assert written_galaxies(tmp_path, ["a.npy"]) is None


@pytest.mark.parametrize("part", ["", "val", "train"])
def test_galaxy_of_each_image(painted, part):
    index = DatasetIndex.from_directory(painted / part) if part else None
    ids = index.ids if index else ["train/lens/0_lens1.npy", "val/nonlens/3.npy"]
    ids = [name for name in ids if (painted / part / name).exists()]
    galaxies = written_galaxies(painted / part, ids)
    names = [name.rsplit("/", 1)[1].removesuffix(".npy").split("_")[0] for name in ids]
    assert list(galaxies) == names
    assert written_galaxies(painted / part, [*ids, "lens/stranger.npy"]) is None


def test_a_folder_that_was_not_finished_is_refused(painted, tmp_path):
    """Whoever was killed has written no truth, which comes last."""
    copy = tmp_path / "copy"
    shutil.copytree(painted, copy)
    (copy / "truth.parquet").rename(copy / "away")
    for part in ("", "train", "val", "train/lens"):
        one_line("was not simulated to its end", lambda: check_whole(copy / part))  # noqa: B023
    one_line("was not simulated to its end", lambda: DatasetIndex.from_directory(copy / "train"))
    one_line("was not simulated to its end", lambda: read_pairs(copy / "train" / "lens", copy))
    one_line("was not simulated to its end", lambda: make_pairs(copy / "train" / "lens", 2))
    (copy / "away").rename(copy / "truth.parquet")
    assert len(DatasetIndex.from_directory(copy / "train")) > 0
    check_whole(tmp_path)  # anybody's folder


def test_a_killed_painting_leaves_a_folder_that_is_refused(tmp_path):
    class Killed(BaseException):
        pass

    def kill(done, total):
        raise Killed

    with pytest.raises(Killed):
        write_paintings(
            simulate_galaxies("kids_ugri", 6, 1), tmp_path / "out", n_train=8, n_val=4,
            progress=kill,
        )  # fmt: skip
    assert any((tmp_path / "out" / "train" / "lens").iterdir())
    one_line(
        "was not simulated to its end", lambda: DatasetIndex.from_directory(tmp_path / "out/train")
    )
