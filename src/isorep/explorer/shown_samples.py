"""Shown samples: the images, texts or tokens that the samples of an explanation are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.explorer.packing import short
from isorep.explorer.page import as_text
from isorep.explorer.thumbnails import thumbnail

IMAGE_SIZES = (96, 64, 48, 32, 24, 16)
"""Sizes of thumbnails in pixels; the largest with which all thumbnails fit is taken."""

TEXT_LENGTHS = (2000, 500, 200, 80)
"""Lengths of texts in characters, and of lists in tokens; taken like the sizes of thumbnails."""

TOKEN_LENGTH = 60
"""Characters of a token that the page keeps."""

_EXPECTED = (
    "expected images as an array (n, height, width) or (n, height, width, 3), a list of n texts, "
    "or a list of n lists of tokens"
)


@dataclass(frozen=True)
class ShownSamples:
    """What the samples are, one item for each sample.

    Attributes
    ----------
    kind : "images", "texts" or "tokens"
    items : array or list
        Images (n, height, width[, 3]), n texts or n lists of tokens.
    """

    kind: Literal["images", "texts", "tokens"]
    items: Any

    @classmethod
    def from_any(cls, samples: Any) -> ShownSamples:
        """Read the samples that `isorep.report` takes.

        Raises
        ------
        TypeError
            If they are neither images nor texts nor tokens.
        ValueError
            If images have another shape or dtype, or values outside 0 to 1.

        Examples
        --------
        >>> ShownSamples.from_any([["a", "cat"], ["a", "dog"]]).kind
        'tokens'
        """
        is_listed = hasattr(samples, "__len__") and hasattr(samples, "__getitem__")
        if isinstance(samples, str | bytes | Mapping) or not is_listed:
            raise TypeError(f"samples: {_EXPECTED}, got {type(samples).__name__}")
        if getattr(samples, "ndim", 1) > 1 or _are_arrays(samples):
            images = _stacked(samples)
            _check_images(images)
            return cls("images", images)
        items = [
            item if isinstance(item, str) else _tokens(i, item) for i, item in enumerate(samples)
        ]
        kinds = [isinstance(item, str) for item in items]
        if all(kinds):
            return cls("texts", items)
        if any(kinds):
            i = kinds.index(not kinds[0])
            raise TypeError(
                f"samples: {_EXPECTED}; item 0 is {_kind_name(kinds[0])} and item {i} is "
                f"{_kind_name(kinds[i])}: pass all in one form"
            )
        return cls("tokens", items)

    def __len__(self) -> int:
        return len(self.items)

    def view(self, numbers: Sequence[int], room: float) -> dict[str, Any]:
        """Return the samples of these numbers as JSON of at most `room` bytes.

        Images become smaller and texts shorter until all fit. If they do not fit at the smallest
        size, the first ones are kept.

        Parameters
        ----------
        numbers : sequence of int
            Samples that the page shows, most important first.
        room : float
            Size limit of the JSON, in bytes.
        """
        sizes = IMAGE_SIZES if self.kind == "images" else TEXT_LENGTHS
        for size in sizes:
            items = {str(number): self._item(number, size) for number in numbers}
            if len(as_text(items)) <= room:
                break
        else:
            items = _fitting(items, room)
        view = {"kind": self.kind, "items": items, "left_out": len(numbers) - len(items)}
        if self.kind == "images":
            longest = max(self.items.shape[1:3])
            view["is_whole"] = bool(longest <= size)  # each pixel of the image is shown
        return view

    def _item(self, number: int, size: int) -> Any:
        item = self.items[number]
        if self.kind == "images":
            return thumbnail(item, size)
        if self.kind == "texts":
            return short(item, size)
        return [short(token, TOKEN_LENGTH) for token in item[:size]]


def _fitting(items: dict[str, Any], room: float) -> dict[str, Any]:
    """Return the first items that fit."""
    room -= 2
    for n, (number, item) in enumerate(items.items()):
        room -= len(as_text({number: item})) - 1  # a comma in place of two braces
        if room < 0:
            return dict(islice(items.items(), n))
    return items


def _are_arrays(samples: Sequence[Any]) -> bool:
    return len(samples) > 0 and all(getattr(item, "ndim", 0) > 1 for item in samples)


def _stacked(samples: Any) -> np.ndarray[Any, Any]:
    """Return images as one array.

    Raises
    ------
    ValueError
        If they have several sizes.
    """
    if hasattr(samples, "ndim"):
        return np.asarray(to_numpy(samples))
    images = [np.asarray(to_numpy(image)) for image in samples]
    for i, image in enumerate(images):
        if image.shape != images[0].shape:
            raise ValueError(
                f"samples: expected images of one size, got {images[0].shape} for item 0 and "
                f"{image.shape} for item {i}: resize them"
            )
    return np.stack(images)


def _check_images(images: np.ndarray[Any, Any]) -> None:
    shape = images.shape
    if images.ndim == 4 and shape[3] != 3:
        raise ValueError(
            f"samples: {_EXPECTED}, got an array of shape {shape}{_channel_hint(shape)}"
        )
    if images.ndim not in (3, 4):
        raise ValueError(
            f"samples: {_EXPECTED}, got an array of shape {shape}; bring flat images into shape "
            "with samples.reshape(n, height, width)"
        )
    if 0 in shape[1:]:
        raise ValueError(f"samples: the images have no pixels, their shape is {shape[1:]}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(
            f"samples: expected images in uint8 or floating point, got {images.dtype}; convert "
            "them, for example with samples.astype('uint8') for values from 0 to 255"
        )
    if images.dtype.kind == "f" and images.size:
        least, greatest = float(images.min()), float(images.max())
        if not (least >= 0 and greatest <= 1):  # also of NaN
            raise ValueError(
                "samples: expected floating-point images with values from 0 to 1, got "
                f"{least:.4g} to {greatest:.4g}; rescale them, for example with "
                "(samples - samples.min()) / (samples.max() - samples.min())"
            )


def _channel_hint(shape: tuple[int, ...]) -> str:
    """Return how to bring the channels of images into place, if there is a plain way."""
    if shape[1] == 1:
        return "; pass samples[:, 0]"
    if shape[3] == 1:
        return "; pass samples[..., 0]"
    return "; pass samples.transpose(0, 2, 3, 1)" if shape[1] == 3 else ""


def _tokens(i: int, item: Any) -> list[str]:
    """Return item i as a list of tokens."""
    tokens = list(item) if isinstance(item, list | tuple | np.ndarray) else None
    if tokens is None or not all(isinstance(token, str) for token in tokens):
        kind = type(item).__name__
        if tokens:
            kind = f"{kind} of {type(tokens[0]).__name__}"
        raise TypeError(
            f"samples: {_EXPECTED}, but item {i} is {kind}; turn token ids into texts, for example "
            "with tokenizer.convert_ids_to_tokens(ids)"
        )
    return tokens


def _kind_name(is_text: bool) -> str:
    return "a text" if is_text else "a list of tokens"
