"""``lenszoo export``: a model for other runtimes."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lenszoo.cli._options import Overwrite, WeightsList, weights_list
from lenszoo.cli._verb import say, verb


@verb(backend=True)
def export(
    weights: WeightsList,
    out: Annotated[
        Path,
        typer.Option(
            help="A file .onnx, .xml (OpenVINO), .tflite (LiteRT) or .pt2 (PyTorch), or a folder "
            "for a SavedModel.",
            show_default=False,
        ),
    ],
    format: Annotated[
        Literal["onnx", "openvino", "litert", "tf_saved_model", "torch"] | None,
        typer.Option(help="By default what the ending of the file says.", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a model to ONNX, OpenVINO, LiteRT, PyTorch or a SavedModel, and check the file.

    A PyTorch program is written with KERAS_BACKEND=torch.
    """
    from lenszoo.inference.exporting import export as run

    names = weights_list(weights)
    path = run(names[0] if len(names) == 1 else names, out, format=format, overwrite=overwrite)
    say(f"{path}: written, and answers as {weights} does")
