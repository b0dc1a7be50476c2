"""Model cards of every kind of weights are those in tests/tools/golden; the rest follows."""

import configparser
import typing

import card_sections
import golden_files
import pytest
from card_sections import CITATION
from cards import card, index
from markdown_text import markdown_table
from oneline import one_line
from scores import bounds, headline, kind, score_table, tidy_rows
from skies import SKIES
from tinyentries import ALL, BACKBONE, BARE, CLASSIFIER, FINDER, RESOLVER

from lenszoo.pretrained.manifest import checkout_root
from lenszoo.simulation import get_preset, list_presets
from lenszoo.tasks.find_lenses.recipe import AdaptRecipe
from lenszoo.tasks.pretext.recipe import PretextRecipe

PAGES = {f"{entry.name}.md": card(entry, 712_345) for entry in ALL} | {"index.md": index(ALL)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_golden_one(name):
    golden_files.compare(name, PAGES[name])


def test_no_golden_file_is_left_over():
    assert {path.name for path in golden_files.FOLDER.iterdir()} == PAGES.keys()


def test_the_rows_of_a_table_have_one_number_of_cells():
    for text in PAGES.values():
        for block in text.split("\n\n"):
            if block.startswith("|"):
                assert len({line.count("|") for line in block.split("\n")}) == 1


def test_the_kind_of_weights_and_the_interval_of_their_score():
    assert kind(BACKBONE) == "pretext" and kind(CLASSIFIER) == "classify"
    assert bounds(BACKBONE.metrics["test"], "probe_auc") == pytest.approx((0.79, 0.83))


def test_weights_without_a_score():
    assert headline(BARE) == "" and score_table(BARE).rows == [] and tidy_rows(BARE) == []


@pytest.mark.parametrize(
    ("entry", "recipe", "line"),
    [
        (RESOLVER, "srresnet_1.sr_75_150_sim_ssim", "Started from `srresnet_1.sr_75_150_sim`."),
        (RESOLVER, "srresnet_1.sr_75_150_sim_ssim", "Loss: 0.84 ssim + 0.16 mae."),
        (RESOLVER, "srresnet_1.sr_75_150_sim", "Loss: 1 mse."),
        (CLASSIFIER, "resnet18_slim.common_test_sim_varied", f"`{CLASSIFIER.model}.common_test_"),
        (CLASSIFIER, "simple_cnn.common_test_sim", "Learned from the answers of `"),
        (CLASSIFIER, "simple_cnn.common_test_sim", "1503.02531"),
        (CLASSIFIER, "resnet18.common_test_sim", "`resnet18_slim.common_test_sim`"),
        (CLASSIFIER, "resnet18.common_test_sim", "arXiv:1511.05641"),
    ],
)
def test_a_card_says_what_only_the_recipe_knows(entry, recipe, line):
    assert line in card(entry.model_copy(update={"recipe": f"{recipe}.toml"}))


def test_the_crop_of_a_network_is_said():
    assert "central 104 x 104 pixels" in card(
        CLASSIFIER.model_copy(update={"options": {"crop": 104}})
    )


def test_real_data_and_scores_on_real_skies_are_said():
    assert "Little transfers to real skies yet" in card(FINDER)
    real = {
        "catalogue": "look_alikes.csv", "others": 118, "share": 0.3, "frames": "field_{band}.fits",
        "painted": 0.5, "white": [1.0, 3.0, 4.5], "pictures": 0.7,
    }  # fmt: skip
    known = {
        "auc": 0.804, "intervals": {"auc": [0.731, 0.867]}, "lenses": 42, "nonlenses": 118,
        "n": 160, "folds": 5, "date": "2026-11-28", "command": "python space_warps.py",
    }  # fmt: skip
    data, metrics = FINDER.data | {"real": real}, FINDER.metrics | {"space_warps": known}
    entry = FINDER.model_copy(update={"data": data, "metrics": metrics})
    text = card(entry)
    row = next(row for row in tidy_rows(entry) if row.metric == "space_warps.auc")
    assert row[1:] == (0.804, 0.731, 0.867, 160)
    assert "30% of the non-lenses are copies of 118 real galaxies" in text
    assert "50% of the scenes are painted into a real field (`field_{band}.fits`)" in text
    assert "No real lens was learned from." in text
    assert "AUC of 0.80 (95 %: 0.73 to 0.87)" in text
    assert "Little transfers" not in text


def test_a_finder_that_measures_the_noise_takes_any_unit():
    plain, measured = (
        card(FINDER.model_copy(update={"options": FINDER.options | {"stretch": stretch}}))
        for stretch in ("asinh", "noise")
    )
    assert "AB zero point 25 (flux 1" in plain and "Any unit" not in plain
    assert "Any unit and any constant sky will do" in measured
    assert "flux 1" not in measured and "zero_point=" not in measured


def test_the_real_files_that_a_training_needs_are_said():
    real = {"catalogue": "hosts.csv", "stamps": "stamps", "folder": None, "hosts": 32}
    real |= {"lensed": 0.25, "share": 0.25}
    text = card(FINDER.model_copy(update={"data": FINDER.data | {"real": real}}))
    assert "Needs files that are not part of lenszoo (`hosts.csv`, `stamps`)" in text
    assert "not part of lenszoo (" not in card(FINDER)


def test_the_list_of_cards_ends_with_earlier_versions():
    names = ["resnet18_slim.a_sim", "resnet18_slim.a_sim_v2", "resnet18_slim.b_sim"]
    text = index([CLASSIFIER.model_copy(update={"name": name}) for name in names])
    newest, earlier = text.split("## Classifiers: earlier versions")
    assert "a_sim.md" not in newest and "a_sim.md" in earlier
    assert text.split("\n")[-5:-2] == [names[1], names[2], names[0]]


def test_known_lenses_of_pan_starrs_are_said():
    def part(n, found):
        shares = {"found": found, "found_among_early_types": 0.4, "above_half": 0.5}
        return {"n": n, **shares, "intervals": {"found": [0.09, 0.27]}}

    groups = {
        "separation from 3 arcsec": part(68, 0.16),
        "of these, below 10 arcsec": part(52, 0.21),
        "of these, lensed galaxies": part(21, 0.05),
        "of these, lensed supernovae": part(1, 0.0),
        "separation below 1.5 arcsec": part(132, 0.02),
    }
    known = {"nonlenses": 2000, "nonlenses_above_half": 0.156, "groups": groups}
    known |= {"date": "2026-11-29", "command": "python pan_starrs_lenses.py FILE"}
    text = card(FINDER.model_copy(update={"metrics": FINDER.metrics | {"pan_starrs": known}}))
    assert "it finds 16% (95 %: 9% to 27%)" in text and "5% of 21 lensed galaxies" in text
    assert "Images of 16 of the lenses" in text and "supernovae" not in text


def test_a_sky_that_no_card_knows():
    strange = CLASSIFIER.model_copy(update={"data": {"preset": "common_test"}})
    one_line("common_test_sim", lambda: card(strange))


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
    assert card_sections._METHODS.keys() == {name for names in known for name in names}


def test_the_citation_is_that_of_the_file():
    file = (checkout_root() / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(line.split(": ", 1) for line in file.split("\n") if ": " in line)
    assert "*" + fields["title"].strip('"') + "*" in CITATION
    assert fields["  - name"] in CITATION
    config = configparser.ConfigParser()
    config.read(checkout_root() / "setup.cfg", encoding="utf-8")
    assert fields["license"] == config["metadata"]["license"]
