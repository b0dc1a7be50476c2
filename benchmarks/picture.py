"""Draw the picture of the README, docs/common_test_sim.png: `python benchmarks/picture.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lenszoo.simulation import sample

SEED, COLUMNS = 4, 8
TITLES = {"no": "no substructure", "sphere": "CDM subhalos", "vort": "vortex"}


def main() -> None:
    drawn = sample("common_test_sim", 3 * COLUMNS, SEED)
    figure, axes = plt.subplots(3, COLUMNS, figsize=(1.5 * COLUMNS, 4.7), layout="constrained")
    for row, name in enumerate(drawn.class_names):
        for axis, k in zip(axes[row], np.flatnonzero(drawn.labels == row), strict=True):
            axis.imshow(drawn.images[k, 25:-25, 25:-25, 0], cmap="magma", origin="upper")
            axis.set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(TITLES[name], fontsize=12)
    target = Path(__file__).parent.parent / "docs" / "common_test_sim.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=100)


if __name__ == "__main__":
    main()
