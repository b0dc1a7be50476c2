"""Images as published colour pictures show them: stretched to 8 bits, bright cores cut off.

Candidates of citizen science are often published as colour pictures alone. Undoing the stretch
gives linear fluxes again, but not those of pixels that were white. A finder that has seen both
kinds of images does not take such cores for something else.
"""

import numpy as np

from lenszoo.errors import LenszooError, counted

_STEPS = 255
_WHITE = 5.5  # asinh(softening * white), of the pictures of Space Warps


def through_picture(images: np.ndarray, white: tuple[float, ...]) -> np.ndarray:
    """Turn images into 8-bit colour pictures and back into flux.

    The stretch is that of Lupton et al. (2004, arXiv:astro-ph/0312483), on the mean of the bands,
    so that colours stay as they are below white. Pixels without light stay as they are.

    Args:
        images: (..., bands) linear and sky-subtracted.
        white: flux of a white pixel in each band.

    Returns:
        float32 of the same shape.

    Raises:
        LenszooError: another number of bands, or a flux that is not above 0.

    Example:
        >>> import numpy as np
        >>> images = np.full((1, 2, 2, 3), 50.0) * (1.0, 3.0, 4.5)
        >>> through_picture(images, (1.0, 3.0, 4.5))[0, 0, 0].round(2).tolist()
        [1.0, 3.0, 4.5]
    """
    if len(white) != images.shape[-1] or not all(flux > 0 for flux in white):
        raise LenszooError(
            f"white holds a flux above 0 for each of {counted(images.shape[-1], 'band')}, not "
            f"{white}."
        )
    levels = np.array(white, np.float32)
    scaled = np.maximum(images, 0).astype(np.float32) / levels
    mean = np.maximum(scaled.mean(-1, keepdims=True), np.float32(1e-9))
    softening = np.float32(np.sinh(_WHITE))
    picture = scaled * (np.arcsinh(softening * mean) / (_WHITE * mean))
    picture = np.round(np.minimum(picture, 1) * _STEPS) / _STEPS
    brightness = np.maximum(picture.mean(-1, keepdims=True), np.float32(1e-9))
    back = picture * (np.sinh(_WHITE * brightness) / (softening * brightness)) * levels
    return np.where(images > levels / 1000, back, images).astype(np.float32)
