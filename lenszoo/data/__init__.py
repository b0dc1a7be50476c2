"""Images and catalogues from files: readers, checks, photometry, indices and input pipelines.

Nothing here imports a Keras backend, scikit-learn, Pillow or astropy before it is needed.
"""

from lenszoo.data.augment import D4_SIZE, d4
from lenszoo.data.catalogue import Catalogue, read_catalogue
from lenszoo.data.checks import count_bad_pixels
from lenszoo.data.convert import Conversion, convert
from lenszoo.data.dataset import Cutouts, Dataset
from lenszoo.data.epochs import d4_elements, epoch_order
from lenszoo.data.formats import IMAGE_SUFFIXES
from lenszoo.data.index import DatasetIndex
from lenszoo.data.layouts import LAYOUTS
from lenszoo.data.leaks import Leak, check_leaks, find_leaks
from lenszoo.data.pairs import degrade, make_pairs, normalise, read_pairs
from lenszoo.data.photometry import measure, measured_columns
from lenszoo.data.readers import read_image, read_images
from lenszoo.data.sky import Sky, measure_sky
from lenszoo.data.tf_data import image_dataset, plain_errors

__all__ = [
    "D4_SIZE",
    "IMAGE_SUFFIXES",
    "LAYOUTS",
    "Catalogue",
    "Conversion",
    "Cutouts",
    "Dataset",
    "DatasetIndex",
    "Leak",
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


def __dir__() -> list[str]:
    """Return the public names, which Tab completes, without the modules below."""
    return __all__
