"""Model passes: a PyTorch model and its data, from which the activations of each batch come."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from torch import nn

from isorep.activations.activation_batch import ActivationBatch
from isorep.activations.fingerprint import fingerprint
from isorep.activations.options import CaptureOptions
from isorep.activations.recorder import eager, kept_dtype
from isorep.activations.stream import stream


class ModelPasses:
    """A model that `isorep.capture` runs; `options` has all options."""

    def __init__(self, model: nn.Module, data: Any, options: CaptureOptions) -> None:
        self._model, self._data, self._options = model, data, options

    def fingerprint(self) -> dict[str, Any]:
        """Return what the capture depends on besides its data, as JSON."""
        options = self._options
        return fingerprint(
            eager(self._model),
            options["layers"],
            options["reduce"],
            options["mask"],
            options["heads"],
            options["skip"],
            options["channels"],
            kept_dtype(options["dtype"]),
        )

    def run(self, captured: Sequence[str]) -> Generator[ActivationBatch, None, None]:
        """Return the activations of all samples but the `captured` ones, which must come first."""
        return stream([self._model], self._data, captured=captured, **self._options)
