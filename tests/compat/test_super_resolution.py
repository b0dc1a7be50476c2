"""The super-resolution networks compute what the same nets written in native PyTorch compute."""

import re

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lenszoo.models.esrn import esrn
from lenszoo.pretrained.loading import build_model

SIZES = ((16, 16), (13, 9), (1, 1))


class Srcnn(nn.Module):
    def __init__(self, bands, scale):
        super().__init__()
        self.scale = scale
        self.extract = nn.Conv2d(bands, 64, 9, padding=4)
        self.map = nn.Conv2d(64, 32, 1)
        self.output = nn.Conv2d(32, bands, 5, padding=2)

    def forward(self, x):
        # without antialias PyTorch takes another cubic (a = -3/4); enlarging, nothing else differs
        x = functional.interpolate(x, scale_factor=self.scale, mode="bicubic", antialias=True)
        return self.output(torch.relu(self.map(torch.relu(self.extract(x)))))


class ResidualBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.act = nn.PReLU(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


class Srresnet(nn.Module):
    def __init__(self, bands, blocks, scale):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(bands, 64, 9, padding=4), nn.PReLU(64))
        self.body = nn.Sequential(
            *(ResidualBlock() for _ in range(blocks)),
            nn.Conv2d(64, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
        )
        steps = []
        for _ in range(scale // 2):
            steps += [nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(64)]
        self.tail = nn.Sequential(*steps, nn.Conv2d(64, bands, 9, padding=4))

    def forward(self, x):
        first = self.first(x)
        return self.tail(first + self.body(first))


class DenseBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(64 + 32 * i, 32 if i < 4 else 64, 3, padding=1) for i in range(5)
        )

    def forward(self, x):
        seen = x
        for conv in self.convs[:4]:
            seen = torch.cat([seen, functional.leaky_relu(conv(seen), 0.2)], 1)
        return x + 0.2 * self.convs[4](seen)


class Rrdb(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(DenseBlock(), DenseBlock(), DenseBlock())

    def forward(self, x):
        return x + 0.2 * self.blocks(x)


class RrdbNet(nn.Module):
    """ESRGAN's, which enlarges by repeating pixels."""

    def __init__(self, bands, blocks, scale):
        super().__init__()
        self.first = nn.Conv2d(bands, 64, 3, padding=1)
        self.body = nn.Sequential(*(Rrdb() for _ in range(blocks)))
        self.trunk = nn.Conv2d(64, 64, 3, padding=1)
        self.ups = nn.ModuleList(nn.Conv2d(64, 64, 3, padding=1) for _ in range(scale // 2))
        self.fine = nn.Conv2d(64, 64, 3, padding=1)
        self.last = nn.Conv2d(64, bands, 3, padding=1)

    def forward(self, x):
        x = self.first(x)
        x = x + self.trunk(self.body(x))
        for conv in self.ups:
            x = functional.leaky_relu(conv(functional.interpolate(x, scale_factor=2)), 0.2)
        return self.last(functional.leaky_relu(self.fine(x), 0.2))


class Discriminator(nn.Module):
    def __init__(self, bands, width):
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.convs = nn.ModuleList()
        for i in range(8):
            channels = width * 2 ** (i // 2)
            self.convs.append(norm(nn.Conv2d(bands, channels, 3, 1 + i % 2, padding=1)))
            bands = channels
        self.last = norm(nn.Conv2d(bands, 1, 1))

    def forward(self, x):
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), 0.2)
        return self.last(x).mean(dim=(2, 3))


def move(model):
    """Let nothing be trivial: biases, slopes, statistics; a gain of 1 keeps the answer in range."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.2)
            nn.init.normal_(module.bias, std=0.1) if module.bias is not None else None
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.0, 0.5)
    return model.eval()


def copy(theirs, ours):
    """Copy weights in the order of the networks; both lists must end together."""
    layers = [x for x in ours.layers if x.weights]
    kinds = nn.Conv2d | nn.BatchNorm2d | nn.PReLU
    modules = [m for m in theirs.modules() if isinstance(m, kinds)]
    for layer, module in zip(layers, modules, strict=True):
        weights = [
            x.detach().numpy()
            for x in (module.weight, getattr(module, "bias", None))
            if x is not None
        ]
        if isinstance(module, nn.PReLU):
            weights = [weights[0].reshape(1, 1, -1)]
        elif isinstance(module, nn.BatchNorm2d):
            weights += [module.running_mean.numpy(), module.running_var.numpy()]
        else:
            if hasattr(module, "parametrizations"):
                (norm,) = module.parametrizations.weight
                weights[0] = module.parametrizations.weight.original.detach().numpy()
                weights.append(norm._u.numpy())
            weights[0] = weights[0].transpose(2, 3, 1, 0)
            if re.fullmatch(r"up\d_conv", layer.name) and layer.filters == 256:
                weights = [shuffled(w) for w in weights]
        layer.set_weights(weights)


def shuffled(weight):
    """PyTorch's PixelShuffle counts the place in the block fastest, ours the channel."""
    return np.swapaxes(weight.reshape(*weight.shape[:-1], -1, 4), -1, -2).reshape(weight.shape)


def compare(agreement, name, theirs, ours, sizes=SIZES, brightness=1.0):
    """Check how far the answers to images of several sizes are apart."""
    bands = ours.input_shape[-1]
    count = sum(int(np.prod(w.shape)) for w in ours.trainable_weights)
    assert count == sum(p.numel() for p in theirs.parameters())
    for size in sizes:
        images = np.random.default_rng(1).random((2, *size, bands), dtype=np.float32) * brightness
        images[1] *= 0.5
        with torch.no_grad():
            expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
        if expected.ndim == 4:
            expected = expected.transpose(0, 2, 3, 1)
        answers = keras.ops.convert_to_numpy(ours(images, training=False))
        agreement.check(name, "native PyTorch", images, answers, expected, parameters=count)


@pytest.mark.parametrize("scale", [2, 4])
def test_srcnn(agreement, scale):
    theirs = move(Srcnn(1, scale))
    ours = build_model("srcnn", scale=scale)
    copy(theirs, ours)
    compare(agreement, f"srcnn x{scale}", theirs, ours)


@pytest.mark.parametrize(("row", "scale", "bands"), [("srresnet_1", 2, 1), ("srresnet_3", 4, 3)])
def test_srresnet(agreement, row, scale, bands):
    theirs = move(Srresnet(bands, int(row[-1]), scale))
    ours = build_model(row, scale=scale, input_shape=(None, None, bands))
    copy(theirs, ours)
    compare(agreement, f"{row} x{scale}", theirs, ours)


@pytest.mark.parametrize(("blocks", "scale", "bands"), [(1, 2, 1), (4, 4, 3)])
def test_esrn(agreement, blocks, scale, bands):
    theirs = move(RrdbNet(bands, blocks, scale))
    ours = esrn((None, None, bands), scale=scale, blocks=blocks, upsampling="resize")
    copy(theirs, ours)
    compare(agreement, f"esrn_{blocks} x{scale}", theirs, ours)


def test_discriminator(agreement):
    theirs = move(Discriminator(1, 16))
    with torch.no_grad():
        for _ in range(200):  # until their power iteration stands still
            theirs.train()(torch.zeros(1, 1, 3, 3))
    ours = build_model("srgan", discriminator_width=16).discriminator
    copy(theirs.eval(), ours)
    # at odd sizes, where "same" pads both sides alike; bright, since its gain is below 1 by design
    compare(agreement, "discriminator", theirs, ours, sizes=((33, 17), (17, 33)), brightness=1e4)
