"""What the tests of ViT and BEiT share: a reference of transformers, its file, and ours filled."""

import numpy as np
import torch
from safetensors.numpy import load_file

from lenszoo.pretrained.imported.transfer import transfer

CLASSES = 10
HF = "transformers"


def moved(model, folder):
    """A model of transformers where nothing is trivial, and the file it saves, as published."""
    for tensor in model.eval().state_dict().values():  # biases, tables and norms start trivial
        if tensor.is_floating_point():
            tensor.add_(torch.randn_like(tensor) * 0.02)
    model.save_pretrained(folder)
    return model, load_file(folder / "model.safetensors")


def filled(model, published, tensors):
    """Our model with a file's tensors, the head included; ``published`` knows the names."""
    names = published.names(model, tensors)
    transfer(model, tensors, names, "model.safetensors", ignored=published.IGNORED)
    head = [tensors["classifier.weight"].T, tensors["classifier.bias"]]
    model.get_layer("logits").set_weights(head)
    return model


def logits(model, images, **options):
    """The reference's answers to (n, H, W, 3) images in [0, 1]."""
    pixels = torch.from_numpy(((images - 0.5) / 0.5).transpose(0, 3, 1, 2))
    with torch.no_grad():
        return model(pixels, **options).logits.numpy()


def noise(*shape):
    """Two random images."""
    return np.random.default_rng(1).random((2, *shape), dtype=np.float32)


def check_whole(agreement, name, ours, theirs, images):
    """Check parameters and answers of a network that is theirs from images to logits."""
    count = ours.count_params()
    assert count == sum(p.numel() for p in theirs.parameters())
    agreement.check(name, HF, images, ours(images), logits(theirs, images), parameters=count)
