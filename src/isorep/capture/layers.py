"""Layers: which modules to capture, how to reduce each, and which way round its output lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from isorep._names import unknown_name
from isorep.capture.reductions import Reduction, reduction


@dataclass(frozen=True)
class Layer:
    """A module to capture: its name, its reduction, and whether it was asked for in full."""

    name: str
    exact: bool
    reduction: Reduction


def select(
    model: nn.Module,
    patterns: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
) -> dict[nn.Module, Layer]:
    """Return the modules that match any of the globs `patterns`.

    A module that stands in the model under several names goes by the first that was asked for.

    Raises
    ------
    ValueError
        A pattern, here or in a mapping `reduce`, matches no layer.
    """
    modules = {name: m for name, m in model.named_modules(remove_duplicate=False) if name}
    if not modules:
        raise ValueError(
            f"{type(model).__name__} has no submodules to capture; wrap it: "
            "torch.nn.Sequential(model)"
        )
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise ValueError("expected at least one layer or pattern in layers, got none")
    rules = dict(reduce) if isinstance(reduce, Mapping) else {"*": reduce}
    for pattern in (*patterns, *rules):
        if not isinstance(pattern, str):
            raise TypeError(f"layers are named by strings, got {pattern!r}")
        if not any(_matches(name, pattern) for name in modules):
            raise ValueError(unknown_name("layer", pattern, modules))
    reductions = {pattern: reduction(given) for pattern, given in rules.items()}

    selected: dict[nn.Module, Layer] = {}
    for name, module in modules.items():
        if module in selected or not any(_matches(name, pattern) for pattern in patterns):
            continue
        rule = next((p for p in reductions if _matches(name, p)), None)
        selected[module] = Layer(
            name=name,
            exact=name in patterns,
            reduction=reduction("mean") if rule is None else reductions[rule],
        )
    return selected


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


_FEATURES_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,  # batch and instance norms
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Upsample,
)
_TRANSFORMERS = (
    nn.Transformer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
_FEATURES_LAST = (
    nn.Linear,
    nn.Bilinear,
    nn.LayerNorm,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.MultiheadAttention,
    *_TRANSFORMERS,
)


class FeatureAxis:
    """Tell the axis that the features of an output are on.

    A ReLU or a Sequential does not know its layout, but the tensor it was given or hands on came
    from a layer that does. So every output is marked, on the tensor object itself, with the axis
    that its module knows. Each module has to pass through here, captured or not, so that the answer
    does not depend on which layers were selected.
    """

    _MARK = "_isorep_feature_axis"

    def __init__(self, channels: str) -> None:
        if channels not in ("auto", "first", "last"):
            raise ValueError(unknown_name("channels", channels, ["auto", "first", "last"]))
        self._fixed = {"first": 1, "last": -1}.get(channels)

    def of(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> int:
        """Return 1 or -1 for the tensor `output` that `module` made from `inputs`."""
        if self._fixed is not None:
            return self._fixed
        if output.is_nested:  # has no shape; not to be captured anyway
            return -1
        axis = self._known(module)
        if axis is None:
            axis = self._inherited(inputs, output)
        if axis is None:
            return 1 if output.ndim > 3 else -1
        setattr(output, self._MARK, axis)
        return axis

    def _known(self, module: nn.Module) -> int | None:
        if isinstance(module, _FEATURES_FIRST):
            return 1
        if isinstance(module, _FEATURES_LAST):
            return -1
        # The pooling layers have no base class in common.
        if any(base.__module__ == "torch.nn.modules.pooling" for base in type(module).__mro__):
            return 1
        return None

    def _inherited(self, inputs: tuple[Any, ...], output: Tensor) -> int | None:
        for tensor in (output, *inputs):
            if isinstance(tensor, Tensor) and tensor.shape == output.shape:
                axis: int | None = getattr(tensor, self._MARK, None)
                if axis is not None:
                    return axis
        return None


def samples_second(model: nn.Module) -> set[nn.Module]:
    """Return the modules whose 3-D outputs are (T, n, features), as PyTorch's default has it."""
    found: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            if not module.batch_first:
                found.add(module)
        elif isinstance(module, _TRANSFORMERS):
            # What is inside sees the same axes; the attention knows which.
            attention = [m for m in module.modules() if isinstance(m, nn.MultiheadAttention)]
            if attention and not attention[0].batch_first:
                found.update(module.modules())
    return found
