import numpy as np
import pyarrow as pa
from tinystack import cutouts, write_folder, write_stack

from lenszoo.survey.reading import BAD, read_batches
from lenszoo.survey.ready_cutouts import find_cutouts
from lenszoo.survey.settings import Settings

SHAPE = (64, 64, 3)


def read(source, names, **options):
    """Images of the rows that have one, and the errors, of cutouts by name."""
    objects = pa.table({"id": names, "path": names})
    settings = Settings(("w",), batch_size=4, **options)
    batches = list(read_batches(source, objects, SHAPE, settings))
    images = np.concatenate([batch.images for batch in batches])
    return images, [error for batch in batches for error in batch.errors]


def test_cutouts_are_masked_cut_and_brought_to_the_zero_point_in_this_order(tmp_path):
    images = cutouts(6)
    images[2, 30, 30] = -99
    wide = np.pad(images, ((0, 0), (8, 8), (8, 8), (0, 0)), constant_values=7)[..., [2, 1, 0]]
    source = find_cutouts(write_stack(tmp_path / "s.h5", wide), None, ())
    options = {"mask_value": -99, "crop": 64, "planes": (2, 1, 0), "zero_point": 22.5}
    got, errors = read(source, source.names(range(6)), on_bad="fill", **options)
    assert errors == [None] * 6
    masked = np.where(images[2] == -99, np.nan, images[2])
    np.testing.assert_allclose(got[2, 30, 30], 10 * np.nanmedian(masked, (0, 1)), rtol=1e-6)
    np.testing.assert_allclose(got[[0, 1, 3, 4, 5]], 10 * images[[0, 1, 3, 4, 5]], rtol=1e-6)
    got, errors = read(source, source.names(range(6)), on_bad="skip", **options)
    assert len(got) == 5 and BAD in errors[2]


def test_files_that_cannot_be_read_are_passed_over_whatever_is_done_with_pixels(tmp_path):
    folder = write_folder(tmp_path / "f", cutouts(5))
    files = sorted(folder.iterdir())
    files[1].write_bytes(files[1].read_bytes()[:-100])
    np.save(files[3], cutouts(1)[0, :50])
    source = find_cutouts(folder, None, ())
    images, errors = read(source, [file.name for file in files], on_bad="fill")
    assert len(images) == 3 and [error is None for error in errors] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert files[1].name in errors[1] and "50 x 64 pixels" in errors[3]
