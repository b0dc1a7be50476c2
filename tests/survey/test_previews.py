import io

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from lenszoo.survey.previews import jpeg


def test_candidates_have_pictures_when_asked_for(sky, tmp_path, look):
    look(sky, tmp_path)
    file = tmp_path / "candidates.parquet"
    assert "preview" not in pq.read_schema(file).names
    assert look(sky, tmp_path, previews=True).rate is None  # nothing is scored again
    rows = pq.read_table(file).to_pylist()
    pictures = [Image.open(io.BytesIO(row["preview"])) for row in rows]
    assert {(picture.format, picture.size) for picture in pictures} == {("JPEG", (128, 128))}
    middles = [np.asarray(picture)[60:68, 60:68].mean() for picture in pictures]
    edges = [np.asarray(picture)[:16].mean() for picture in pictures]
    assert np.mean(np.array(middles) - edges) > 20  # each object is in the middle of its picture


def test_bands_give_colours_and_one_band_greys():
    image = np.random.default_rng(0).normal(0, 0.1, (40, 40, 3))
    image[18:22, 18:22] += [0, 0, 9.0]  # bright in i alone: red
    red, _, blue = np.asarray(Image.open(io.BytesIO(jpeg(image, "gri"))))[80, 80].tolist()
    assert red > blue + 100
    grey = Image.open(io.BytesIO(jpeg(image[..., :1], ["r"])))
    assert np.ptp(np.asarray(grey).astype(int), axis=2).max() < 4
