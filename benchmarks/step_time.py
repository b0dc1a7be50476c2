"""Time of a training step and of inference, by architecture, against native PyTorch.

    python benchmarks/step_time.py [MODEL ...] [--rounds 5] [--batch 8] [--steps 24]
        [--precision float32] [--backends tensorflow jax openvino torch]

Each backend is a process of its own; for one architecture after the other they take turns, and the
medians over the rounds are compared. PyTorch runs Hugging Face transformers' network of the same
layout, channels last, where there is one; torch-compiled is torch.compile of it, torch-kept keeps
freed memory as the trainings of lenszoo do. The backend tensorflow-xla is ``jit_compile = true`` of
a recipe, openvino the engine of that name, which only predicts. Images are 150 x 150 x 1, optimizer
AdamW. Needs the environment of `make compat` with openvino and JAX; a backend that is not installed
is left out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _machine import describe

from lenszoo.allocator import keep_freed_memory

MODELS = (
    "simple_cnn",
    "resnet18_slim",
    "resnet18",
    "resnet50",
    "mobilevit_mini",
    "mobilevit_xxs",
    "mobilenet_v3_small",
    "densenet121",
    "xception",
    "vit_ti16",
    "vit_b16",
)
DEFAULT = ("tensorflow", "jax", "openvino", "torch")  # XLA is slow on convolutions
SIZE, CLASSES = 150, 3


def keras_runner(
    name: str, batch: int, steps: int, precision: str, *, xla: bool
) -> dict[str, Callable[[], Any]]:
    """Functions that train and that predict for ``steps`` batches with Keras."""
    import keras
    import numpy as np

    from lenszoo import build_model
    from lenszoo.data.batches import ThreadedDataset
    from lenszoo.models.in_batches import in_batches
    from lenszoo.training.freed_memory import KeepFreedMemory

    keras.utils.clear_session()  # forgets the dtype policy too
    keras.config.set_dtype_policy(precision)
    model = build_model(name, input_shape=(SIZE, SIZE, 1), num_classes=CLASSES)
    model.compile(
        keras.optimizers.AdamW(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=xla,
    )
    rng = np.random.default_rng(0)
    images = rng.random((batch * steps, SIZE, SIZE, 1), dtype=np.float32)
    labels = rng.integers(0, CLASSES, batch * steps)

    class Batches(ThreadedDataset):  # as the trainings feed their models
        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            part = slice(index * batch, (index + 1) * batch)
            return images[part], labels[part]

    return {
        "train": lambda: model.fit(Batches(), verbose=0, callbacks=[KeepFreedMemory()]),
        "predict": lambda: in_batches(model, images, batch),
    }


def engine_runner(
    name: str, batch: int, steps: int, precision: str, *, engine: str
) -> dict[str, Callable[[], Any]]:
    """Function that predicts for ``steps`` batches with another engine than Keras."""
    import numpy as np

    from lenszoo import build_model
    from lenszoo.inference import open_model
    from lenszoo.inference.engines.checked import answerer_of
    from lenszoo.models.in_batches import in_batches

    opened = open_model(build_model(name, input_shape=(SIZE, SIZE, 1), num_classes=CLASSES))
    model = answerer_of(opened, engine, precision.removeprefix("mixed_"))
    images = np.random.default_rng(0).random((batch * steps, SIZE, SIZE, 1), dtype=np.float32)
    return {"predict": lambda: in_batches(model, images, batch)}


def torch_runner(
    name: str, batch: int, steps: int, precision: str, *, compiled: bool
) -> dict[str, Callable[[], Any]]:
    """The same as Keras with PyTorch; KeyError where transformers has no such network."""
    import torch
    import transformers as hub

    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    shared = {"num_channels": 1, "num_labels": CLASSES}
    vit = {"image_size": 160, **shared}
    basic = {"embedding_size": 64, "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"}
    tiny = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
    xxs = {"neck_hidden_sizes": [16, 16, 24, 48, 64, 80, 320], "hidden_sizes": [64, 80, 96]}
    make = {
        "resnet18": lambda: hub.ResNetForImageClassification(
            hub.ResNetConfig(depths=[2, 2, 2, 2], **basic, **shared)
        ),
        "resnet50": lambda: hub.ResNetForImageClassification(hub.ResNetConfig(**shared)),
        "mobilevit_xxs": lambda: hub.MobileViTForImageClassification(
            hub.MobileViTConfig(expand_ratio=2.0, **xxs, **shared)
        ),
        "vit_ti16": lambda: hub.ViTForImageClassification(hub.ViTConfig(**tiny, **vit)),
        "vit_b16": lambda: hub.ViTForImageClassification(hub.ViTConfig(**vit)),
    }[name]
    model = make().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    if compiled:
        model = torch.compile(model)
    side = vit["image_size"] if name.startswith("vit") else SIZE
    images = torch.rand(steps, batch, 1, side, side)
    images = [x.to(memory_format=torch.channels_last) for x in images]
    labels = torch.randint(0, CLASSES, (steps, batch))
    half = precision == "mixed_bfloat16"

    def train() -> None:
        model.train()
        for x, y in zip(images, labels, strict=True):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = torch.nn.functional.cross_entropy(model(x).logits.float(), y)
            loss.backward()
            optimizer.step()

    def predict() -> None:
        model.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            for x in images:
                model(x).logits.float().numpy()

    return {"train": train, "predict": predict}


RUNNERS: dict[str, Callable[..., dict[str, Callable[[], Any]]]] = {
    "tensorflow": partial(keras_runner, xla=False),
    "tensorflow-xla": partial(keras_runner, xla=True),
    "jax": partial(keras_runner, xla=True),
    "openvino": partial(engine_runner, engine="openvino"),
    "torch": partial(torch_runner, compiled=False),
    "torch-compiled": partial(torch_runner, compiled=True),
    "torch-kept": partial(torch_runner, compiled=False),
}


def worker(backend: str) -> None:
    """Answer the parent's lines: ``["make", name, ...]`` prepares, ``["run", what]`` times once."""
    if backend == "torch-kept":
        keep_freed_memory()
    runner: dict[str, Callable[[], Any]] = {}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print must not mix with the answers
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        start = time.perf_counter()
        try:
            if verb == "make":
                runner.clear()
                runner = RUNNERS[backend](*arguments)
                for function in runner.values():
                    function()
            else:
                runner[arguments[0]]()
            answer = time.perf_counter() - start
        except KeyError:
            answer = None
        print(json.dumps(answer), file=answers, flush=True)


class Process:
    """A worker and its pipes."""

    def __init__(self, backend: str) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if not backend.startswith("torch"):
            environment["KERAS_BACKEND"] = "jax" if backend == "jax" else "tensorflow"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, *message: Any) -> float | None:
        """Send one line and wait for its answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"step_time: a worker died: {self.process.args}")
        return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--steps", type=int, default=24, help="a round; of few, setting up fit shows"
    )
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--backends", nargs="+", default=DEFAULT, choices=RUNNERS)
    parser.add_argument("--worker", choices=RUNNERS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    here = [b for b in options.backends if importlib.util.find_spec(b.partition("-")[0])]
    processes = {backend: Process(backend) for backend in here}
    print(
        f"{SIZE}x{SIZE}x1, batch {options.batch}, {options.precision}, medians of "
        f"{options.rounds} rounds of {options.steps} steps, ms a step; {describe()}"
    )
    print(f"{'model':20}{'':8}" + "".join(f"{b:>15}" for b in here) + f"{'/ torch':>10}")
    for name in options.models:
        arguments = (name, options.batch, options.steps, options.precision)
        ready = {b: p for b, p in processes.items() if p.ask("make", *arguments) is not None}
        for what in ("train", "predict"):
            seconds: dict[str, list[float]] = {b: [] for b in ready}
            for _ in range(options.rounds):
                for backend, process in ready.items():
                    answer = process.ask("run", what)
                    if answer is not None:
                        seconds[backend].append(answer)
            ms = {b: 1e3 * statistics.median(s) / options.steps for b, s in seconds.items() if s}
            cells = "".join(f"{ms[b]:15.1f}" if b in ms else f"{'-':>15}" for b in here)
            times = [v for b, v in ms.items() if not b.startswith("torch")]
            ratio = f"{min(times) / ms['torch']:10.2f}" if times and "torch" in ms else f"{'-':>10}"
            print(f"{name:20}{what:8}{cells}{ratio}", flush=True)


if __name__ == "__main__":
    main()
