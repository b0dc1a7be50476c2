"""Images and catalogues from files: readers, checks, photometry, indices and input pipelines.

Nothing here imports a Keras backend, scikit-learn, Pillow or astropy before it is needed.
"""

from .augment import D4_SIZE, d4
from .catalogue import read_catalogue
from .checks import count_bad_pixels
from .convert import Conversion, convert
from .cutouts import Cutouts
from .index import DatasetIndex
from .layouts import LAYOUTS
from .leaks import Leak, check_leaks, find_leaks
from .pairs import Pairs, degrade, make_pairs, normalise, read_pairs
from .photometry import measure, measured_columns
from .pipeline import (
    LoadedImages,
    d4_elements,
    epoch_order,
    image_dataset,
    load_arrays,
    plain_errors,
)
from .readers import IMAGE_SUFFIXES, read_image, read_images
from .sky import Sky, measure_sky

__all__ = [
    "D4_SIZE",
    "IMAGE_SUFFIXES",
    "LAYOUTS",
    "Conversion",
    "Cutouts",
    "DatasetIndex",
    "Leak",
    "LoadedImages",
    "Pairs",
    "Sky",
    "check_leaks",
    "convert",
    "count_bad_pixels",
    "d4",
    "d4_elements",
    "degrade",
    "epoch_order",
    "find_leaks",
    "image_dataset",
    "load_arrays",
    "make_pairs",
    "measure",
    "measure_sky",
    "measured_columns",
    "normalise",
    "plain_errors",
    "read_catalogue",
    "read_image",
    "read_images",
    "read_pairs",
]
