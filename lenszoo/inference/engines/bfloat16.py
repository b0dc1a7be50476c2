"""bfloat16: processors that compute in it, and networks of Keras whose inner layers do."""

from pathlib import Path

import keras

from lenszoo.errors import LenszooError
from lenszoo.models.build import build, check_config, model_config
from lenszoo.models.registry import model_info

_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one of Arm
_POLICY = "mixed_bfloat16"


def bfloat16_flags() -> list[str]:
    """Return the flags of this processor that stand for bfloat16; empty where it has none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return sorted(_FLAGS & set(text.split()))


def has_bfloat16(engine: str = "keras") -> bool:
    """Tell whether a device of this machine computes in bfloat16, which others only imitate."""
    return bool(bfloat16_flags()) or (engine == "keras" and _has_gpu())


def check_bfloat16(engine: str) -> None:
    """Raise LenszooError where the device would only imitate bfloat16, slower than float32."""
    if has_bfloat16(engine):
        return
    raise LenszooError(
        "This processor has no bfloat16 (avx512_bf16, amx_bf16 or Arm's bf16), which would be "
        "slower than float32: leave precision='bfloat16' out."
    )


def in_bfloat16(model: keras.Model, label: str) -> keras.Model:
    """Build a model of the zoo anew with inner layers in bfloat16, and give it the same weights.

    Scaling, head and logits stay float32, as under Keras's policy ``mixed_bfloat16``.

    Raises:
        LenszooError: it is not of one row of the zoo, so nobody knows which layers must stay.
    """
    try:
        stored = model_config(model)
        spec = model_info(stored["model"])
    except LenszooError:
        raise LenszooError(
            f"{label} is not a single model of the zoo, and Keras answers only those in bfloat16: "
            "take engine='openvino', or precision='float32'."
        ) from None
    config = check_config(spec, stored["input_shape"], stored["num_classes"], stored["options"])
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICY)
    try:
        copy = build(config)
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights(model.get_weights())
    return copy


def _has_gpu() -> bool:
    if keras.backend.backend() == "torch":  # for which Keras lists no devices
        import torch

        return torch.cuda.is_available()
    # all of them: on a CPU, JAX refuses to list GPUs
    return any(name.startswith("gpu") for name in keras.distribution.list_devices())


def precision_of(model: keras.Model) -> str:
    """Name the precision of a model's layers: float32, or the shorter one that some have."""
    shorter = {layer.compute_dtype for layer in _layers(model)} - {"float32"}
    return min(shorter, default="float32")


def _layers(model: keras.Model) -> list[keras.Layer]:
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model | keras.layers.InputLayer)
    ]
