"""Layers: which modules to capture, how to reduce each output, and the axes of its features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils.weak import WeakTensorKeyDictionary

from isorep._utils.layer_patterns import matches
from isorep._utils.validation import unknown_name
from isorep.activations.reductions import Reduction, reduction


@dataclass(frozen=True)
class Layer:
    """A module to capture: its name, its reduction, and whether the caller named it in full."""

    name: str
    exact: bool
    reduction: Reduction


def select(
    model: nn.Module,
    patterns: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
) -> dict[nn.Module, Layer]:
    """Return the modules that match any of the glob patterns `patterns`.

    A module that has several names in the model is listed under the first name that matches.

    Raises
    ------
    ValueError
        A pattern, in `patterns` or in a mapping `reduce`, matches no layer.
    """
    # A module that computes a weight is no layer: its output does not depend on the samples.
    of_weights = {
        part for m in model.modules() if isinstance(m, ParametrizationList) for part in m.modules()
    }
    modules = {
        name: m
        for name, m in model.named_modules(remove_duplicate=False)
        if name and m not in of_weights
    }
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
        if not any(matches(name, pattern) for name in modules):
            raise ValueError(unknown_name("layer", pattern, modules))
    reductions = {pattern: reduction(rule) for pattern, rule in rules.items()}

    selected: dict[nn.Module, Layer] = {}
    for name, module in modules.items():
        if module in selected or not any(matches(name, pattern) for pattern in patterns):
            continue
        matching = next((p for p in reductions if matches(name, p)), None)
        selected[module] = Layer(
            name=name,
            exact=name in patterns,
            reduction=reduction("mean") if matching is None else reductions[matching],
        )
    return selected


_FEATURES_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,  # batch and instance norms
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Upsample,
)
# The layers in these files have no common base class.
_FEATURES_FIRST_FILES = {"torch.nn.modules.pooling", "torch.nn.modules.padding"}
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
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.MultiheadAttention,
    *_TRANSFORMERS,
)


def _is(module: nn.Module, kinds: tuple[type, ...]) -> bool:
    """Return whether a module, or the module that it is the quantised form of, is of `kinds`."""
    if isinstance(module, kinds):
        return True
    for base in type(module).__mro__:
        floats = vars(base).get("_FLOAT_MODULE", ())
        floats = floats if isinstance(floats, tuple | list) else [floats]
        if any(issubclass(original, kinds) for original in floats):
            return True
    return False


# Modules that know the axis of the samples in 3-D: (n, T, features) or (T, n, features).
_SEQUENTIAL = (nn.RNNBase, nn.MultiheadAttention)


@dataclass(frozen=True)
class Layout:
    """The axes of a tensor; None for an axis that is unknown.

    Parameters
    ----------
    shape
        Shape of the tensor when its layout was determined.
    features
        Axis of the features, 1 or -1.
    samples
        Axis of the samples, 0 or 1.
    """

    shape: tuple[int, ...]
    features: int | None
    samples: int | None


class Layouts:
    """Determine the axes of the features and of the samples in the outputs of a model's layers.

    A ReLU or a Sequential does not know its layout, but its input or output came from a layer that
    does. So the layout of every output is stored as long as the tensor lives, and the layouts of
    outputs inside a block are stored until the block has run. Every module must pass through here,
    captured or not, so that the result does not depend on which layers were selected.

    Parameters
    ----------
    model
        Model that will run.
    channels
        Axis of the features: ``"auto"``, ``"first"`` or ``"last"``.
    """

    def __init__(self, model: nn.Module, channels: str) -> None:
        if channels not in ("auto", "first", "last"):
            raise ValueError(unknown_name("channels", channels, ["auto", "first", "last"]))
        self._fixed = {"first": 1, "last": -1}.get(channels)
        self._samples_axes = _samples_axes(model)
        self._any_second = 1 in self._samples_axes.values()
        self._inside = {m: inside for m in model.modules() if (inside := set(m.modules()) - {m})}
        self.begin({})

    def begin(self, inputs: Mapping[str, Any]) -> None:
        """Begin a new forward pass, for `inputs` whose first axis is the samples."""
        # Not as attributes of the tensors, which may be parameters or belong to the caller.
        self._known = WeakTensorKeyDictionary()
        self._ran: list[tuple[nn.Module, Layout]] = []
        for x in inputs.values():
            if isinstance(x, Tensor) and not x.is_nested:
                self._known[x] = Layout(tuple(x.shape), features=None, samples=0)

    def of(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> tuple[int, int]:
        """Return the axes of features and samples in the tensor `output` of `module`.

        The axis of the samples is -1 if it may be either of the first two.
        """
        if output.is_nested:  # it has no shape, and cannot be captured
            return -1, 0
        shape = tuple(output.shape)
        unchanged = [known for known in self._of_tensors(output) if known.shape == shape]
        of_inputs, inner = self._of_tensors(*inputs), self._of_inner(module)
        features = self._features(module, shape, unchanged, of_inputs, inner)
        samples = self._samples(module, shape, unchanged, of_inputs + inner)
        layout = Layout(shape, features, samples)
        self._known[output] = layout
        self._ran.append((module, layout))
        if features is None:
            features = 1 if len(shape) > 3 else -1
        if samples is None:
            may_be_either = self._any_second and len(shape) == 3 and shape[0] == shape[1]
            samples = -1 if may_be_either else 0
        return features if self._fixed is None else self._fixed, samples

    def _of_tensors(self, *tensors: Any) -> list[Layout]:
        return [self._known[x] for x in tensors if isinstance(x, Tensor) and x in self._known]

    def _of_inner(self, module: nn.Module) -> list[Layout]:
        """Remove the layouts of the modules that ran inside `module`; return them, last first."""
        inside = self._inside.get(module, set())
        layouts = []
        while self._ran and self._ran[-1][0] in inside:
            layouts.append(self._ran.pop()[1])
        return layouts

    def _features(
        self,
        module: nn.Module,
        shape: tuple[int, ...],
        unchanged: list[Layout],
        of_inputs: list[Layout],
        inner: list[Layout],
    ) -> int | None:
        files = {base.__module__ for base in type(module).__mro__}
        if _is(module, _FEATURES_FIRST) or files & _FEATURES_FIRST_FILES:
            return 1
        if _is(module, _FEATURES_LAST):
            return -1
        for known in (*unchanged, *of_inputs, *inner):
            if known.features is not None and known.shape == shape:
                return known.features
        if isinstance(module, nn.LayerNorm):
            return -1
        if (axis := _by_parameters(module, shape)) is not None:
            return axis
        for known in (*inner, *of_inputs):
            if known.features is not None and _keeps(known.shape, shape, known.features):
                return known.features
        return None

    def _samples(
        self,
        module: nn.Module,
        shape: tuple[int, ...],
        unchanged: list[Layout],
        others: list[Layout],
    ) -> int | None:
        if not self._any_second or _is(module, _FEATURES_FIRST):
            return 0
        if len(shape) == 3 and module in self._samples_axes:
            return self._samples_axes[module]
        # If the first two axes are equally long, a module of the user's may have swapped them.
        keeps_order = shape[:1] != shape[1:2] or (
            module not in self._inside and type(module).__module__.startswith("torch.nn.")
        )
        for known in unchanged + (others if keeps_order else []):
            if known.samples is not None and known.shape[:2] == shape[:2]:
                return known.samples
        return None


def _by_parameters(module: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Return the axis of the features of a user's class, as long as an axis of its parameters."""
    parameters = [tuple(x.shape) for x in module.parameters(recurse=False)]
    # A bias has one number for each feature; a weight may have the inputs first.
    lengths = {x[0] for x in parameters if len(x) == 1} or {n for x in parameters for n in x}
    if len(shape) < 3 or (shape[1] in lengths) == (shape[-1] in lengths):
        return None
    return 1 if shape[1] in lengths else -1


def _keeps(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> bool:
    """Return whether only the numbers of positions changed, with the features still on `axis`."""
    return (
        len(before) == len(after)
        and before[axis] == after[axis]
        and sorted(before) != sorted(after)
    )


def _samples_axes(model: nn.Module) -> dict[nn.Module, int]:
    """Return the axis of the samples in 3-D outputs, for the modules that know it.

    PyTorch's default is the second axis, (T, n, features).
    """
    axes: dict[nn.Module, int] = {}
    for module in model.modules():
        if _is(module, _SEQUENTIAL):
            axes[module] = 0 if module.batch_first else 1
        elif isinstance(module, _TRANSFORMERS):
            # All modules inside see the same axes; the attention knows which.
            attention = [m for m in module.modules() if isinstance(m, nn.MultiheadAttention)]
            if attention:
                axes |= dict.fromkeys(module.modules(), 0 if attention[0].batch_first else 1)
    return axes
