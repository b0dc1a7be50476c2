"""PNG and JPEG files: depths, colours, damage and bombs."""

import struct
import zlib

import numpy as np
import pytest
from oneline import one_line
from PIL import Image

from lenszoo.data import read_image

RNG = np.random.default_rng(7)


def _one_line(path, message: str) -> str:
    return one_line(message, lambda: read_image(path))


def test_8_and_16_bit_grey_png_are_scaled_by_their_depth(tmp_path):
    eight = RNG.integers(0, 256, (9, 7), np.uint8)
    sixteen = RNG.integers(0, 65536, (9, 7), np.uint16)
    Image.fromarray(eight).save(tmp_path / "8.png")
    Image.fromarray(sixteen).save(tmp_path / "16.png")
    image = read_image(tmp_path / "8.png")
    assert image.shape == (9, 7, 1)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[..., 0], eight / 255, atol=1e-7)
    np.testing.assert_allclose(read_image(tmp_path / "16.png")[..., 0], sixteen / 65535, atol=1e-7)


def test_16_bit_grey_with_alpha_is_refused(tmp_path):
    path = tmp_path / "deep.png"

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 9, 16, 4, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(9 * (1 + 7 * 4))))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b""))
    assert "deep.png: 16-bit grey with alpha" in _one_line(path, "save it without alpha")


@pytest.mark.parametrize("name", ["turned.png", "turned.jpg"])
def test_the_orientation_of_a_camera_is_followed(tmp_path, name):
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the top comes to the right
    Image.fromarray(pixels).save(tmp_path / name, exif=exif)
    image = read_image(tmp_path / name)
    assert image.shape == (32, 16, 1)
    assert image[:, 8:].min() > 0.9 and image[:, :8].max() < 0.1


def test_colour_alpha_palette_and_one_bit_png(tmp_path):
    colour = RNG.integers(0, 256, (9, 7, 4), np.uint8)
    Image.fromarray(colour[..., :3]).save(tmp_path / "rgb.png")
    Image.fromarray(colour).save(tmp_path / "rgba.png")
    Image.fromarray(colour[..., :2], "LA").save(tmp_path / "la.png")
    Image.fromarray(colour[..., :3]).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(colour[..., 0] > 127).save(tmp_path / "bit.png")
    rgb = read_image(tmp_path / "rgb.png")
    np.testing.assert_allclose(rgb, colour[..., :3] / 255, atol=1e-7)
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "la.png"), rgb[..., :1])
    assert read_image(tmp_path / "palette.png").shape == (9, 7, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png")[..., 0], colour[..., 0] > 127)


def test_jpeg(tmp_path):
    ramp = np.tile(np.arange(0, 160, 10, np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "a.JPG", quality=95)
    image = read_image(tmp_path / "a.JPG")
    assert image.shape == (16, 16, 1)
    np.testing.assert_allclose(image[..., 0], ramp / 255, atol=0.02)


def test_damaged_images(tmp_path):
    (tmp_path / "text.png").write_text("this is no picture")
    _one_line(tmp_path / "text.png", "not a PNG or JPEG")
    Image.fromarray(RNG.integers(0, 256, (64, 64), np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    _one_line(tmp_path / "half.png", "damaged")
    (tmp_path / "empty.png").write_bytes(b"")
    _one_line(tmp_path / "empty.png", "not a PNG or JPEG")


@pytest.mark.parametrize("side", [11000, 60000])  # Pillow warns of the first, refuses the second
def test_decompression_bomb_is_refused(tmp_path, side, recwarn):
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    (tmp_path / "bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
    _one_line(tmp_path / "bomb.png", "decompression bomb")
    assert not recwarn.list


def test_a_flipped_byte_is_told_by_the_checksum(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RNG.integers(0, 256, (64, 64), np.uint8)).save(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    _one_line(path, "damaged image")


def test_a_palette_must_be_there(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RNG.integers(0, 256, (8, 8, 3), np.uint8)).quantize(8).save(path)
    whole = path.read_bytes()
    at = whole.index(b"PLTE") - 4
    size = int.from_bytes(whole[at : at + 4], "big") + 12
    path.write_bytes(whole[:at] + whole[at + size :])
    _one_line(path, "no palette")
