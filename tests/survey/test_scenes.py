import pytest
from tinysky import refusal
from tinystack import cutouts, write_catalogue, write_stack

from lenszoo.survey.scenes import split_bands

WEIGHTS = "lens_finder.hard_sim_image"


def test_weights_and_bands_that_do_not_fit_are_refused(sky, tmp_path, look):
    out = tmp_path / "out"
    refusal(lambda: look(sky, out, weights="resnet18_slim.common_test_sim_v2"), "not 'lens'")
    refusal(lambda: look(sky, out, bands=("g", "r")), "takes 3 bands (g, r, i)", "bands=")
    refusal(lambda: look(sky, out, bands=("u", "v", "w")), "no file fits the pattern")
    refusal(lambda: look(sky, out, on_bad="raise"), "skip, zero or fill")
    refusal(lambda: look(sky, out, prevalence=2.0), "prevalence")
    refusal(lambda: look(sky, tmp_path / "second", weights=[WEIGHTS, WEIGHTS]), "twice")


def test_options_of_tiles_and_of_cutouts_are_told_apart(sky, tmp_path, look):
    stack = write_stack(tmp_path / "s.npy", cutouts(4))
    catalogue = write_catalogue(tmp_path / "c.csv", 4)
    out = tmp_path / "out"

    def run(says, **options):
        given = {"tiles": None, "cutouts": stack, "catalogue": catalogue} | options
        refusal(lambda: look(sky, out, **given), says)

    for name, value in (("resample", True), ("masks", "{tile}.fits"), ("mask_bits", 2)):
        run(f"{name} is an option of tiles", **{name: value})
    run("a stack has no pattern", pattern="{id}.npy")
    run("name one of them", tiles=sky / "tiles")
    run("name one of them", cutouts=None)
    run("crop is an option of cutouts", cutouts=None, tiles=sky / "tiles", crop=32)
    run("needs a catalogue", cutouts=None, tiles=sky / "tiles", catalogue=None)
    run("`lenszoo search CATALOGUE --cutouts s.npy`", cutouts=None, tiles=stack)
    run("a stack (.npy, .npz, .h5, .zarr) or a folder", cutouts=tmp_path / "gone")
    run("s.h5: no such file", cutouts=tmp_path / "s.h5")


def test_bands_are_names_or_positions():
    assert split_bands(["g", "r"]) == (("g", "r"), None)
    assert split_bands([2, 0]) == ((), (2, 0)) and split_bands(None) == ((), None)
    with pytest.raises(ValueError, match="not both"):
        split_bands(["g", 1])
