"""Samples as thumbnails and texts, and what is refused."""

import struct
import zlib
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
import torch

from isorep.explorer.page import as_text
from isorep.explorer.shown_samples import ShownSamples
from isorep.explorer.thumbnails import thumbnail


def pixels_of(uri):
    """Decode a PNG without filters, as thumbnails are."""
    data = b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
        assert checksum == zlib.crc32(kind + content)
        chunks[kind] = content
        place += 12 + length
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8
    channels = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape((height, width, channels)).squeeze()


class TestThumbnails:
    def test_small_images_keep_their_pixels(self):
        image = np.random.default_rng(0).integers(0, 256, (8, 5, 3), dtype=np.uint8)
        np.testing.assert_array_equal(pixels_of(thumbnail(image, 64)), image)
        grey = image[..., 0]
        np.testing.assert_array_equal(pixels_of(thumbnail(grey / 255, 64)), grey)

    @pytest.mark.parametrize("shape", [(100, 60), (7, 100), (1, 1000), (64, 64, 3)])
    def test_larger_images_are_averaged(self, shape):
        image = np.random.default_rng(0).random(shape).astype(np.float32)
        small = pixels_of(thumbnail(image, 10)).astype(float)
        assert max(small.shape[:2]) == 10
        assert small.mean() == pytest.approx(255 * image.mean(), rel=0.05)
        if shape == (100, 60):
            expected = image.reshape(10, 10, 6, 10).mean(axis=(1, 3))
            np.testing.assert_allclose(small, 255 * expected, atol=0.51)


class TestKinds:
    def test_texts_become_shorter_until_all_fit(self):
        samples = ShownSamples.from_any(["x" * 9000] * 50)
        roomy, tight, tightest = (samples.view(range(50), room) for room in (1e6, 20_000, 1000))
        assert {len(text) for text in roomy["items"].values()} == {2000}
        assert {len(text) for text in tight["items"].values()} == {200}
        assert 0 < len(tightest["items"]) < 50
        assert tightest["left_out"] == 50 - len(tightest["items"])
        assert next(iter(tightest["items"])) == "0"
        assert len(as_text(tightest["items"])) <= 1000

    def test_images_become_smaller_until_all_fit(self):
        images = np.random.default_rng(0).integers(0, 256, (6, 200, 200, 3), dtype=np.uint8)
        samples = ShownSamples.from_any(images)
        view = samples.view(range(6), 30_000)
        assert pixels_of(view["items"]["5"]).shape == (32, 32, 3)
        assert not view["is_whole"]
        assert ShownSamples.from_any(images[:, :8, :8, 0] / 255).view([0], 1e5)["is_whole"]

    def test_forms_of_samples(self):
        for samples, kind in (
            (["a", "b"], "texts"),
            (np.array(["a", "b"]), "texts"),
            (pd.Series(["a", "b"], index=[5, 9]), "texts"),
            ((("a", "b"), ["c"]), "tokens"),
            ([np.zeros((4, 4)), np.ones((4, 4))], "images"),
            (torch.zeros((2, 4, 4)), "images"),
        ):
            shown = ShownSamples.from_any(samples)
            assert (shown.kind, len(shown)) == (kind, 2)
            assert len(shown.view([1], 1e5)["items"]) == 1

    @pytest.mark.parametrize(
        ("samples", "error", "text"),
        [
            ("one text", TypeError, "got str"),
            (3, TypeError, "got int"),
            ({"a": "text"}, TypeError, "got dict"),
            ({"text"}, TypeError, "got set"),
            (["a", ["b"]], TypeError, "item 0 is a text and item 1 is a list of tokens"),
            ([[1, 2]], TypeError, r"item 0 is list of int; turn token ids into texts"),
            ([None], TypeError, "item 0 is NoneType"),
            ([np.zeros((8, 8)), np.zeros((8, 9))], ValueError, r"\(8, 9\) for item 1: resize"),
            (np.zeros((5, 64)), ValueError, r"got an array of shape \(5, 64\); bring flat images"),
            (np.zeros((5, 3, 8, 8)), ValueError, r"pass samples.transpose\(0, 2, 3, 1\)"),
            (np.zeros((5, 1, 8, 8)), ValueError, r"pass samples\[:, 0\]"),
            (np.zeros((5, 8, 8, 1)), ValueError, r"pass samples\[..., 0\]"),
            (np.zeros((5, 8, 8, 4)), ValueError, r"shape \(5, 8, 8, 4\)$"),
            (np.zeros((5, 0, 8)), ValueError, r"no pixels, their shape is \(0, 8\)"),
            (np.zeros((5, 8, 8), int), ValueError, "uint8 or floating point, got int64"),
            (np.full((5, 8, 8), 2.5), ValueError, "from 0 to 1, got 2.5 to 2.5; rescale"),
            (np.full((5, 8, 8), np.nan), ValueError, "from 0 to 1, got nan to nan"),
        ],
        ids=str,
    )
    def test_what_is_refused(self, samples, error, text):
        with pytest.raises(error, match=text):
            ShownSamples.from_any(samples)
