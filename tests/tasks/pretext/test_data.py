import logging
import shutil

import numpy as np
from oneline import one_line
from tinyrun import write_images

from lenszoo.tasks.pretext.data import open_pool
from lenszoo.training import Recipe


def pool(**data):
    recipe = {"task": "pretext", "method": "rotation", "model": "simple_cnn", "seed": 5}
    return open_pool(Recipe(**recipe, epochs=1, batch_size=8, data=data))


def test_images_are_learned_from_or_held_out_never_both(tmp_path, caplog):
    images_in = str(write_images(tmp_path / "pool", per_class=20))
    with caplog.at_level(logging.WARNING, "lenszoo"):
        source = pool(images_in=images_in)
    assert "8 images are held out: the score" in caplog.text
    held = source.validation()
    batches = source.epoch(0, None)
    seen = np.concatenate([np.asarray(batches[i]) for i in range(len(batches))])
    assert len(seen) == source.train_images and len(seen) + len(held) == source.describe["images"]
    together = np.concatenate([seen, held.images]).reshape(source.describe["images"], -1)
    assert len(np.unique(together, axis=0)) == len(together)
    np.testing.assert_array_equal(pool(images_in=images_in).validation().images, held.images)


def test_copies_of_an_image_stay_on_one_side(tmp_path):
    folder = write_images(tmp_path / "pool", per_class=20)
    for file in sorted(folder.rglob("*.npy")):
        shutil.copy(file, file.with_stem(f"{file.stem}_copy"))
    source = pool(images_in=str(folder))
    held = source.validation()
    batches = source.epoch(0, None)
    seen = np.concatenate([np.asarray(batches[i]) for i in range(len(batches))])
    pixels = {image.tobytes() for image in seen}
    assert len(held) == 16 and len(seen) == 64 and len(pixels) == 32
    assert not pixels & {image.tobytes() for image in held.images}


def test_nan_and_too_few_images(tmp_path):
    folder = write_images(tmp_path / "pool", per_class=2)
    image = np.load(folder / "bar" / "0.npy")
    image[0, 3, 3] = np.nan
    np.save(folder / "bar" / "0.npy", image)
    one_line("bar/0.npy", lambda: pool(images_in=str(folder)))
    one_line("3 images are too few", lambda: pool(images_in=str(folder), on_bad="skip"))


def test_copies_are_no_different_images(tmp_path):
    folder = write_images(tmp_path / "pool", per_class=1)
    for k in range(10):
        shutil.copy(folder / "dot" / "0.npy", folder / "dot" / f"copy{k}.npy")
    one_line("2 different images are too few", lambda: pool(images_in=str(folder)))
