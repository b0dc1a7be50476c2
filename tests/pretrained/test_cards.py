"""Model cards say what the manifest holds, truly and for every kind of weights."""

import configparser
import typing

import pytest
from tinyentries import ALL, BACKBONE, BARE, CLASSIFIER, FINDER, RESOLVER

from lenszoo.errors import LenszooError
from lenszoo.pretrained import cards
from lenszoo.pretrained.cards import card, index, markdown_table
from lenszoo.pretrained.manifest import checkout_root
from lenszoo.pretrained.scores import bounds, headline, kind, score_table, tidy_rows
from lenszoo.pretrained.skies import SKIES
from lenszoo.simulation import get_preset, list_presets
from lenszoo.tasks.recipes import AdaptRecipe, PretextRecipe


@pytest.mark.parametrize("which", ALL, ids=lambda e: e.name)
def test_every_card_has_the_facts_one_needs(which):
    text = card(which, 712_345)
    for fact in (which.sha256, "3,145,728 bytes", "712,345", "Apache-2.0", which.recipe):
        assert fact in text
    for head in ("Input", "Scores", "Training", "Limits", "Licence and citing"):
        assert f"\n## {head}\n" in text
    assert text.endswith("\n") and "\n\n\n" not in text and "None" not in text
    assert "arXiv" in text.split("## Licence and citing")[1] or "doi" in text
    for block in text.split("\n\n"):  # Markdown wants one number of cells in all lines of a table
        if block.startswith("|"):
            assert len({line.count("|") for line in block.split("\n")}) == 1


def cells(text, label):
    """The cells of the row of that label."""
    (line,) = (line for line in text.split("\n") if line.startswith(f"| {label} "))
    return [part.strip() for part in line.split("|")[2:-1]]


def test_classifier():
    text = card(CLASSIFIER)
    assert cells(text, "ROC-AUC, mean of the classes") == ["0.9123 (0.9000 to 0.9200)", "0.6100"]
    assert cells(text, "ROC-AUC of `sub` against the rest") == ["0.8900", "0.6000"]
    assert cells(text, "accuracy") == ["0.8000", ""]
    assert "log loss" not in text and "parameters" not in text
    assert "changed macro_ovr_auc by -2.5e-06" in text
    assert "On 45 real images" in text and "real images there are 45" in text
    assert "1 x H100, 16 x CPU; 1.25 hours." in text
    assert "on 2 x CPU, python 3.11.7, by" in text  # the date is said before
    assert "150 x 150 pixels of 0.05 arcsec, 1 band." in text


def test_a_network_that_looks_at_the_middle_says_so():
    told = "It looks at the central 104 x 104 pixels alone"
    assert told in card(CLASSIFIER.model_copy(update={"options": {"crop": 104}}))
    assert "central" not in card(CLASSIFIER)


def test_lens_finder():
    text = card(FINDER)
    assert cells(text, "ROC-AUC") == ["0.9500 (0.9400 to 0.9600)", "0.7500", "0.6900"]
    assert "2 bands (g, r, in this order)" in text and "`mag_g`, `ellipticity`" in text
    assert "Started from `lens_finder.old_sim`" in text and "1505.07818" in text
    assert "5 of `lens`, 6 of `nonlens`" in text and "time not recorded" in text
    assert "Its image branch, `resnet18_slim`" in text and "# in: images and table" in text
    assert "3,750 non-lenses" in text and "637 known lenses" in text


def test_super_resolver():
    text = card(RESOLVER)
    assert cells(text, "PSNR, dB") == ["40.28 (40.25 to 40.31)", "39.75", "40.50"]
    assert cells(text, "PSNR against the noiseless truth, dB") == ["53.45", "47.75", ""]
    assert cells(text, "of the way from bicubic to the floor") == ["70.8 %", "", ""]
    assert "of any size, pixels of 0.1 arcsec" in text and "are 0.05 arcsec" in text


def test_backbone_beside_random_ones():
    assert kind(BACKBONE) == "pretext" and kind(CLASSIFIER) == "classify"
    text = card(BACKBONE)
    assert cells(text, "ROC-AUC of a linear head, 2,000 labels") == [
        "0.8100 ± 0.0100",
        "0.7000 ± 0.0200",
    ]
    assert cells(text, "effective rank of the features") == ["12.3", ""]
    assert "7,500 scenes of the test split" in text and "2,500 of them scored" in text
    assert "3 draws of the labels, and over 3 random starts" in text
    assert "2,000 labels on unseen simulated scenes" in text and "`90`" not in text
    assert bounds(BACKBONE.metrics["test"], "probe_auc") == pytest.approx((0.79, 0.83))


def test_nothing_measured_is_said():
    text = card(BARE)
    assert "It has not been scored." in text and "Nothing has been measured." in text
    assert headline(BARE) == "" and score_table(BARE).rows == [] and tidy_rows(BARE) == []


def test_what_the_recipe_alone_knows():
    text = card(RESOLVER.model_copy(update={"recipe": "srresnet_1.sr_75_150_sim_ssim.toml"}))
    assert "Started from `srresnet_1.sr_75_150_sim`." in text
    assert "Loss: 0.84 ssim + 0.16 mae." in text and "Loss: 1 mse." in card(
        RESOLVER.model_copy(update={"recipe": "srresnet_1.sr_75_150_sim.toml"})
    )


def test_a_tag_of_the_recipe_becomes_the_full_name():
    text = card(
        CLASSIFIER.model_copy(update={"recipe": "resnet18_slim.common_test_sim_varied.toml"})
    )
    assert f"Started from `{CLASSIFIER.model}.common_test_sim`." in text


def test_a_teacher_is_named_and_cited():
    text = card(CLASSIFIER.model_copy(update={"recipe": "simple_cnn.common_test_sim.toml"}))
    assert "Learnt from the answers of `" in text and text.count("arXiv:1503.02531") == 2


def test_the_narrow_network_that_it_began_as_is_named_and_the_method_cited():
    text = card(CLASSIFIER.model_copy(update={"recipe": "resnet18.common_test_sim.toml"}))
    assert "Began as `resnet18_slim.common_test_sim`, with every channel repeated" in text
    assert text.count("arXiv:1511.05641") == 2


def test_a_sky_that_no_card_knows():
    strange = CLASSIFIER.model_copy(update={"data": {"preset": "common_test"}})
    with pytest.raises(LenszooError, match="Did you mean 'common_test_sim'"):
        card(strange)


def test_index_lists_each_kind_once():
    text = index(ALL)
    assert text.count("\n## ") == 4
    for which in ALL:
        assert f"[`{which.name}`]({which.name}.md)" in text
    assert "not scored" in text and "ROC-AUC 0.9123 (0.9000 to 0.9200)" in text


def test_tables_line_up():
    assert markdown_table(("a", "b"), [("xyzw", "1")]) == (
        "| a    | b   |\n|------|-----|\n| xyzw | 1   |"
    )


def test_tidy_rows_are_every_figure_with_its_interval():
    rows = {row.metric: row for row in tidy_rows(FINDER)}
    assert rows["test.auc"][1:] == (0.95, 0.94, 0.96, 7500)
    assert rows["baselines.the table.auc"].low is None
    assert not {"test.nonlenses", "baselines.the table.folds"} & rows.keys()
    rows = {row.metric: row for row in tidy_rows(CLASSIFIER)}
    assert rows["real.accuracy"].n == 45 and rows["float16.macro_ovr_auc"].value == -2.5e-6
    assert not [row for row in tidy_rows(RESOLVER) if "spectrum" in row.metric]


def test_cards_know_every_sky_as_the_simulator_does():
    assert SKIES.keys() == set(list_presets())
    for name, sky in SKIES.items():
        preset = get_preset(name)
        assert preset.minmax == sky.scaling.startswith("each image scaled by itself"), name
        for paper in ("1909.07346", "1802.03609", "1507.02657"):
            assert (paper in preset.reference) == (paper in sky.papers), name


def test_cards_know_every_method_of_the_recipes():
    known = [
        typing.get_args(recipe.model_fields["method"].annotation)
        for recipe in (PretextRecipe, AdaptRecipe)
    ]
    assert cards._METHODS.keys() == {name for names in known for name in names}


def test_the_citation_is_that_of_the_file():
    file = (checkout_root() / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(line.split(": ", 1) for line in file.split("\n") if ": " in line)
    assert "*" + fields["title"].strip('"') + "*" in cards.CITATION
    assert fields["  - name"] in cards.CITATION
    config = configparser.ConfigParser()
    config.read(checkout_root() / "setup.cfg", encoding="utf-8")
    assert fields["license"] == config["metadata"]["license"]
