"""``lenszoo surveys``: list the surveys whose galaxies lenses can be painted on."""

from typing import Annotated

import typer

from lenszoo.cli._verb import verb


@verb(backend=True)
def surveys(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[SURVEY]", help="A survey, or a TOML file, to show in full."),
    ] = None,
) -> None:
    """List the packaged surveys, or show one: bands, PSF, zero points and noise."""
    from lenszoo.simulation import get_survey, list_surveys

    if name is None:
        rows = [get_survey(each) for each in list_surveys()]
        width = max(len(row.name) for row in rows)
        for row in rows:
            scale, size = row.pixel_scale_arcsec, row.cutout_size_pixels
            typer.echo(f'{row.name:{width}}  {size} pixels of {scale:g}"  {row.summary}')
        return
    survey = get_survey(name)
    scale = survey.pixel_scale_arcsec
    reference = f" ({survey.reference})" if survey.reference else ""
    typer.echo(f"{survey.name}: {survey.summary}{reference}")
    typer.echo(f'cutouts of {survey.cutout_size_pixels} pixels of {scale:g}"')
    typer.echo("band  wavelength [nm]  PSF [arcsec]  zero point  sky rms [flux]  gain [e-/flux]")
    for band in survey.bands:
        low, high = band.wavelength_nm
        fwhm = band.psf_fwhm_arcsec
        psf = band.psf_image or band.psf_fwhm_column if fwhm is None else f"{fwhm:.2f}"
        rms = band.sky_rms(scale)
        noise = "measured" if rms is None else f"{rms:.3g}"
        typer.echo(
            f"{band.name:4}  {f'{low:g} to {high:g}':>15}  {psf:>12}  {band.zero_point_mag:10.2f}  "
            f"{noise:>14}  {band.gain(scale):>15.3g}"
        )
