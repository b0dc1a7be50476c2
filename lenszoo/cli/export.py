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
    quantize: Annotated[
        Literal["int8"] | None,
        typer.Option(
            help="Weights and activations in int8, for onnx and openvino; what it costs in AUC is "
            "measured on simulated scenes.",
            show_default=False,
        ),
    ] = None,
    max_auc_loss: Annotated[
        float, typer.Option(help="The most that int8 may cost in AUC, else no file is kept.")
    ] = 0.005,
    overwrite: Overwrite = False,
) -> None:
    """Export a model to ONNX, OpenVINO, LiteRT, PyTorch or a SavedModel, and check the file.

    A PyTorch program is written with KERAS_BACKEND=torch.
    """
    from lenszoo.inference.exporting import export as run

    names = weights_list(weights)
    path = run(
        names[0] if len(names) == 1 else names,
        out,
        format=format,
        quantize=quantize,
        max_auc_loss=max_auc_loss,
        overwrite=overwrite,
    )
    answers = "answers as" if quantize is None else f"in {quantize} answers nearly as"
    say(f"{path}: written, and {answers} {weights} does")
