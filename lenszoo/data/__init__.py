"""Images from files: readers, checks, dataset indices and input pipelines.

Nothing here imports a Keras backend, scikit-learn, Pillow or astropy before it is needed.
"""

from .augment import D4_SIZE, d4
from .checks import count_bad_pixels
from .convert import Conversion, convert
from .index import DatasetIndex
from .pairs import Pairs, degrade, make_pairs, normalise, read_pairs
from .pipeline import (
    LoadedImages,
    d4_elements,
    epoch_order,
    image_dataset,
    load_arrays,
    plain_errors,
)
from .readers import IMAGE_SUFFIXES, read_image, read_images

__all__ = [
    "D4_SIZE",
    "IMAGE_SUFFIXES",
    "Conversion",
    "DatasetIndex",
    "LoadedImages",
    "Pairs",
    "convert",
    "count_bad_pixels",
    "d4",
    "d4_elements",
    "degrade",
    "epoch_order",
    "image_dataset",
    "load_arrays",
    "make_pairs",
    "normalise",
    "plain_errors",
    "read_image",
    "read_images",
    "read_pairs",
]
