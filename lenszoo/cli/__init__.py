"""The ``lenszoo`` command: one thin file a verb; heavy imports wait until the verb runs."""

import logging
import os
from collections.abc import Callable
from typing import Annotated

import typer

from lenszoo._version import __version__
from lenszoo.cli.adapt import adapt
from lenszoo.cli.completeness import completeness
from lenszoo.cli.convert import convert
from lenszoo.cli.doctor import doctor
from lenszoo.cli.embed import embed
from lenszoo.cli.evaluate import evaluate
from lenszoo.cli.export import export
from lenszoo.cli.mine import mine
from lenszoo.cli.models import models
from lenszoo.cli.predict import predict
from lenszoo.cli.pretrain import pretrain
from lenszoo.cli.quickstart import quickstart
from lenszoo.cli.realism import realism
from lenszoo.cli.search import search
from lenszoo.cli.similar import similar
from lenszoo.cli.simulate import simulate
from lenszoo.cli.surveys import surveys
from lenszoo.cli.train import train
from lenszoo.cli.upscale import upscale
from lenszoo.cli.vet import vet
from lenszoo.cli.weights import weights

app = typer.Typer(
    name="lenszoo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"lenszoo {__version__}")
        raise typer.Exit


@app.callback()
def lenszoo(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The Keras 3 model zoo for strong gravitational lensing.

    Start with `lenszoo quickstart`; every verb explains itself with --help.
    """


def _add(verb: Callable[..., None], *examples: str) -> None:
    # a blank line between examples, which would else be joined
    app.command(epilog="\n\n".join(f"Example: {example}" for example in examples))(verb)


_add(quickstart, "lenszoo quickstart")
_add(models, "lenszoo models 'resnet*'")
app.add_typer(weights, name="weights")
_add(
    simulate,
    "lenszoo simulate common_test_sim images --train 3000 --val 750",
    "lenszoo simulate --survey des_grizY --galaxies galaxies.csv --images-in cutouts painted",
)
_add(surveys, "lenszoo surveys des_grizY")
_add(
    train,
    "lenszoo train resnet18_slim --data images --weights resnet18_slim.common_test_sim_v2 "
    "--out run",
    "lenszoo train lens_finder --data objects.csv --set data.bands=g,r --out run",
)
_add(
    pretrain,
    "lenszoo pretrain resnet18_slim --method simsiam --images-in cutouts --out run",
)
_add(
    adapt,
    "lenszoo adapt RUN --source lens_finding_easy --preset lens_finding_hard "
    "--method dann --label-fraction 0.2 --out adapted",
)
_add(evaluate, "lenszoo evaluate resnet18_slim.common_test_sim_v2 --data images/val --out report")
_add(
    predict,
    "lenszoo predict resnet18_slim.common_test_sim_v2 cutouts --out answers.parquet",
    "lenszoo predict RUN catalogue.csv --images-in cutouts --out answers.parquet",
)
_add(embed, "lenszoo embed resnet18_slim.common_test_sim_v2 cutouts --out features.parquet")
_add(upscale, "lenszoo upscale srcnn.sr_75_150_sim images --out upscaled")
_add(
    search,
    "lenszoo search catalogue.parquet --tiles tiles --pattern '{tile}/{band}.fits.fz' "
    "--weights lens_finder.hard_sim_image_v3 --out results --workers 2",
)
_add(similar, "lenszoo similar results 1000000000000000007 --count 50")
_add(
    vet,
    "lenszoo vet results",
    "lenszoo vet results --blind --controls lens_finding_hard",
    "lenszoo vet results --export votes",
)
_add(export, "lenszoo export resnet18_slim.common_test_sim_v2 --out resnet18_slim.onnx")
_add(
    completeness,
    "lenszoo completeness RUN --survey cfhtls_gri --galaxies galaxies.csv --images-in cutouts "
    "--out selection",
)
_add(mine, "lenszoo mine RUN objects.csv --images-in cutouts --out mined.csv")
_add(realism, "lenszoo realism real painted --weights RUN --out realism")
_add(convert, "lenszoo convert Model_I_axion images/axion")
_add(doctor, "lenszoo doctor")


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 130 stopped by Ctrl-C."""
    # hide TensorFlow's warnings of recompilation; lenszoo.chatter hides the notes of its start
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    app(prog_name="lenszoo")
