"""Imaging survey: what a file of a survey says of its cutouts, checked."""

import math
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lenszoo.errors import LenszooError, one_line, unknown, unreadable
from lenszoo.files import at_home
from lenszoo.simulation.psf import MOFFAT_2_5, MOFFAT_3_5, PSF

PROFILES = {"gaussian": PSF(0.0, 2.0), "moffat_3.5": MOFFAT_3_5, "moffat_2.5": MOFFAT_2_5}
UNLIKE = 10.0  # ratio of a measured to an expected sky noise above which units must differ


# of flux in any unit in use; -99 and 999 are none
_ZeroPoint = Annotated[float, Field(ge=-60.0, le=60.0)]
_WAVELENGTHS = (90.0, 3000.0)  # of templates at the redshifts of sources [nm]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, field: ValidationInfo) -> Any:
        if isinstance(value, bool):  # which pydantic takes for 0 or 1
            raise ValueError(f"{field.field_name} cannot be {str(value).lower()}")
        return value


class SurveyBand(_Strict):
    """One band of a survey: PSF, zero point and noise.

    Exactly one of ``psf_fwhm_arcsec``, ``psf_fwhm_column`` and ``psf_image`` is set. The gain is
    ``gain_electrons_per_flux``, or ``exposure_s`` with ``electron_zero_point_mag``, or that at
    which the photons of ``sky_brightness_mag_per_arcsec2`` make the noise ``sky_rms_flux``.
    """

    name: str = Field(min_length=1, description="Name, as in columns such as mag_NAME.")
    wavelength_nm: tuple[float, float] = Field(
        description="Limits at half of the largest transmission [nm]."
    )
    zero_point_mag: _ZeroPoint = Field(description="AB magnitude of flux 1 in the cutouts [mag].")
    psf_fwhm_arcsec: float | None = Field(
        None,
        gt=0,
        description="Full width at half maximum of the PSF, the pixel's own included [arcsec].",
    )
    psf_fwhm_column: str | None = Field(
        None, description="Column of the catalogue with that width, one a galaxy [arcsec]."
    )
    psf_profile: Literal["gaussian", "moffat_3.5", "moffat_2.5"] = Field(
        "moffat_3.5", description="Shape of a PSF that is known by its width."
    )
    psf_image: str | None = Field(
        None,
        description="FITS or NPY image of the PSF, on the pixels of the cutouts, beside this file.",
    )
    exposure_s: float | None = Field(None, gt=0, description="Exposure, all images together [s].")
    electron_zero_point_mag: _ZeroPoint | None = Field(
        None, description="AB magnitude of one electron a second [mag]."
    )
    gain_electrons_per_flux: float | None = Field(
        None, description="Gain, exposure included [electrons a unit of the cutouts' flux]."
    )
    sky_brightness_mag_per_arcsec2: float | None = Field(
        None, description="Surface brightness of the sky [AB mag/arcsec^2]."
    )
    sky_rms_flux: float | None = Field(
        None, gt=0, description="Noise of an empty pixel [the cutouts' flux]."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.wavelength_nm
        if not low < high:
            raise ValueError(f"wavelength_nm of band {self.name} must rise, not [{low}, {high}]")
        if low < _WAVELENGTHS[0] or high > _WAVELENGTHS[1]:
            raise ValueError(
                f"wavelength_nm of band {self.name} is [{low:g}, {high:g}], beyond the "
                f"{_WAVELENGTHS[0]:g} to {_WAVELENGTHS[1]:g} nm in which sources have a spectrum; "
                "give nanometres, or leave the band out"
            )
        ways = ("psf_fwhm_arcsec", "psf_fwhm_column", "psf_image")
        if sum(getattr(self, way) is not None for way in ways) != 1:
            raise ValueError(f"band {self.name} needs one of {', '.join(ways)}")
        if self.gain_electrons_per_flux is not None and not self.gain_electrons_per_flux > 0:
            raise ValueError(
                f"gain_electrons_per_flux of band {self.name} is {self.gain_electrons_per_flux:g}; "
                "it must be above 0"
            )
        if self._gain_ways() != 1:
            raise ValueError(
                f"band {self.name} needs one gain: gain_electrons_per_flux, or exposure_s with "
                "electron_zero_point_mag, or sky_rms_flux with sky_brightness_mag_per_arcsec2"
            )
        return self

    def _gain_ways(self) -> int:
        rate = (self.exposure_s, self.electron_zero_point_mag)
        direct = self.gain_electrons_per_flux is not None
        if not direct and None in rate:
            sky = (self.sky_rms_flux, self.sky_brightness_mag_per_arcsec2)
            return int(None not in sky and rate == (None, None))
        return direct + (rate != (None, None))

    def flux(self, magnitude: float | np.ndarray) -> Any:
        """Flux in the cutouts' unit of an AB magnitude [mag]."""
        return 10.0 ** (-0.4 * (np.asarray(magnitude) - self.zero_point_mag))

    def gain(self, pixel_scale: float) -> float:
        """Electrons a unit of the cutouts' flux."""
        if self.gain_electrons_per_flux is not None:
            return self.gain_electrons_per_flux
        if self.exposure_s is not None and self.electron_zero_point_mag is not None:
            step = self.electron_zero_point_mag - self.zero_point_mag
            return self.exposure_s * 10.0 ** (0.4 * step)
        assert self.sky_brightness_mag_per_arcsec2 is not None
        assert self.sky_rms_flux is not None
        sky = self.flux(self.sky_brightness_mag_per_arcsec2) * pixel_scale**2
        return float(sky / self.sky_rms_flux**2)

    def sky_rms(self, pixel_scale: float) -> float | None:
        """Noise of an empty pixel in the cutouts' flux; None where the file does not say."""
        if self.sky_rms_flux is not None:
            return self.sky_rms_flux
        if self.sky_brightness_mag_per_arcsec2 is None:
            return None
        sky = self.flux(self.sky_brightness_mag_per_arcsec2) * pixel_scale**2
        return math.sqrt(float(sky) / self.gain(pixel_scale))


class ImagingSurvey(_Strict):
    """A survey's cutouts: bands, pixel grid, PSF, zero points and noise.

    Example:
        >>> from lenszoo.simulation import get_survey
        >>> survey = get_survey("des_grizY")
        >>> survey.names, survey.pixel_scale_arcsec, survey.cutout_size_pixels
        (('g', 'r', 'i', 'z', 'Y'), 0.263, 64)
    """

    name: str = Field(description="Name; of a file, its own without the ending.")
    summary: str = Field("", description="One line for lists.")
    reference: str = Field("", description="Paper of the survey.")
    pixel_scale_arcsec: float = Field(gt=0, le=3, description="Pixel scale [arcsec/pixel].")
    cutout_size_pixels: int = Field(ge=16, le=512, description="Side of a cutout [pixels].")
    noise: Literal["background", "rms_map", "sky"] = Field(
        "background",
        description="Noise that the arcs are weighed against: measured on the cutout's border, in "
        "a map beside each cutout, or that of the sky's brightness and the gain.",
    )
    rms_map: str | None = Field(
        None, description="Where the map of the noise lies, such as '{id}_rms.fits'."
    )
    mask_value: float | None = Field(
        None, description="Value of masked pixels [the cutouts' flux]."
    )
    bands: tuple[SurveyBand, ...] = Field(min_length=1, description="Bands, from blue to red.")
    folder: str = Field("", exclude=True, description="Folder of the file.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"two bands have one name ({', '.join(self.names)})")
        if (self.noise == "rms_map") != (self.rms_map is not None):
            raise ValueError('rms_map goes with noise = "rms_map", and only with it')
        dark = [b.name for b in self.bands if b.sky_rms(self.pixel_scale_arcsec) is None]
        if self.noise == "sky" and dark:
            raise ValueError(
                f'noise = "sky" needs sky_brightness_mag_per_arcsec2 or sky_rms_flux of band '
                f"{dark[0]}"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def gain(self) -> np.ndarray:
        """Electrons a unit of flux, (bands,)."""
        return np.array([band.gain(self.pixel_scale_arcsec) for band in self.bands])

    def sized(self, pixels: int) -> "ImagingSurvey":
        """The same survey with cutouts of another size [pixels]."""
        return self._with(cutout_size_pixels=pixels)

    def with_bands(self, names: tuple[str, ...]) -> "ImagingSurvey":
        """The same survey in some of its bands, in this order.

        Raises:
            LenszooError: a band that the survey lacks.
        """
        for name in names:
            if name not in self.names:
                raise unknown(f"band of {self.name}", name, self.names)
        chosen = [self.bands[self.names.index(name)].model_dump() for name in names]
        return self._with(bands=chosen)

    def _with(self, **fields: Any) -> "ImagingSurvey":
        """The same survey, of the same folder, with other values of some fields."""
        return _validated(self.model_dump() | {"folder": self.folder} | fields, self.name)

    def check_noise(self, rms: np.ndarray, source: str) -> None:
        """Refuse cutouts whose noise cannot be in the survey's unit of flux.

        Args:
            rms: noise of an empty pixel of typical cutouts, (bands,).
            source: name of the cutouts.

        Raises:
            LenszooError: it is more than ten times, or less than a tenth, of that which zero point,
                sky and gain predict.
        """
        for band, measured in zip(self.bands, rms, strict=True):
            expected = band.sky_rms(self.pixel_scale_arcsec)
            if expected is None or not measured > 0:
                continue
            ratio = float(measured / expected)
            if not 1 / UNLIKE <= ratio <= UNLIKE:
                offset = 2.5 * math.log10(ratio)
                raise LenszooError(
                    f"{source}: the sky noise in band {band.name} is {measured:.3g}, but survey "
                    f"{self.name} predicts {expected:.3g} with its zero point of "
                    f"{band.zero_point_mag:g}: another unit of flux? A zero point of about "
                    f"{band.zero_point_mag + offset:.1f} would fit (zero_point_mag)."
                )


def read_survey(path: str | os.PathLike[str]) -> ImagingSurvey:
    """Read a survey from a TOML file.

    Args:
        path: the file; its name without the ending names the survey.

    Raises:
        LenszooError: no such file, no TOML, or a field that is missing, unknown or impossible.

    Example:
        >>> from pathlib import Path
        >>> from lenszoo.simulation import read_survey
        >>> _ = Path("mine.toml").write_text('''
        ... pixel_scale_arcsec = 0.2
        ... cutout_size_pixels = 64
        ... [[bands]]
        ... name = "r"
        ... wavelength_nm = [560, 674]
        ... psf_fwhm_arcsec = 0.8
        ... zero_point_mag = 27.0
        ... gain_electrons_per_flux = 400.0
        ... ''')
        >>> read_survey("mine.toml").name
        'mine'
    """
    name = at_home(path)
    try:
        fields = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(name, error) from error
    except (ValueError, RecursionError) as error:
        raise LenszooError(f"{name}: not a TOML file ({one_line(error)}).") from error
    fields = {"name": Path(name).stem, "folder": str(Path(name).parent)} | fields
    return _validated(fields, name)


def _validated(fields: dict[str, Any], where: str) -> ImagingSurvey:
    try:
        return ImagingSurvey.model_validate(fields)
    except ValidationError as error:
        # a misspelt field also leaves the right one missing: the typo is what helps
        first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        place = [str(part) for part in first["loc"]]
        if place[:1] == ["bands"] and len(place) > 1:
            row, number = fields["bands"][int(place[1])], int(place[1]) + 1
            place[:2] = [f"band {row.get('name', number) if isinstance(row, dict) else number}"]
        spot = ", ".join(place)
        if first["type"] == "extra_forbidden":
            kind = SurveyBand if spot.startswith("band ") else ImagingSurvey
            raise unknown("field", place[-1], kind.model_fields, f"({where})") from None
        problem = first["msg"].removeprefix("Value error, ")
        spot = "" if first["type"] == "value_error" else f"{spot}: "
        raise LenszooError(f"{where}: {spot}{problem}.") from None
