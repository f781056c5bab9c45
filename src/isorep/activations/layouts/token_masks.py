"""Token masks: which padding mask belongs to the positions of a layer's output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isorep.activations.input_names import DECODER_MASK, MASK
from isorep.activations.layouts.axes import Axes, Origin, length
from isorep.activations.layouts.axis_tracker import AxisTracker
from isorep.activations.layouts.layout import positions_of

_TOKENS = {
    MASK: ("input_ids", "inputs_embeds", "input_values", "input_features"),
    DECODER_MASK: ("decoder_input_ids", "decoder_inputs_embeds"),
}
"""Inputs that hold the tokens of a mask, by Hugging Face's names, the likeliest first."""

_FRAMES = "_get_feature_vector_attention_mask"
"""Method of Hugging Face's speech models: the mask of frames, by that of the sound's samples."""


class TokenMasks:
    """The origins of the positions that each mask is about.

    Parameters
    ----------
    model
        Model that runs.
    inputs
        Its inputs, by name.
    masks
        Masks (n, T) among them, by name, without any that are not there.
    tracker
        Tracker that knows the inputs.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Mapping[str, Any],
        masks: Mapping[str, Tensor],
        tracker: AxisTracker,
    ) -> None:
        self._model = model
        self._masks = masks
        self._origins: dict[str, Origin] = {}
        self._tokens: dict[str, tuple[Origin, int]] = {}
        tensors = {k: x for k, x in inputs.items() if isinstance(x, Tensor) and k not in masks}
        for name, mask in masks.items():
            origins = [
                origin
                for key in _owners(name, mask, tensors)
                for origin in _token_origins(tensors[key], mask.shape[1], tracker)
            ]
            own = inputs.get(name)
            if isinstance(own, Tensor):
                origins += _token_origins(own, mask.shape[1], tracker)
            if not origins:
                continue
            for other in origins[1:]:
                origins[0].unite(other)
            self._origins[name] = origins[0]
        self._known = [
            part.origin for x in tensors.values() for axis in tracker.axes(x) or () for part in axis
        ]
        for name in _token_ids(tensors):
            axes = tracker.axes(tensors[name])
            if axes is not None and axes[1]:
                self._tokens[name] = axes[1][0].origin, tensors[name].shape[1]
        # Without another kind of position, the length of an output is enough.
        self._only_tokens = all(
            x.ndim < 2 or any(x.shape[:2] == mask.shape for mask in masks.values())
            for x in tensors.values()
        )

    def of(
        self, axes: Axes | None, features: Sequence[int], shape: Sequence[int]
    ) -> tuple[str | None, bool]:
        """Return the name of the mask of an output, and whether padding may be in it unmasked.

        Parameters
        ----------
        axes
            Axes of the output, with samples first, if they are known.
        features
            Which of them are features.
        shape
            Shape with samples first.
        """
        if axes is None:
            return self._by_length(features, shape)
        positions = positions_of(axes, features)
        if len(positions) != 1:
            return None, False  # no positions, or a grid of them
        for name, origin in self._origins.items():
            n_tokens = self._masks[name].shape[1]
            if not any(part.origin.descends_from(origin) for part in positions[0]):
                continue
            if any(part.origin.descends_from(origin, in_order=True) for part in positions[0]) and (
                length(positions[0]) == n_tokens
                or self.frames(name, length(positions[0])) is not None
            ):
                return name, False
            return None, True
        # As many positions as tokens, whose origin was lost, as in a loop over time steps.
        is_lost = not any(
            part.origin.descends_from(x) for x in self._known for part in positions[0]
        )
        n_positions = length(positions[0])
        return None, is_lost and any(x.shape[1] == n_positions for x in self._masks.values())

    def tokens(self, axes: Axes | None, features: Sequence[int]) -> str | None:
        """Return the name of the input whose tokens the positions of an output are."""
        positions = [] if axes is None else positions_of(axes, features)
        if len(positions) != 1:
            return None
        for name, (origin, n_tokens) in self._tokens.items():
            if length(positions[0]) == n_tokens and any(
                part.origin.descends_from(origin, in_order=True) for part in positions[0]
            ):
                return name
        return None

    def _by_length(self, features: Sequence[int], shape: Sequence[int]) -> tuple[str | None, bool]:
        positions = [size for k, size in enumerate(shape) if k and k not in features]
        if len(positions) == 1 and self._only_tokens:
            for name, mask in self._masks.items():
                if mask.shape[1] == positions[0]:
                    return name, False
        return None, False

    def frames(self, name: str, n_frames: int) -> Tensor | None:
        """Return the mask of the frames that a speech model made of the masked samples."""
        return mask_of_frames(self._model, self._masks[name], n_frames)


def mask_of_frames(model: nn.Module, mask: Tensor, n_frames: int) -> Tensor | None:
    """Return the mask (n, n_frames) of frames, by the model's own function; None without one."""
    for module in model.modules():
        function = getattr(module, _FRAMES, None)
        if function is None:
            continue
        try:
            frames, all_frames = (
                function(n_frames, x.long()).bool() for x in (mask, torch.ones_like(mask))
            )
        except Exception:  # a function of other arguments: the layer is captured with a warning
            return None
        # Without padding every frame counts; else the frames are those of an earlier convolution.
        if tuple(frames.shape) == (len(mask), n_frames) and all_frames.all():
            return frames if frames.any(1).all() else None
    return None


def _token_ids(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the inputs that are token ids (n, T), by their names or for want of any other."""
    integers = [
        key
        for key, x in tensors.items()
        if x.ndim == 2 and not x.is_floating_point() and x.dtype != torch.bool
    ]
    named = [key for key in integers if any(key in names for names in _TOKENS.values())]
    return named or (integers if len(integers) == 1 else [])


def _owners(name: str, mask: Tensor, tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the inputs whose positions a mask is about."""
    fitting = [key for key, x in tensors.items() if mask.shape[1] in x.shape[1:]]
    for key in _TOKENS.get(name, ()):
        if key in fitting:
            return [key]
    of_others = {key for other, keys in _TOKENS.items() if other != name for key in keys}
    fitting = [
        key for key in fitting if tensors[key].shape[:2] == mask.shape and key not in of_others
    ]
    ids = [key for key in fitting if not tensors[key].is_floating_point()]
    return ids or fitting


def _token_origins(x: Tensor, n_tokens: int, tracker: AxisTracker) -> list[Origin]:
    axes = tracker.axes(x) or ()
    fitting = [axis for axis in axes[1:] if length(axis) == n_tokens and axis]
    return [fitting[0][0].origin] if fitting else []
