"""Super-resolution of whole images, in memory and in files, of any size."""

from lenszoo.inference.upscaling.files import Upscaled, upscale
from lenszoo.inference.upscaling.tiles import upscale_array
from lenszoo.inference.upscaling.upscaler import Upscaler, open_upscaler

__all__ = ["Upscaled", "Upscaler", "open_upscaler", "upscale", "upscale_array"]
