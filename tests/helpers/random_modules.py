"""Random models whose every output has a layout that is known from how the model was drawn.

Sizes coincide on purpose: there are often as many samples as positions and as features.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

N = 4
"""Number of samples."""

SIZES = st.sampled_from([4, 4, 4, 6, 8])

Axis = tuple[tuple[str, int], ...]
"""Names and sizes of the factors of an axis, in row-major order."""


def length(axis):
    return math.prod(size for _, size in axis)


@dataclass(frozen=True)
class Layout:
    """The axes of a tensor, and the names of the factors that are features.

    `heads` are features that were one axis before; weights along one of them keep the others.
    `past` are positions that were features.
    With `known` false, no weights were applied yet, so that nothing says what the features are.
    """

    axes: tuple[Axis, ...]
    features: frozenset[str] = frozenset()
    known: bool = True
    heads: frozenset[str] = frozenset()
    past: frozenset[str] = frozenset()

    @property
    def shape(self):
        return tuple(map(length, self.axes))

    def is_feature(self, k):
        return any(name in self.features for name, _ in self.axes[k])

    def has_samples(self, k):
        return any(name == "N" for name, _ in self.axes[k])

    def positions(self):
        """Return the axes of positions alone."""
        return [
            k for k in range(len(self.axes)) if not self.has_samples(k) and not self.is_feature(k)
        ]

    def permuted(self, dims):
        return replace(self, axes=tuple(self.axes[d] for d in dims))

    def with_axis(self, k, axis):
        return replace(self, axes=(*self.axes[:k], axis, *self.axes[k + 1 :]))

    def weighted(self, k, axis):
        """Return the layout after weights were applied along axis `k`: it has new features."""
        before = {name for name, _ in self.axes[k]}
        features = frozenset(name for name, _ in axis)
        if len(before) == 1 and before <= self.heads & self.features:
            features |= self.heads - before
        past = self.past | self.features - features
        new = self.with_axis(k, axis)
        return replace(new, features=features, known=True, heads=features, past=past)

    def rows(self, x):
        """Return the mean over the positions of each feature, (n, p), from the whole output."""
        axes = []
        for axis in self.axes:  # the samples get an axis of their own
            names = [name for name, _ in axis]
            k = names.index("N") if "N" in names else len(names)
            axes += [part for part in (axis[:k], axis[k : k + 1], axis[k + 1 :]) if part]
        x = x.reshape([length(axis) for axis in axes])
        samples = next(i for i, axis in enumerate(axes) if axis[0][0] == "N")
        x, axes = x.movedim(samples, 0), [a for a in axes if a[0][0] != "N"]
        if len(axes) > 1:
            gone = [
                i
                for i, axis in enumerate(axes, 1)
                if not any(name in self.features for name, _ in axis)
            ]
            x = x.mean(gone) if gone else x
        return x.reshape(N, -1)


class Apply(nn.Module):
    """A function of a tensor and of modules."""

    def __init__(self, function, *modules):
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self.function = function

    def forward(self, x):
        return self.function(x, *self.parts)


class NormOf(nn.LayerNorm):
    """A LayerNorm of axis `k`, as LayerNorm2d of ConvNeXt is one of axis 1."""

    def __init__(self, size, k):
        super().__init__(size)
        self.k = k

    def forward(self, x):
        return super().forward(x.movedim(self.k, -1)).movedim(-1, self.k)


class RandomModel:
    """Draws a model from steps that suit the layout at hand.

    Parameters
    ----------
    draw
        Hypothesis' function that draws from a strategy.
    """

    def __init__(self, draw):
        self.draw = draw
        self.layouts: dict[nn.Module, Layout] = {}
        self._numbers = itertools.count()

    def axis(self, size):
        return ((f"axis{next(self._numbers)}", size),)

    def model(self, n_steps):
        """Return a model, and an input for it."""
        layout = self.input()
        x = torch.randn(layout.shape)
        modules = []
        for _ in range(n_steps):
            module, layout = self.step(layout)
            modules.append(module)
        return nn.Sequential(*modules), x

    def input(self):
        n_axes = self.draw(st.integers(2, 4))
        axes = tuple(self.axis(self.draw(SIZES)) for _ in range(n_axes - 1))
        return Layout(((("N", N),), *axes), known=False)

    def step(self, layout, steps=None):
        steps = (
            [name for name, suits in _STEPS.items() if suits(layout)] if steps is None else steps
        )
        name = self.draw(st.sampled_from(steps))
        module, new = getattr(self, name)(layout)
        self.layouts[module] = new
        return module, new

    # Weights.

    def linear(self, layout):
        axis = self.axis(self.draw(SIZES))
        return nn.Linear(layout.shape[-1], length(axis)), layout.weighted(
            -1 % len(layout.axes), axis
        )

    def matrix(self, layout):
        """A product with weights that no module of PyTorch's has, of the features at hand."""
        axis = self.axis(self.draw(SIZES))
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        weight = nn.Parameter(torch.randn(layout.shape[k], length(axis)))
        letters = "abcdef"[: len(layout.axes)]
        equation = f"{letters},{letters[k]}z->{letters.replace(letters[k], 'z')}"
        module = Apply(lambda x: torch.einsum(equation, x, weight))
        module.weight = weight
        return module, layout.weighted(k, axis)

    def convolution(self, layout):
        axis = self.axis(self.draw(SIZES))
        n_positions = len(layout.axes) - 2
        kind = (nn.Conv1d, nn.Conv2d)[n_positions - 1]
        stride = self.draw(st.sampled_from([1, 1, 2]))
        module = kind(layout.shape[1], length(axis), 3, padding=1, stride=stride)
        new = replace(layout, heads=frozenset()).weighted(1, axis)
        if stride > 1:
            for k in range(2, len(layout.axes)):
                new = new.with_axis(k, self.axis((layout.shape[k] - 1) // 2 + 1))
        return module, new

    def norm(self, layout):
        k = self.draw(st.sampled_from([k for k in range(len(layout.axes)) if layout.is_feature(k)]))
        return NormOf(layout.shape[k], k), layout

    def batch_norm(self, layout):
        kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(layout.axes)]
        return kind(layout.shape[1]), layout

    def layer_scale(self, layout):
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        scale = nn.Parameter(torch.rand(layout.shape[k]) + 0.5)
        shape = [-1 if i == k else 1 for i in range(len(layout.axes))]
        module = Apply(lambda x: x * scale.view(shape))
        module.scale = scale
        return module, layout

    def recurrent(self, layout):
        """A recurrent layer with the time first."""
        axis = self.axis(self.draw(SIZES))
        gru = nn.GRU(layout.shape[2], length(axis))
        new = layout.permuted((1, 0, 2)).weighted(2, axis)
        self.layouts[gru] = new
        return Apply(lambda x, gru: gru(x.transpose(0, 1))[0], gru), new

    def mixing(self, layout):
        """Linear layers along the positions, with features back in their place by a residual."""
        k = self.draw(st.sampled_from(layout.positions()))
        size, hidden = layout.shape[k], self.axis(self.draw(SIZES))
        first, second = nn.Linear(size, length(hidden)), nn.Linear(length(hidden), size)
        act, drop = nn.GELU(), nn.Dropout()
        last = len(layout.axes) - 1
        dims = [i for i in range(last + 1) if i != k] + [k]
        within = layout.permuted(dims).weighted(last, hidden)
        mixed = within.weighted(last, self.axis(size))
        # The sum below shows that what the last linear layer returns are positions.
        self.layouts |= {first: within, act: within, second: mixed, drop: layout.permuted(dims)}

        def function(x, *layers):
            y = x.movedim(k, -1)
            for layer in layers:
                y = layer(y)
            return x + y.movedim(-1, k)

        return Apply(function, first, act, second, drop), layout

    def attention(self, layout):
        p = layout.shape[2]
        heads = self.draw(st.sampled_from([1, 2]))
        module = nn.MultiheadAttention(p, heads, batch_first=True)
        new = layout.weighted(2, self.axis(p))
        self.layouts[module] = new
        return Apply(lambda x, attention: attention(x, x, x)[0], module), new

    def adjacency(self, layout):
        """Fixed weights between positions."""
        k = self.draw(st.sampled_from(layout.positions()))
        letters = "abcdef"[: len(layout.axes)]
        equation = f"{letters},z{letters[k]}->{letters.replace(letters[k], 'z')}"
        matrix = torch.rand(layout.shape[k], layout.shape[k])
        if layout.axes[k][0][0] not in layout.past and self.draw(st.booleans()):
            matrix = nn.Parameter(matrix)
        module = Apply(lambda x: torch.einsum(equation, x, module.matrix))
        module.matrix = matrix
        return module, layout.with_axis(k, self.axis(layout.shape[k]))

    # Without weights.

    def activation(self, layout):
        kinds = [nn.Tanh, nn.GELU, nn.Dropout, nn.Identity, nn.Softplus]
        return self.draw(st.sampled_from(kinds))(), layout

    def transpose(self, layout):
        dims = self.draw(st.permutations(range(len(layout.axes))))
        return Apply(lambda x: x.permute(dims)), layout.permuted(dims)

    def residual(self, layout):
        module, new = self.step(layout, ["norm", "activation", "same_linear"])
        return Apply(lambda x, f: x + f(x), module), new

    def same_linear(self, layout):
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        linear = nn.Linear(layout.shape[k], layout.shape[k])
        new = layout.weighted(k, layout.axes[k])
        dims = [i for i in range(len(layout.axes)) if i != k] + [k]
        self.layouts[linear] = new.permuted(dims)
        return Apply(lambda x, f: f(x.movedim(k, -1)).movedim(-1, k), linear), new

    def gate(self, layout):
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))

        def gated(x):
            a, b = x.chunk(2, k)
            return a * b.sigmoid()

        return Apply(gated), self._same_feature(layout, k, layout.shape[k] // 2)

    def excitation(self, layout):
        """A scale of each feature that comes from the mean over the positions."""
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        linear = nn.Linear(layout.shape[k], layout.shape[k])
        positions = layout.positions()
        mean = [a for i, a in enumerate(layout.axes) if i not in positions]
        within = Layout(tuple(mean), layout.features)
        f = within.axes.index(layout.axes[k])
        self.layouts[linear] = within.permuted([1 - f, f])

        def scaled(x, linear):
            scale = x.mean(positions).movedim(f, -1)
            scale = linear(scale).sigmoid().movedim(-1, f)
            for i in positions:
                scale = scale.unsqueeze(i)
            return x * scale

        return Apply(scaled, linear), layout

    def heads(self, layout):
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        head, d = self.axis(2), self.axis(layout.shape[k] // 2)
        axes = (*layout.axes[:k], head, d, *layout.axes[k + 1 :])
        names = frozenset(name for name, _ in (*head, *d))
        return Apply(lambda x: x.unflatten(k, (2, -1))), replace(
            layout, axes=axes, features=names, heads=names
        )

    def merged(self, layout):
        """Two neighbouring axes of one kind are joined."""
        k = self.draw(st.sampled_from(_mergeable(layout)))
        axes = (*layout.axes[:k], layout.axes[k] + layout.axes[k + 1], *layout.axes[k + 2 :])
        return Apply(lambda x: x.flatten(k, k + 1)), replace(layout, axes=axes)

    def windows(self, layout):
        """Windows of a sequence, joined with the samples."""
        size = layout.shape[1]
        many, inner = self.axis(2), self.axis(size // 2)
        axes = (layout.axes[0] + many, inner, *layout.axes[2:])
        return (
            Apply(lambda x: x.reshape(len(x) * 2, size // 2, *x.shape[2:])),
            replace(layout, axes=axes),
        )

    def pooling(self, layout):
        k = self.draw(st.sampled_from(layout.positions()))
        pool = self.draw(st.sampled_from([torch.Tensor.mean, torch.Tensor.amax, torch.Tensor.sum]))
        axes = (*layout.axes[:k], *layout.axes[k + 1 :])
        return Apply(lambda x: pool(x, k)), replace(layout, axes=axes)

    def one_position(self, layout):
        k = self.draw(st.sampled_from(layout.positions()))
        axes = (*layout.axes[:k], *layout.axes[k + 1 :])
        return Apply(lambda x: x.select(k, 0)), replace(layout, axes=axes)

    def class_token(self, layout):
        token = nn.Parameter(torch.randn(1, 1, layout.shape[2]))
        module = Apply(lambda x: torch.cat([token.expand(len(x), -1, -1), x], 1))
        module.token = token
        return module, layout.with_axis(1, self.axis(layout.shape[1] + 1))

    def position_table(self, layout):
        table = nn.Parameter(torch.randn(1, *layout.shape[1:]))
        module = Apply(lambda x: x + table)
        module.table = table
        return module, layout

    def shuffle(self, layout):
        """Positions in another order, some of them twice."""
        k = self.draw(st.sampled_from(layout.positions()))
        size = layout.shape[k]
        index = torch.tensor(self.draw(st.lists(st.integers(0, size - 1), min_size=4, max_size=4)))
        ways = ["index", "gather", "flip", "cumsum", "stack", "write"]
        way = self.draw(st.sampled_from(ways))
        if way == "flip":
            return Apply(lambda x: x.flip(k)), layout
        if way == "cumsum":
            return Apply(lambda x: x.cumsum(k)), layout
        if way == "stack":
            return Apply(lambda x: torch.stack([2 * y for y in x.unbind(k)], k)), layout
        if way == "write":

            def written(x):
                out = torch.zeros(x.shape)
                for i in range(size):
                    out.select(k, i).copy_(x.select(k, i))
                return out

            return Apply(written), layout
        new = layout.with_axis(k, self.axis(4))

        def gathered(x):
            shape = [-1 if i == k else 1 for i in range(x.ndim)]
            return x.gather(k, index.view(shape).expand(*x.shape[:k], 4, *x.shape[k + 1 :]))

        return Apply(gathered if way == "gather" else lambda x: x.index_select(k, index)), new

    def frequencies(self, layout):
        """The real part of the spectrum along the positions."""
        k = self.draw(st.sampled_from(layout.positions()))
        return Apply(lambda x: torch.fft.fft(x, dim=k).real), layout

    def self_attention(self, layout):
        """Products of the input with itself, between positions."""
        way = self.draw(st.sampled_from(["matmul", "fused", "einsum"]))

        def mixed(x):
            if way == "fused":
                return F.scaled_dot_product_attention(x, x, x)
            if way == "einsum":
                return torch.einsum(
                    "nij,njc->nic", torch.einsum("nic,njc->nij", x, x).softmax(-1), x
                )
            return (x @ x.mT).softmax(-1) @ x

        return Apply(mixed), layout

    def joined(self, layout):
        """A skip connection by concatenation."""
        (k,) = (k for k in range(len(layout.axes)) if layout.is_feature(k))
        return (
            Apply(lambda x: torch.cat([x, x.tanh()], k)),
            self._same_feature(layout, k, 2 * layout.shape[k]),
        )

    def _same_feature(self, layout, k, size):
        axis = self.axis(size)
        return replace(layout.with_axis(k, axis), features=frozenset(name for name, _ in axis))


def _one_feature_axis(layout):
    return layout.known and sum(map(layout.is_feature, range(len(layout.axes)))) == 1


def _is_sequence(layout):
    """Return whether the layout is samples, positions, features."""
    return (
        len(layout.axes) == 3
        and layout.axes[0] == (("N", N),)
        and layout.known
        and layout.is_feature(2)
        and not layout.is_feature(1)
    )


def _mergeable(layout):
    return [
        k
        for k in range(len(layout.axes) - 1)
        if not layout.has_samples(k)
        and not layout.has_samples(k + 1)
        and layout.is_feature(k) == layout.is_feature(k + 1)
        and layout.known
    ]


def _even_feature(layout):
    return _one_feature_axis(layout) and any(
        layout.is_feature(k) and len(layout.axes[k]) == 1 and size % 4 == 0
        for k, size in enumerate(layout.shape)
    )


_STEPS = {
    "linear": lambda x: not x.has_samples(len(x.axes) - 1),
    "matrix": _one_feature_axis,
    "convolution": lambda x: (
        len(x.axes) in (3, 4)
        and x.axes[0][0][0] == "N"
        and not any(map(x.has_samples, range(1, len(x.axes))))
    ),
    "norm": _one_feature_axis,
    "batch_norm": lambda x: 1 < len(x.axes) < 5 and x.known and x.is_feature(1),
    "layer_scale": _one_feature_axis,
    "recurrent": lambda x: _is_sequence(x),
    "mixing": lambda x: _one_feature_axis(x) and bool(x.positions()),
    "attention": lambda x: _is_sequence(x) and x.shape[2] % 2 == 0,
    "adjacency": lambda x: _one_feature_axis(x) and bool(x.positions()),
    "activation": lambda x: True,
    "transpose": lambda x: True,
    "residual": _one_feature_axis,
    "gate": _even_feature,
    "excitation": lambda x: (
        _one_feature_axis(x)
        and bool(x.positions())
        and (len(x.axes) - len(x.positions()) == 2)
        and not any(len(a) > 1 for k, a in enumerate(x.axes) if x.has_samples(k))
    ),
    "heads": lambda x: _even_feature(x) and len(x.axes) < 5,
    "merged": lambda x: bool(_mergeable(x)),
    "windows": lambda x: (
        x.known
        and len(x.axes) > 2
        and x.axes[0] == (("N", N),)
        and (1 in x.positions() and x.shape[1] % 2 == 0)
    ),
    "pooling": lambda x: x.known and len(x.axes) > 2 and bool(x.positions()),
    "one_position": lambda x: x.known and len(x.axes) > 2 and bool(x.positions()),
    "class_token": _is_sequence,
    "position_table": lambda x: x.known and x.axes[0] == (("N", N),) and len(x.axes) > 2,
    "shuffle": lambda x: _one_feature_axis(x) and bool(x.positions()),
    "frequencies": lambda x: _one_feature_axis(x) and bool(x.positions()),
    "self_attention": _is_sequence,
    "joined": _one_feature_axis,
}
"""Steps by name, and the layouts that each of them suits."""
