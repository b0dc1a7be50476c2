"""Real galaxies beside a simulated sky that lenses are painted on: shares, sides, refusals."""

import shutil

import numpy as np
import pytest
from pydantic import ValidationError

from lenszoo.errors import LenszooError
from lenszoo.simulation import get_survey, simulate_galaxies
from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.recipe import LensData, RealSky
from lenszoo.tasks.parts import first_change

SKY, SURVEY, N = "lens_finding_des", "des_grizY", 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Simulated galaxies of the survey that stand for real ones."""
    root = tmp_path_factory.mktemp("hosts")
    galaxies = simulate_galaxies(get_survey(SURVEY).with_bands(("g", "r", "i", "z")), N, seed=3)
    rows = ["id,redshift,mag_r"]
    for k, image in enumerate(galaxies.images):
        np.save(root / f"host{k}.npy", image.transpose(2, 0, 1))
        rows.append(f"host{k},0.4,{19.5 + 0.1 * k}")
    (root / "hosts.csv").write_text("\n".join(rows) + "\n")
    return root


def opened(folder, **changes):
    real = {"catalogue": str(folder / "hosts.csv"), "survey": SURVEY, "share": 0.5, "lensed": 0.75}
    data = {"preset": SKY, "images": 16, "val_images": 8, "test_images": 8, "real": real | changes}
    return open_lenses(LensData(**data), "image", 5)


def of_hosts(part):
    return np.array([str(name).startswith("host") for name in part.groups])


def test_lenses_are_painted_on_the_galaxies_of_their_own_side(folder):
    source = opened(folder)
    train, val = source.first(), source.validation()
    hosts, lens = of_hosts(train), train.labels == 1
    assert lens.sum() == 8 and (hosts & lens).sum() == 6 and (hosts & ~lens).sum() == 4
    assert len(set(train.ids)) == 16 and train.images.shape == (16, 64, 64, 4)
    assert of_hosts(val).sum() == 2 + 3
    assert not set(train.groups[hosts]) & set(val.groups[of_hosts(val)])
    about = source.describe["real"]
    assert (about["hosts"], about["held_out_hosts"]) == (5, 2) and len(about["digest"]) == 16


def test_a_painted_galaxy_has_the_light_of_the_galaxy_and_of_the_arcs(folder):
    part = opened(folder).first()
    hosts, lens = of_hosts(part), part.labels == 1
    light = {
        str(group): image.sum()
        for group, image in zip(part.groups[hosts & ~lens], part.images[hosts & ~lens], strict=True)
    }
    brighter = [
        image.sum() > light[str(group)]
        for group, image in zip(part.groups[hosts & lens], part.images[hosts & lens], strict=True)
        if str(group) in light
    ]
    assert len(brighter) > 2 and np.mean(brighter) > 0.7  # noise and shifts aside
    np.testing.assert_array_equal(part.images, opened(folder).first().images)
    other = opened(folder, law={"einstein_radius_arcsec": (1.0, 2.0)}).first()
    assert (other.images[hosts & lens] != part.images[hosts & lens]).any()


def test_hosts_at_fault_are_refused(folder):
    with pytest.raises(LenszooError, match=r'pixels of 0\.25", lens_finding_des of 0\.263"'):
        opened(folder, survey="ps1_grizy")
    with pytest.raises(LenszooError, match="band of kids_ugri"):
        opened(folder, survey="kids_ugri")
    with pytest.raises(LenszooError, match="no such folder of stamps"):
        opened(folder, stamps=str(folder / "none"))
    with pytest.raises(ValidationError, match="survey has an effect with catalogue alone"):
        RealSky(frames="field_{band}.fits", survey=SURVEY)
    with pytest.raises(ValidationError, match="law has an effect with survey alone"):
        RealSky(catalogue="hosts.csv", law={})
    with pytest.raises(ValidationError, match="painted has an effect with frames alone"):
        RealSky(catalogue="hosts.csv", painted=0.9)
    with pytest.raises(ValidationError, match="zero_point: the survey names that of its bands"):
        RealSky(catalogue="hosts.csv", survey=SURVEY, zero_point=30.0)


def test_a_run_notices_each_file_that_its_paintings_depend_on(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "hosts")
    before = opened(copy).parts
    assert first_change(before, opened(copy).parts) is None
    table = copy / "hosts.csv"
    table.write_text(table.read_text().replace("host2,0.4", "host2,0.6"))
    assert first_change(before, opened(copy).parts) == "host2 has another row now"
    shutil.copy(folder / "hosts.csv", table)
    np.save(copy / "host3.npy", np.load(copy / "host3.npy") * 1.01)
    assert first_change(before, opened(copy).parts).startswith("host3 has another")
