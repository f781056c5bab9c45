"""Function passes: call a function on each batch, and check what it returns."""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

import numpy as np

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.progress import track
from isorep.activations.activation_batch import ActivationBatch
from isorep.activations.function_batch import FunctionBatch, function_batches
from isorep.activations.function_rows import FunctionRows, LayerRows
from isorep.activations.input_names import HAVE_SAMPLES
from isorep.activations.options import CaptureOptions, check_for_function
from isorep.activations.random_model import RandomModelWarning
from isorep.activations.sample_ids import (
    NO_SAMPLES,
    NoSamplesError,
    checked_ids,
    identified,
    warn_of_other_rows,
    warn_of_repeats,
)

_SAME = 0.01
"""Difference of two calls, relative to the largest value, up to which they agree."""


class FunctionPasses:
    """A function and its data, from which the activations of each batch come.

    Parameters
    ----------
    function
        Function of a batch that returns ``{layer: array}``.
    data
        Samples; see `isorep.capture`.
    options
        All options of `isorep.capture`.

    Raises
    ------
    ValueError, TypeError
        An option is unknown or does not apply to functions.
    """

    def __init__(
        self, function: Callable[[Any], Mapping[str, Any]], data: Any, options: CaptureOptions
    ) -> None:
        check_for_function(options)
        self._function = function
        self._rows = FunctionRows(
            options["layers"],
            options["reduce"],
            options["mask"],
            options["channels"],
            options["dtype"],
        )
        self._probe = options["probe"]
        ids = options["sample_ids"]
        self._ids = (
            None
            if ids is None
            else checked_ids(ids, shuffled=_shuffles(data))[: options["max_samples"]]
        )
        batches = function_batches(data, options["max_samples"], options["tokenizer"])
        total = operator.length_hint(batches) or operator.length_hint(data) or None
        self._batches = track(batches, "capture", total, options["progress"], unit="batches")
        self._first: tuple[FunctionBatch, dict[str, LayerRows]] | None = None

    def fingerprint(self) -> dict[str, Any]:
        """Return what the capture depends on besides its data, as JSON.

        A function shows neither its code nor its weights, so it enters with its name and what it
        returns for the first batch.
        """
        _, rows = self._run_first()
        return {
            "function": getattr(self._function, "__qualname__", type(self._function).__name__),
            **self._rows.fingerprint(),
            "first batch": {
                name: [float(np.mean(np.abs(x.values.astype(np.float64)))), x.values.shape[1]]
                for name, x in rows.items()
            },
        }

    def _run_first(self) -> tuple[FunctionBatch, dict[str, LayerRows]]:
        """Run the first batch, once, and again if its outputs are to be probed."""
        if self._first is None:
            batch = next(self._batches, None)
            if batch is None:
                raise NoSamplesError(NO_SAMPLES)
            if (others := batch.others) and not any(name in HAVE_SAMPLES for name in batch.inputs):
                warn_of_other_rows(next(iter(others)), batch.n)
            rows = self._run(batch, 0)
            if self._probe:
                _check_same(rows, self._run(batch, 0))
            self._first = batch, rows
        return self._first

    def run(self, captured: Sequence[str]) -> Generator[ActivationBatch, None, None]:
        """Yield the activations of all samples but the `captured` ones, which must come first."""
        first_batch, first_rows = self._run_first()
        n, distinct = len(captured), set(map(hash, captured))
        with closing(self._batches):
            batches = chain([first_batch], self._batches)
            for samples in identified(batches, self._ids, captured):
                is_first = samples.batch is first_batch
                rows = first_rows if is_first else self._run(samples.batch, samples.index)
                n += len(samples.ids)
                distinct.update(map(hash, samples.ids))
                yield ActivationBatch(
                    arrays=({name: x.values for name, x in rows.items()},),
                    sample_ids=samples.ids,
                    labels=samples.batch.labels,
                    dtypes=({name: x.dtype for name, x in rows.items()},),
                    reductions=({name: x.reduction for name, x in rows.items()},),
                    row_positions=(
                        {name: x.positions for name, x in rows.items() if x.positions is not None},
                    ),
                )
        warn_of_repeats(n, len(distinct))

    def _run(self, batch: FunctionBatch, index: int) -> dict[str, LayerRows]:
        """Return the rows of each selected layer on a batch."""
        return self._rows.from_outputs(self._function(batch.item), batch, f"batch {index}")


def _check_same(rows: Mapping[str, LayerRows], again: Mapping[str, LayerRows]) -> None:
    """Warn if a function returned other values when it was called again with the same batch."""
    for name, x in rows.items():
        first, second = (y.values.astype(np.float64) for y in (x, again[name]))
        size = np.abs(first[np.isfinite(first)]).max(initial=0.0)
        if not np.allclose(first, second, rtol=0, atol=_SAME * size, equal_nan=True):
            text = (
                f"the function is not the same twice on the same samples, first in layer {name!r}. "
                "Two captures of it differ; switch off dropout and what else is random, and pass "
                "keys of random numbers that do not change"
            )
            warnings.warn(text, RandomModelWarning, stacklevel=stacklevel_of_caller())
            return


def _shuffles(data: Any) -> bool:
    """Return whether data are a loader of PyTorch that draws samples at random."""
    if "torch" not in sys.modules:
        return False
    from isorep.activations.batches import shuffles

    return shuffles(data)
