import pytest
import tinyreports
from tinyreports import NOISE

from lenszoo.evaluation import bicubic, super_resolution_report

HISTORY = [
    {"epoch": 1, "loss": 0.1, "val_psnr": 30.0, "val_ssim": 0.8},
    {"epoch": 2, "loss": 0.05, "val_psnr": 33.0, "val_ssim": 0.9},
]


@pytest.fixture(scope="module", name="pairs")
def stacks():
    return tinyreports.pairs()


@pytest.fixture(scope="module")
def report(pairs):
    low, target, truth = pairs
    return super_resolution_report(
        low,
        target,
        0.5 * truth + 0.5 * bicubic(low, 2),
        truth=truth,
        variance=NOISE**2,
        ids=[f"a/<{i}>.npy" for i in range(len(low))],
        history=HISTORY,
        title="One & <two>",
        provenance={"weights": "srcnn.x"},
        seed=4,
    )
