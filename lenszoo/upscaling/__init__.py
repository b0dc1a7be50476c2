"""Super-resolution of whole images, in memory and in files, of any size."""

from lenszoo.upscaling.files import Upscaled, upscale
from lenszoo.upscaling.opened import Upscaler, open_upscaler
from lenszoo.upscaling.tiles import upscale_array

__all__ = ["Upscaled", "Upscaler", "open_upscaler", "upscale", "upscale_array"]
