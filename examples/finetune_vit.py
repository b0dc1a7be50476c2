"""Fine-tune a vision transformer on folders of lens images: the head first, then all layers.

    python examples/finetune_vit.py DATA [--model vit_b16] [--weights imagenet21k] [--epochs 10]

DATA holds class folders of .npy, .png or FITS files, or `train` and `val` folders of them. The
backbone starts from published weights, fetched once (behind a firewall, give --weights the path of
the file); images of 150 pixels are padded to 160, and the stem takes any number of bands. The head
learns alone for a fifth of the epochs, then every layer does, each block at 0.75 times the rate of
the next.

Have no data? `lenszoo simulate deeplense_model_1 DATA` makes some.
"""

import argparse
import logging
from pathlib import Path

from lenszoo.training import Recipe, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", help="folder of class folders")
    parser.add_argument("--model", default="vit_b16")
    parser.add_argument("--weights", default="imagenet21k", help="tag, name or path")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=INTEGER")
    parser.add_argument("--out", type=Path, default=Path("finetuned"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("lenszoo").setLevel(logging.INFO)
    recipe = Recipe(
        model=options.model,
        options={name: int(value) for name, _, value in (o.partition("=") for o in options.option)},
        weights=options.weights,
        freeze="backbone",
        unfreeze_after=max(1, options.epochs // 5) if options.epochs > 1 else None,
        epochs=options.epochs,
        batch_size=options.batch_size,
        mixed_precision="mixed_bfloat16",
        label_smoothing=0.05,
        tta=True,
        data={"directory": options.data},
        optimizer={
            "learning_rate": options.learning_rate,
            "weight_decay": 0.05,
            "warmup_steps": 50,
            "layer_decay": 0.75,
            "clip_norm": 1.0,
        },
    )
    result = train(recipe, options.out)
    print(f"macro AUC {result.metrics['macro_ovr_auc']:.4f}, report: {options.out / 'report.html'}")


if __name__ == "__main__":
    main()
