"""Side capture: the layers of both sides of a diff, one after the other, and what capture says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from isorep._utils.layer_patterns import matching, unmatched
from isorep._utils.validation import unknown_name
from isorep.comparison.diffing.layer_matching import LayerMap, changed_patterns
from isorep.comparison.diffing.needed_samples import n_samples_of, warn_of_few_samples
from isorep.comparison.provenance import describe_model
from isorep.comparison.sides import activations, is_file, is_model
from isorep.representations.representations import Representations
from isorep.storage import array_names

if TYPE_CHECKING:
    from isorep.activations.options import ModelOptions

_PROBE = 4
"""Number of samples whose activations show the widths of a model's layers."""


class CapturedSide(NamedTuple):
    """The layers of one side.

    Attributes
    ----------
    layers : Representations
        Activations, in the order in which the layers ran.
    random_from : str or None
        First layer that has other values when the same samples run again; "" if its name is
        unknown, None if the model is the same twice.
    names : sequence of str
        Names of all layers that could be selected: modules of a model, arrays of a file.
    model : dict
        What identifies a model; see `isorep.comparison.provenance.describe_model`.
    options : dict
        Options of the capture.
    """

    layers: Representations
    random_from: str | None
    names: Sequence[str]
    model: Mapping[str, str]
    options: ModelOptions

    def random_layers(self) -> list[str]:
        """Return the layers whose values may differ between two runs."""
        names = list(self.layers)
        if self.random_from is None:
            return []
        return names[names.index(self.random_from) :] if self.random_from in names else names


class LayerSelection(NamedTuple):
    """Globs for the layers of base and of changed."""

    base: list[str]
    changed: list[str]

    @property
    def per_side(self) -> bool:
        """Whether each side has globs of its own."""
        return self.base != self.changed


@dataclass(frozen=True)
class SideCapture:
    """How to capture both sides of a diff; see `isorep.diff`.

    Attributes
    ----------
    selection : LayerSelection
        Globs for the layers of both sides.
    layer_map : mapping, "order" or None
        See `match_layers`.
    options : dict
        How to capture models.
    needs_samples : bool
        Whether the measure is corrected, so that samples may be too few.
    """

    data: Any
    selection: LayerSelection
    layer_map: LayerMap | None
    options: ModelOptions
    needs_samples: bool
    progress: bool

    def base(self, side: Any) -> CapturedSide:
        """Return the layers of base; warn at once if the samples are too few for their widths."""
        n = n_samples_of(self.data, self.options.get("max_samples")) if is_model(side) else None
        if n is not None and self.needs_samples:
            self._warn_by_widths(side, n)
        captured = self._capture(side, "base", self.selection.base)
        if n is None and self.needs_samples and is_model(side):
            warn_of_few_samples(captured.layers, captured.layers.n_samples)
        return captured

    def changed(self, side: Any, base: CapturedSide) -> CapturedSide:
        """Return the layers of changed, among them those that match the layers of base."""
        patterns: Sequence[str] = self.selection.changed
        if is_model(side) and not self.selection.per_side:
            selected = matching(self.selection.base, base.layers)
            patterns = changed_patterns(patterns, selected, _module_names(side), self.layer_map)
        return self._capture(side, "changed", patterns)

    def _capture(self, side: Any, name: str, patterns: Sequence[str]) -> CapturedSide:
        names: Sequence[str] = ()
        if is_model(side):
            names = _module_names(side)
        elif is_file(side) and list(patterns) != ["*"]:
            names = array_names(side)
        if names:
            present = [pattern for pattern in patterns if not unmatched([pattern], names)]
            if is_model(side) and not present:
                raise ValueError(unknown_name(f"layer of {name}", patterns[0], names))
            patterns = present or ["*"]  # layers that one side lacks are reported later
        with _recorded_warnings() as caught:
            layers = activations(
                side, name, self.data, layers=patterns, progress=self.progress, **self.options
            )
        random = [text for category, text in caught if category == "RandomModelWarning"]
        return CapturedSide(
            layers,
            _layer_in(random[0]) if random else None,
            names or list(layers),
            describe_model(side) if is_model(side) else {},
            self.options,
        )

    def _warn_by_widths(self, side: Any, n: int) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                options: ModelOptions = {**self.options, "max_samples": min(n, _PROBE)}
                probe = replace(self, options=options, progress=False)
                layers = probe._capture(side, "base", self.selection.base).layers
        except (TypeError, ValueError):
            return  # the capture of all samples says why
        warn_of_few_samples(layers, n)


def _module_names(model: Any) -> list[str]:
    from isorep.activations.recorder import eager

    return [name for name, _ in eager(model).named_modules(remove_duplicate=False) if name]


@contextmanager
def _recorded_warnings() -> Iterator[list[tuple[str, str]]]:
    """Yield a list of the warnings' categories and texts, which are also issued at the end."""
    texts: list[tuple[str, str]] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    for warning in caught:
        texts.append((warning.category.__name__, str(warning.message)))
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _layer_in(text: str) -> str:
    """Return the layer that a warning about a random model names."""
    match = re.search(r"first in layer '([^']*)'", text)
    return match.group(1) if match else ""
