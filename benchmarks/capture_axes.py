"""Whether capture reads the axes of published architectures, against layouts written by hand.

    python benchmarks/capture_axes.py [NAME ...] [--verbose]

timm (install it with `pip install --no-deps timm`) and transformers build each architecture with
random weights. Plain forward hooks keep the outputs of all its modules. `capture_layouts.py` says
by name what the axes of each output are; plain PyTorch takes the mean over the positions; and these
rows must equal those of `isorep.capture`. A layer that no line of the table names fails, too.
"""

from __future__ import annotations

import argparse
import enum
import re
import statistics
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.machinery import ModuleSpec
from time import perf_counter
from typing import Any

import torch
from capture_layouts import TIMM, TRANSFORMERS, Architecture, N
from torch import Tensor, nn

import isorep

NO_LAYER = "-"
FEATURES = set("Ccdh")
SAME = {"rtol": 1e-3, "atol": 1e-5}


@contextmanager
def without_torchvision() -> Iterator[None]:
    """Let timm import torchvision, which these models do not use, without it being there."""
    finder: Any = _StubOfTorchvision()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _Stub)]:
            del sys.modules[name]


class _StubOfTorchvision:
    """Finds empty modules for torchvision."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        is_wanted = name.partition(".")[0] == "torchvision"
        return ModuleSpec(name, self, is_package=True) if is_wanted else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _Stub(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Run nothing."""


class _Stub(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "InterpolationMode":
            modes = ("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS")
            return enum.Enum(name, {mode: mode.lower() for mode in modes})
        return type(name, (nn.Module,), {})


@dataclass
class Result:
    """What became of the layers of one architecture."""

    equal: int = 0
    left_out: int = 0  # as the table says: they have no row for each sample
    wrong: list[str] = field(default_factory=list)
    forward_s: float = 0.0
    capture_s: float = 0.0


def rows(x: Tensor, layout: str, masks: dict[str, Tensor]) -> Tensor:
    """Return the mean over the positions, (n, p), of a tensor with a layout such as "(Nw)LC".

    N is the samples; C, c, d and h (heads) are features; every other letter is positions. Letters
    in parentheses share an axis. A number after a letter is its size. ":mask" masks positions L.
    """
    axes, _, mask_name = layout.partition(":")
    letters, shape = [], []
    for k, group in enumerate(re.findall(r"\(.*?\)|[A-Za-z]", axes)):
        parts = re.findall(r"([A-Za-z])(\d*)", group)
        sizes = [N if letter == "N" else int(size or -1) for letter, size in parts]
        letters += [letter for letter, _ in parts]
        shape += [x.shape[k]] if len(parts) == 1 else sizes
    x = x.reshape(shape)
    features = [i for i, letter in enumerate(letters) if letter in FEATURES]
    positions = [i for i, letter in enumerate(letters) if letter not in FEATURES | {"N"}]
    x = x.permute(letters.index("N"), *features, *positions).double()
    if not features:
        x = x.unsqueeze(1)
    x = x.reshape(N, max(1, x[0].numel() // _product(x.shape[1 + len(features) :])), -1)
    if not mask_name or not positions:
        return x.mean(-1) if positions else x.flatten(1)
    weights = masks[mask_name].double()
    return (x * weights[:, None]).sum(-1) / weights.sum(1, keepdim=True)


def _product(sizes: Any) -> int:
    return torch.Size(sizes).numel()


def layout_of(name: str, x: Tensor, architecture: Architecture) -> str | None:
    """Return the first layout of the table that has as many axes as the output `name`."""
    for pattern, layouts in architecture.layouts.items():
        if fnmatchcase(name, pattern) or fnmatchcase(name.partition("#")[0], pattern):
            for layout in layouts.split("|"):
                axes = re.findall(r"\(.*?\)|[A-Za-z]", layout.partition(":")[0])
                fits = len(axes) == x.ndim and ("N" not in axes or x.shape[axes.index("N")] == N)
                if layout == NO_LAYER or fits:
                    return layout
    return None


def outputs_of(model: nn.Module, inputs: Any) -> dict[str, Any]:
    """Return the outputs of all calls of a model's modules, named as capture names them."""
    outputs: dict[str, Any] = {}
    calls: dict[str, int] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls[name] = calls.get(name, 0) + 1
            key = name if calls[name] == 1 else f"{name}#{calls[name]}"
            outputs[key] = _copy_of_first(output)

        return hook

    handles = [m.register_forward_hook(keep(name)) for name, m in model.named_modules() if name]
    with torch.no_grad():
        _call(model, inputs)
    for handle in handles:
        handle.remove()
    return outputs


def _copy_of_first(output: Any) -> Tensor | None:
    """Return a copy of the first tensor of an output, of floats if there is one."""
    if isinstance(output, Tensor):
        return output.clone()
    parts = list(output.values()) if hasattr(output, "values") else output
    if not isinstance(parts, list | tuple):
        return None
    tensors = [x for x in map(_copy_of_first, parts) if x is not None]
    return next((x for x in tensors if x.is_floating_point()), None)


def _call(model: nn.Module, inputs: Any) -> None:
    model(**inputs) if isinstance(inputs, dict) else model(inputs)


def examine(architecture: Architecture) -> Result:
    """Capture one architecture and compare every layer."""
    torch.manual_seed(0)
    model = architecture.make().eval()
    inputs, masks = architecture.inputs(), architecture.masks
    result = Result()
    outputs = outputs_of(model, inputs)
    with torch.no_grad():
        result.forward_s = _seconds(lambda: _call(model, inputs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = perf_counter()
        reps = isorep.capture(model, inputs, progress=False)
        result.capture_s = perf_counter() - start
    text = " ".join(str(warning.message) for warning in caught)
    for name, x in outputs.items():
        layout = None if x is None else layout_of(name, x, architecture)
        shape = None if x is None else tuple(x.shape)
        if x is None or layout == NO_LAYER:
            if name in reps:
                result.wrong.append(f"{name} {shape} is a layer {reps[name].shape}")
            else:
                result.left_out += 1
        elif layout is None:
            result.wrong.append(f"{name} {shape} has no line in the table")
        elif name not in reps:
            result.wrong.append(f"{name} {shape} {layout} is left out")
        elif f"{name!r} axis" in text:
            result.wrong.append(f"{name} {shape} {layout} is guessed")
        else:
            expected, got = rows(x, layout, masks), torch.tensor(reps[name]).double()
            if got.shape == expected.shape and torch.allclose(got, expected, **SAME):
                result.equal += 1
            else:
                result.wrong.append(f"{name} {shape} {layout} is {tuple(got.shape)}")
    unexpected = [name for name in reps if name not in outputs]
    result.wrong += [f"{name} did not run" for name in unexpected]
    if text and not architecture.warnings:
        result.wrong += [str(w.message)[:300] for w in caught if "left out" not in str(w.message)]
    return result


def _seconds(work: Any) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def main() -> None:
    """Examine the architectures that are asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures; all by default")
    parser.add_argument("--verbose", action="store_true", help="print every layer that differs")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| architecture | layers equal | no layer | differ | forward s | capture s |")
    print("|---|---|---|---|---|---|")
    results = []
    for name, architecture in {**TIMM, **TRANSFORMERS}.items():
        if options.names and name not in options.names:
            continue
        with without_torchvision():
            result = examine(architecture)
        results.append(result)
        print(
            f"| {name} | {result.equal} | {result.left_out} | {len(result.wrong)} | "
            f"{result.forward_s:.2f} | {result.capture_s:.2f} |",
            flush=True,
        )
        for line in result.wrong[: None if options.verbose else 5]:
            print("   ", line)
    n_equal, n_left_out = sum(r.equal for r in results), sum(r.left_out for r in results)
    n_wrong = sum(len(r.wrong) for r in results)
    ratio = statistics.median(r.capture_s / r.forward_s for r in results)
    print(
        f"| {len(results)} architectures | {n_equal} | {n_left_out} | {n_wrong} | "
        f"{sum(r.forward_s for r in results):.1f} | {sum(r.capture_s for r in results):.1f} |"
    )
    print(f"\nA capture of {N} samples takes {ratio:.0f} forward passes (median).")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
