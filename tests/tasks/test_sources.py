"""Training data of a classifier: skies and files."""

import numpy as np
from oneline import one_line
from tinyrun import write_images

from lenszoo.tasks.sources import open_source
from lenszoo.training import Recipe

SKY = {"preset": "common_test_sim", "images": 8, "val_images": 2}


def test_scenes_that_are_seen_again_come_in_another_order_and_turned_anew():
    data = SKY | {"images": 8, "fresh": False, "val_images": 3}
    plain, turned = (
        open_source(Recipe(model="simple_cnn", data=data, augment=augment))
        for augment in ("none", "d4")
    )
    first, second = (plain.epoch(e)[0][0] for e in (0, 1))
    assert not np.array_equal(first, second)
    totals = [np.sort(images.sum(axis=(1, 2, 3))) for images in (first, second)]
    np.testing.assert_array_equal(*totals)
    assert not np.array_equal(turned.epoch(1)[0][0], second)
    np.testing.assert_array_equal(turned.epoch(1)[0][0], turned.epoch(1)[0][0])


def test_a_table_has_columns_of_any_name(tmp_path):
    folder = write_images(tmp_path / "set", per_class=4)
    files = sorted(folder.rglob("*.npy"))
    table = tmp_path / "table.csv"
    rows = [f"{i},{file},{file.parent.name}" for i, file in enumerate(files)]
    table.write_text("\n".join(["objid,file,kind", *rows]))
    names = {"id_column": "objid", "path_column": "file", "label_column": "kind"}
    recipe = {"model": "simple_cnn", "batch_size": 3, "seed": 2}
    source = open_source(Recipe(**recipe, data={"csv": str(table), **names}))
    plain = open_source(Recipe(**recipe, data={"directory": str(folder)}))
    assert source.class_names == plain.class_names
    assert source.train_images == plain.train_images
    one_line("id_column=", lambda: open_source(Recipe(**recipe, data={"csv": str(table)})))
    one_line(
        "path_column has an effect with csv alone",
        lambda: Recipe(**recipe, data={"directory": str(folder), "path_column": "file"}),
    )


def test_folders_that_are_split_already_have_no_fraction(tmp_path):
    for part in ("train", "val"):
        write_images(tmp_path / part, per_class=2)
    data = {"directory": str(tmp_path), "val_fraction": 0.9}
    one_line(
        "its folders train and val are the split already",
        lambda: open_source(Recipe(model="simple_cnn", data=data)),
    )


def test_a_sky_of_pairs_is_refused():
    one_line(
        "sr_75_150 is a sky of pairs",
        lambda: open_source(Recipe(model="simple_cnn", data={"preset": "sr_75_150"})),
    )


def test_files_are_held_out_as_they_were_split(tmp_path):
    folder = write_images(tmp_path / "set", per_class=4)
    recipe = Recipe(model="simple_cnn", batch_size=3, data={"directory": str(folder)}, seed=2)
    source, again = open_source(recipe), open_source(recipe)
    held = source.validation()
    train = list(source.epoch(0))
    assert source.train_images == sum(len(labels) for _, labels in train)
    assert source.train_images + len(held) == 4 * len(source.class_names)
    assert held.images.shape[1:] == source.image_shape and held.labels.dtype == np.int32
    assert source.describe == again.describe and again.validation().ids == held.ids
    np.testing.assert_array_equal(next(iter(again.epoch(0)))[0], train[0][0])


def test_cutouts_at_the_positions_of_a_table_train(tmp_path):
    images = write_images(tmp_path / "set")
    rows = [
        (f"{name}{k}", images / name / f"{k}.npy", name)
        for name in ("bar", "dot")
        for k in range(12)
    ]
    wide = np.concatenate([np.load(file)[0] for _, file, _ in rows], axis=1)
    np.save(tmp_path / "wide.npy", wide)
    lines = [f"{i},wide.npy,{24 * k + 11.5},11.5,{name}\n" for k, (i, _, name) in enumerate(rows)]
    (tmp_path / "t.csv").write_text("id,path,column,row,label\n" + "".join(lines))
    data = {"csv": str(tmp_path / "t.csv"), "cutout_size": 24, "val_fraction": 0.25}
    cut = data | {"positions": {"x": "column", "y": "row"}}
    source = open_source(Recipe(model="simple_cnn", data=cut))
    assert source.train_images == 18 and source.image_shape == (24, 24, 1)
    first = source.first()
    expected = np.load(images / first.ids[0][:3] / f"{first.ids[0][3:]}.npy")[0]
    np.testing.assert_array_equal(first.images[0][..., 0], expected.astype(np.float32))
    one_line("no columns x and y", lambda: open_source(Recipe(model="simple_cnn", data=data)))
    for wrong, message in (
        ({"csv": "t.csv", "positions": {"x": "a", "y": "b"}}, "cutout_size says how much"),
        ({"directory": ".", "cutout_size": 24}, "cutout_size has an effect with csv alone"),
    ):
        one_line(message, lambda w=wrong: Recipe(model="simple_cnn", data=w))
