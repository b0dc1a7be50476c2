"""One harness for every classifier of the catalogue, on any backend.

Run as a program it is the fresh process of the tests: ``check ROW...`` (or ``check all``) checks
rows on the backend that KERAS_BACKEND names, ``reload FOLDER`` loads what a check saved there, and
``pin`` writes ``pins.json`` anew, after a change of an architecture that is meant.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from lenszoo.pretrained.loading import build_model, load_model, model_config, save_weights
from lenszoo.pretrained.saving import load_weights

BACKEND = keras.config.backend()
PINS = Path(__file__).with_name("pins.json")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A row's tiny configuration: its smallest legal size, another size, and a rate to learn at.

    ``published`` is the reference's number of parameters for 1000 classes and three bands at
    ``full`` pixels. ``like`` names a row of the same code: this one is only built at full size, and
    goes through everything in the full matrix. ``fixed`` rows take one image size at a time.
    ``deep`` rows build their full net before they cut it: they are built as seldom as possible.
    """

    size: int = 32
    other: tuple[int, int] = (40, 35)
    options: dict = field(default_factory=dict)
    rate: float = 1e-2
    published: int | None = None
    full: int = 64
    like: str | None = None
    fixed: bool = False
    deep: bool = False


_TOKENS = {"patch": 8, "dim": 12, "depth": 2, "heads": 2, "mlp_dim": 16}
_CONVNEXT = {"depths": (1, 1, 2, 1), "dims": (4, 6, 8, 12), "layer_scale": 0.5}
_DINOV2 = _TOKENS | {"patch": 7}
_MOBILEVIT = {
    "channels": (4, 4, 4, 4, 4, 4, 32),
    # two numbers a head: of one, Keras' attention adds its biases wrongly on TensorFlow where there
    # are as many patches as heads
    "dims": (8, 8, 8),
    "depths": (1, 1, 1),
    "expansion": 1,
    "transformer_dropout": 0.0,
}
_DENSE = {"until": "conv2_block2_concat"}
_EFFICIENT = {"until": "block2a_project_bn"}

CASES = {
    "simple_cnn": Case(size=16, other=(20, 17), options={"width": 4, "dropout": 0.1}),
    "cnn_attention": Case(size=16, other=(20, 17), options={"width": 4, "heads": 2}),
    "equivariant_transformer": Case(
        size=16,
        other=(20, 17),
        options={"width": 4, "rounds": 2, "depth": 2, "heads": 2, "mlp_dim": 16},
        fixed=True,
        like="vit_ti16",  # its blocks; its layers have tests of their own
    ),
    "resnet18": Case(options={"width": 6, "dropout": 0.1}, published=11_699_112),
    "resnet18_slim": Case(options={"width": 4, "stem": "fine", "blocks": (1, 1), "dropout": 0.1}),
    "resnet34": Case(options={"width": 4, "blocks": (1, 2)}, published=21_814_696, like="resnet18"),
    "resnet50": Case(options={"until": "conv2_block1_out"}, published=25_636_712, deep=True),
    "resnet50_slim": Case(
        options={"until": "conv2_block1_out", "alpha": 0.25}, like="resnet50", deep=True
    ),
    "resnet101": Case(
        options={"until": "conv2_block1_out"}, published=44_707_176, like="resnet50", deep=True
    ),
    "xception": Case(
        size=71,
        other=(76, 80),
        options={"until": "block3_sepconv2_bn"},
        rate=1e-1,
        published=22_910_480,
        full=71,
        deep=True,
    ),
    "densenet121": Case(options=_DENSE, published=8_062_504, deep=True),
    "densenet169": Case(options=_DENSE, published=14_307_880, like="densenet121", deep=True),
    "densenet201": Case(options=_DENSE, published=20_242_984, like="densenet121", deep=True),
    "efficientnet_b2": Case(options=_EFFICIENT, published=9_177_569, deep=True),
    "efficientnet_b3": Case(
        options=_EFFICIENT, published=12_320_535, like="efficientnet_b2", deep=True
    ),
    "efficientnet_b4": Case(
        options=_EFFICIENT, published=19_466_823, like="efficientnet_b2", deep=True
    ),
    "efficientnet_b5": Case(
        options=_EFFICIENT, published=30_562_527, like="efficientnet_b2", deep=True
    ),
    # keras.applications puts one more layer of 1024 between its maps and its classes: 939,120 are
    # those of the maps, 577,000 those of the zoo's own head
    "mobilenet_v3_small": Case(
        options={"until": "expanded_conv_1_project_bn"}, published=939_120 + 577_000, deep=True
    ),
    "mobilevit_mini": Case(options=_MOBILEVIT),
    "mobilevit_xxs": Case(options=_MOBILEVIT, published=1_276_136, like="mobilevit_mini"),
    "mobilevit_xs": Case(options=_MOBILEVIT, published=2_326_296, like="mobilevit_mini"),
    "mobilevit_s": Case(options=_MOBILEVIT, published=5_590_888, like="mobilevit_mini"),
    "convnext_atto": Case(options=_CONVNEXT, published=3_695_520),
    "convnext_nano": Case(options=_CONVNEXT, published=15_593_560, like="convnext_atto"),
    "convnext_tiny": Case(options=_CONVNEXT, published=28_589_128, like="convnext_atto"),
    "convnext_small": Case(options=_CONVNEXT, published=50_223_688, like="convnext_atto"),
    "convnext_base": Case(options=_CONVNEXT, published=88_591_464, like="convnext_atto"),
    # timm's at 518 pixels have no head; the head of 1000 classes is the zoo's
    "dinov2_s14": Case(
        options=_DINOV2,
        rate=1e-4,
        published=22_056_192 + 385_000,
        full=518,
        fixed=True,
        like="vit_ti16",
    ),
    "dinov2_b14": Case(
        options=_DINOV2,
        rate=1e-4,
        published=86_579_712 + 769_000,
        full=518,
        fixed=True,
        like="vit_ti16",
    ),
    # as Meta's: timm's lacks the 384 numbers of the class token's position
    "dinov2_s14_reg": Case(
        options=_DINOV2,
        rate=1e-4,
        published=22_057_344 + 384 + 385_000,
        full=518,
        fixed=True,
    ),
    "dinov2_b14_reg": Case(options=_DINOV2, rate=1e-4, full=518, fixed=True, like="dinov2_s14_reg"),
    "vit_ti16": Case(options=_TOKENS, rate=1e-4, published=5_717_416, full=224, fixed=True),
    "vit_s16": Case(
        options=_TOKENS, rate=1e-4, published=22_050_664, full=224, fixed=True, like="vit_ti16"
    ),
    "vit_b16": Case(
        options=_TOKENS, rate=1e-4, published=86_567_656, full=224, fixed=True, like="vit_ti16"
    ),
    "beit_b16": Case(options=_TOKENS, published=86_530_984, full=224, fixed=True),
}


def images(size, bands, n=4, seed=0):
    height, width = (size, size) if isinstance(size, int) else size
    return np.random.default_rng(seed).random((n, height, width, bands), dtype=np.float32)


def outputs(model, batch):
    if BACKEND == "jax":  # one compilation instead of one for every operation
        return model.predict_on_batch(batch)
    return keras.ops.convert_to_numpy(model(batch, training=False))


def check_classifier(name, folder):
    """Build, run, guard, train, save; leave files and answers in ``folder`` for ``reload``."""
    case = CASES[name]
    keras.utils.set_random_seed(1)
    started = time.perf_counter()
    shape = (case.size, case.size, 1) if case.fixed else (None, None, 1)
    model = build_model(name, input_shape=shape, **case.options)
    assert model.name == name
    assert model.output_shape == (None, 3)
    check_training(model, case)
    check_answers(model, case)
    save(model, folder, images(case.size, 1))
    if case.fixed:
        other = build_model(name, input_shape=(*case.other, 1), **case.options)
        check_answers(other, case)
    check_half_precision_and_bands(name, case)
    print(f"{name} on {BACKEND}: {time.perf_counter() - started:.1f} s")


def check_crop(name):
    """Only the central square matters, with the weights of a model of that size; all is guarded."""
    case = CASES[name]
    side = case.size
    whole = build_model(name, input_shape=(side, side, 1), **case.options)
    fill_weights(whole)
    model = build_model(name, input_shape=(side + 6, side + 8, 1), crop=side, **case.options)
    assert model_config(model)["options"]["crop"] == side
    model.set_weights(whole.get_weights())
    batch = images((side + 6, side + 8), 1, n=2)
    answer = outputs(model, batch)
    square = batch[:, 3:-3, 4:-4].copy()
    np.testing.assert_allclose(answer, outputs(whole, square), rtol=1e-4, atol=1e-5)
    batch[...] = 0.5
    batch[:, 3:-3, 4:-4] = square
    np.testing.assert_allclose(outputs(model, batch), answer, rtol=1e-6)
    batch[1, 0, 0, 0] = np.nan  # a broken image stays one
    assert np.isnan(outputs(model, batch)).all(axis=1).tolist() == [False, True]


def check_full_size(name):
    """The published number of parameters, and a finite answer."""
    case = CASES[name]
    model = build_model(name, input_shape=(case.full, case.full, 3), num_classes=1000)
    if case.published is not None:
        assert model.count_params() == case.published
    answer = outputs(model, images(case.full, 3, n=1))
    assert answer.shape == (1, 1000)
    assert np.isfinite(answer).all()


def pinned(name):
    """Logits (2, 3) of the tiny configuration for weights and images made by NumPy alone."""
    case = CASES[name]
    model = build_model(name, input_shape=(case.size, case.size, 1), **case.options)
    fill_weights(model)
    return outputs(model, images(case.size, 1, n=2, seed=8))


def fill_weights(model):
    """Give a model weights that NumPy alone makes."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "seed_generator" in weight.path:
            continue
        if weight.path.endswith(("gamma", "variance", "alpha")):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            depthwise = len(shape) == 4 and shape[-1] == 1
            fan_in = np.prod(shape[: 2 if depthwise else -1]) if len(shape) > 1 else 200.0
            values = rng.normal(0.0, np.sqrt(2.0 / fan_in), shape)
        # keras.layers.Normalization computes with copies of its weights, on PyTorch with themselves
        if not weight.path.startswith("normalization"):
            weight.assign(values)


def check_pin(name, pinned=pinned, pins=PINS):
    """The network answers as it always did, on this backend too."""
    kept = json.loads(pins.read_text())[name]
    np.testing.assert_allclose(pinned(name), kept, rtol=1e-3, atol=1e-3)


def write_pins(names, pinned=pinned, pins=PINS):
    """Write what the rows answer now, one row a line."""
    rows = {name: np.round(pinned(name).astype(float), 4).tolist() for name in names}
    lines = (f" {json.dumps(row)}: {json.dumps(pin)}" for row, pin in rows.items())
    pins.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check_training(model, case):
    """The loss falls in three steps on one batch; this also moves every BatchNorm average."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train(model, loss, case.rate, images(case.size, 1, n=6), np.arange(6) % 3)


def train(model, loss, rate, batch, targets):
    """Three steps on one batch, after which the loss must have fallen."""
    model.compile(keras.optimizers.SGD(rate), loss, jit_compile=BACKEND == "jax")
    losses = [float(model.train_on_batch(batch, targets)) for _ in range(4)]
    assert np.all(np.isfinite(losses))
    assert losses[3] < losses[0], losses


def check_answers(model, case):
    """Another size than in training; a broken pixel spoils its own image and no other."""
    height, width = model.input_shape[1:3]
    batch = images((height, width) if case.fixed else case.other, 1)
    clean = outputs(model, batch)
    assert clean.shape == (4, 3)
    check_guarded(model, batch, clean)


def check_guarded(model, batch, clean):
    """Four images give float32 answers of their own, and NaN where a pixel is broken."""
    assert clean.dtype == np.float32
    assert np.all(np.isfinite(clean))
    assert np.ptp(clean, axis=0).max() > 0, "the answer does not depend on the image"
    batch[1, 3, 5] = np.nan
    batch[2, -1, -1] = np.inf
    broken = outputs(model, batch)
    assert np.all(np.isnan(broken[[1, 2]]))
    np.testing.assert_allclose(broken[[0, 3]], clean[[0, 3]], rtol=1e-4, atol=1e-5)
    # activations that overflow must not become an answer
    batch[1], batch[2] = np.where(batch[0] > 0.5, 3e38, -3e38), batch[0]
    batch[2, 3, 5] = -3e38
    overflown = outputs(model, batch)
    assert np.all(np.isnan(overflown[[1, 2]]))
    np.testing.assert_allclose(overflown[[0, 3]], clean[[0, 3]], rtol=1e-4, atol=1e-5)


def check_half_precision_and_bands(name, case):
    """Under mixed_bfloat16 and with four bands: float32 logits, every band guarded."""
    with half_precision():
        model = build_model(
            name, input_shape=(case.size, case.size, 4), num_classes=2, **case.options
        )
    assert model.get_layer("logits").compute_dtype == "float32"
    assert check_four_bands(model, case.size).shape == (2, 2)


@contextlib.contextmanager
def half_precision():
    """Build under mixed_bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def check_four_bands(model, size):
    """A broken fourth band is noticed, and half precision inside gives float32 outside."""
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    batch = images(size, 4, n=2)
    batch[0, 2, 2, 3] = np.nan
    answer = outputs(model, batch)
    assert answer.dtype == np.float32
    assert np.isnan(answer[0]).all()
    assert np.isfinite(answer[1]).all()
    return answer


def save(model, folder, batch):
    """Save both formats and what the model answers."""
    name = model.name
    np.savez(folder / f"{name}.npz", images=batch, logits=outputs(model, batch))
    (folder / f"{name}.json").write_text(json.dumps(model_config(model)))
    model.save(folder / f"{name}.keras")
    save_weights(model, folder / f"{name}.weights.h5")


def check_reload(folder):
    """Load all that was saved in a folder; models, answers and identities must be the same."""
    saved = sorted(folder.glob("*.npz"))
    assert saved
    for path in saved:
        started = time.perf_counter()
        model = load_model(path.with_suffix(".keras"))
        check_same(model, path)
        whole = model.get_weights()
        if path.stem in CASES and CASES[path.stem].deep:
            model.set_weights([np.zeros(w.shape, "float32") for w in model.weights])
            load_weights(model, path.with_suffix(".weights.h5"))
        else:
            model = load_model(path.with_suffix(".weights.h5"))
        assert model_config(model) == json.loads(path.with_suffix(".json").read_text())
        for one, other in zip(model.get_weights(), whole, strict=True):
            np.testing.assert_array_equal(one, other)
        print(f"{path.stem} again on {BACKEND}: {time.perf_counter() - started:.1f} s")


def check_same(model, path):
    assert type(model).__module__.startswith(("keras.", "lenszoo.models.", "lenszoo.layers."))
    assert model_config(model) == json.loads(path.with_suffix(".json").read_text())
    kept = np.load(path)
    answer = outputs(model, kept["images"])
    np.testing.assert_allclose(answer, kept["logits"], rtol=1e-4, atol=1e-5)


def run(program, *arguments, **environment):
    """Run a harness in a fresh process, which must say that all is well."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("all well")


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "check":
        with tempfile.TemporaryDirectory() as temporary:
            for row in CASES if arguments == ["all"] else arguments:
                check_classifier(row, Path(temporary))
                check_pin(row)
            check_reload(Path(temporary))
    elif verb == "pin":
        write_pins(CASES)
    elif verb == "reload":
        check_reload(Path(arguments[0]))
    else:
        sys.exit(f"harness.py check ROW... | pin | reload FOLDER, got {verb!r}")
    print("all well")
