"""Imaging surveys, a TOML file each: bands, pixel scale, PSF, zero points and noise."""

from importlib import resources
from pathlib import Path

from lenszoo.errors import unknown
from lenszoo.simulation.surveys.imaging import ImagingSurvey, SurveyBand, read_survey

__all__ = ["ImagingSurvey", "SurveyBand", "get_survey", "list_surveys", "read_survey"]


def _files() -> dict[str, Path]:
    folder = Path(str(resources.files(__name__)))
    return {path.stem: path for path in folder.glob("*.toml")}


def list_surveys() -> list[str]:
    """List the names of the packaged surveys.

    >>> "des_grizY" in list_surveys()
    True
    """
    return sorted(_files())


def get_survey(name: str | ImagingSurvey) -> ImagingSurvey:
    """Return a survey by its name, or read one from a TOML file.

    Args:
        name: a name of :func:`list_surveys`, or the path of a file that ends in ``.toml``; a
            survey is returned as it is.

    Raises:
        LenszooError: no such survey; a file that cannot be read or does not fit.

    >>> get_survey("euclid_vis").bands[0].zero_point_mag
    23.9
    """
    if isinstance(name, ImagingSurvey):
        return name
    if str(name).endswith(".toml"):
        return read_survey(name)
    files = _files()
    if name not in files:
        raise unknown("survey", name, files, "Or name a TOML file of your own.")
    return read_survey(files[name])
