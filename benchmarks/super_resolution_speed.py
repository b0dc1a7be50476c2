"""Super-resolution on a CPU: Mpixel/s of srcnn and srresnet_1 against the same nets in PyTorch.

    python benchmarks/super_resolution_speed.py [--size 150] [--batch 8] [--rounds 7]

Inference from (batch, size, size, 1) to twice the size, compiled by neither; the two take turns in
one process and medians are compared. Mpixel are those of the fine images. PyTorch runs channels
last, where its convolutions are fastest. Needs the environment of `make compat`.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from _machine import describe
from torch import nn
from torch.nn import functional

from lenszoo import build_model


class SRCNN(nn.Module):
    """As `srcnn`."""

    def __init__(self) -> None:
        super().__init__()
        self.extract = nn.Conv2d(1, 64, 9, padding=4)
        self.map = nn.Conv2d(64, 32, 1)
        self.last = nn.Conv2d(32, 1, 5, padding=2)

    def forward(self, x):
        """Fine images (batch, 1, 2 h, 2 w) of coarse ones."""
        x = functional.interpolate(x, scale_factor=2, mode="bicubic")
        return self.last(functional.relu(self.map(functional.relu(self.extract(x)))))


class SRResNet(nn.Module):
    """As `srresnet_1` with BatchNorm."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, width, 9, padding=4), nn.PReLU(width))
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.trunk = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.enlarge = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(width)
        )
        self.last = nn.Conv2d(width, 1, 9, padding=4)

    def forward(self, x):
        """Fine images (batch, 1, 2 h, 2 w) of coarse ones."""
        first = self.first(x)
        x = first + self.block(first)
        return self.last(self.enlarge(self.trunk(x) + first))


def ours(name: str, images: np.ndarray) -> Callable[[], object]:
    model = build_model(name)
    return lambda: model.predict_on_batch(images)


def theirs(module: nn.Module, images: np.ndarray) -> Callable[[], object]:
    module = module.eval().to(memory_format=torch.channels_last)
    batch = torch.from_numpy(images).permute(0, 3, 1, 2)

    def run():
        with torch.inference_mode():
            return module(batch).numpy()

    return run


def seconds(run: Callable[[], object], repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=150)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{describe()}, torch {torch.__version__}")
    shape = (arguments.batch, arguments.size, arguments.size, 1)
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    pixels = 4 * images.size / 1e6
    for name, module in (("srcnn", SRCNN()), ("srresnet_1", SRResNet())):
        runs = ours(name, images), theirs(module, images)
        parameters = (build_model(name).count_params(), sum(p.numel() for p in module.parameters()))
        for run in runs:
            seconds(run, 1)
        times = [[seconds(run, 2) for run in runs] for _ in range(arguments.rounds)]
        keras, torch_time = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(b / a for a, b in times)
        print(
            f"{name:12s} {pixels / keras:6.2f} Mpixel/s, PyTorch {pixels / torch_time:6.2f}: "
            f"{ratio:.2f} times PyTorch's rate ({parameters[0]:,} and {parameters[1]:,} parameters)"
        )


if __name__ == "__main__":
    main()
