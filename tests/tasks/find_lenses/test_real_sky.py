"""A simulated sky with real galaxies and real sky: shares, repeats, and what is refused."""

import re
import shutil

import numpy as np
import pytest
from pydantic import ValidationError

from lenszoo.errors import LenszooError
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.recipe import LensData, RealSky
from lenszoo.tasks.find_lenses.task import FindLensesTask
from lenszoo.tasks.parts import first_change
from lenszoo.training import Recipe, train

SKY = "lens_finding_cfhtls"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three cutouts that stand for real galaxies, far brighter than any scene, and a field."""
    root = tmp_path_factory.mktemp("real")
    rng = np.random.default_rng(2)
    for name in "abc":
        np.save(root / f"{name}.npy", rng.normal(1e4, 1.0, (3, 64, 64)).astype(np.float32))
    (root / "others.csv").write_text("id\na\nb\nc\n")
    for band in "gri":
        np.save(root / f"field_{band}.npy", rng.normal(0, 50.0, (90, 90)).astype(np.float32))
    return root


def data(folder, **changes):
    real = {"catalogue": str(folder / "others.csv"), "share": 0.25}
    return {"preset": SKY, "images": 32, "val_images": 8, "test_images": 8, "real": real} | changes


def opened(folder, **changes):
    return open_lenses(LensData(**data(folder, **changes)), "image", 5)


def test_real_galaxies_are_a_share_of_the_non_lenses_of_training_alone(folder):
    source = opened(folder)
    first = source.first()
    real = first.images.min((1, 2, 3)) > 5e3
    assert len(first) == 32 and len(set(first.ids)) == 32
    assert first.labels.sum() == 16 and real.sum() == 4 and not first.labels[real].any()
    assert set(first.groups[real]) == {"a", "b", "c"}
    assert source.validation().images.max() < 5e3
    assert source.describe["real"]["others"] == 3
    images, labels = zip(*source.epoch(0, 8, "d4"), strict=True)
    assert np.concatenate(images).shape == (32, 64, 64, 3) and np.concatenate(labels).sum() == 16
    np.testing.assert_array_equal(first.images, opened(folder).first().images)


def test_scenes_are_painted_into_frames(folder):
    frames = {"frames": str(folder / "field_{band}.npy"), "frames_zero_point": 30.0}
    source = opened(folder, real=frames | {"painted": 1.0})
    noise = source.first().images[:, :4, :4].std()
    assert noise == pytest.approx(0.5, rel=0.2)  # 50 at zero point 30
    plain = sample_cutouts(SKY, 32, 5, columns=())
    assert plain.images[:, :4, :4, 0].std() < 0.1


def test_cores_are_cut_off_as_in_pictures(folder):
    frames = {"frames": str(folder / "field_{band}.npy"), "frames_zero_point": 35.0}
    white = (0.3, 0.5, 0.6)
    source = opened(folder, real=frames | {"white": white, "pictures": 1.0})
    assert (source.first().images.max((0, 1, 2)) <= np.array(white) * 1.001).all()


def test_a_mixture_at_fault_is_refused(folder, tmp_path):
    with pytest.raises(LenszooError, match="have no table"):
        open_lenses(LensData(**data(folder)), "both", 5)
    with pytest.raises(LenszooError, match="fresh = false"):
        opened(folder, fresh=True)
    with pytest.raises(LenszooError, match="leave bands out"):
        opened(folder, bands=("g", "r"))
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(3, 32, 32)))
    (tmp_path / "others.csv").write_text("id\na\n")
    with pytest.raises(LenszooError, match="32 x 32 pixels in 3 band"):
        opened(folder, real={"catalogue": str(tmp_path / "others.csv")})
    with pytest.raises(ValidationError, match="catalogue of non-lenses, frames of sky"):
        RealSky()
    with pytest.raises(ValidationError, match="real has an effect with preset alone"):
        LensData(directory=str(folder), real={"catalogue": "others.csv"})


def test_a_finder_trains_on_the_mixture_and_notices_other_galaxies(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "real")
    recipe = Recipe(
        task="find_lenses", use="image", data=data(copy), epochs=1, batch_size=16,
        options={"width": 4, "dim": 8, "heads": 1},
    )  # fmt: skip
    result = train(recipe, tmp_path / "run")
    assert train(recipe, tmp_path / "run").metrics == result.metrics
    np.save(copy / "b.npy", np.load(copy / "a.npy"))
    with pytest.raises(LenszooError, match="data changed since this run began: b has another"):
        train(recipe, tmp_path / "run")


def test_frames_of_other_pixels_are_noticed(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "real")
    real = {"frames": str(copy / "field_{band}.npy"), "frames_zero_point": 30.0}
    before = opened(copy, real=real).parts
    np.save(copy / "field_r.npy", 1.01 * np.load(copy / "field_r.npy"))
    assert first_change(before, opened(copy, real=real).parts) == "frame r has another content now"


def test_scales_of_the_stretch_are_those_of_the_new_sky(folder):
    fields = data(folder) | {"images": 16, "real": {"frames": str(folder / "field_{band}.npy")}}
    fields["real"] |= {"frames_zero_point": 30.0, "painted": 1.0}
    scales = {}
    for adapt in (False, True):
        recipe = Recipe(
            task="find_lenses", use="image", data=fields, adapt_scales=adapt,
            weights="lens_finder.hard_sim_image",
        )  # fmt: skip
        scales[adapt] = np.array(FindLensesTask(recipe).build().get_layer("stretch").scale)
    assert (scales[False] < 0.2).all()
    np.testing.assert_allclose(scales[True], 0.5, rtol=0.2)  # 50 at zero point 30


def test_real_galaxies_of_another_unit_are_told_of(folder, tmp_path, caplog):
    simulated = sample_cutouts(SKY, 48, 9, columns=()).images[::2]
    for factor, told in ((1.0, False), (100.0, True)):
        root = tmp_path / str(factor)
        root.mkdir()
        for i, image in enumerate(factor * simulated):
            np.save(root / f"{i}.npy", np.moveaxis(image, -1, 0))
        (root / "others.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(24)))
        caplog.clear()
        opened(root)
        lines = [line for line in caplog.messages if "data.real.zero_point" in line]
        assert bool(lines) == told
    assert re.search(f"noise of a pixel is 1?[09][0-9] times that of {SKY}", lines[0])
