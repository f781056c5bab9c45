"""What each operation does to axes, written by hand.

Axes are named by the letters of the inputs' axes: "N TC ?*" are the samples, tokens and channels on
one axis, and a new axis of features. "~" marks features that weights have replaced since.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from isorep.activations.layouts.axes import NO, SAMPLES, YES, Part, with_feature
from isorep.activations.layouts.axis_tracker import AxisTracker

SIZES = {"N": 4, "T": 6, "S": 6, "C": 8, "H": 5, "W": 7, "V": 6, "D": 8}


def weights(*shape):
    torch.manual_seed(0)
    return nn.Parameter(torch.randn(shape))


class Follower(nn.Module):
    """Runs a function, within one of PyTorch's layers if `layer`."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


def follow(function, *layouts):
    """Return the axes of what `function` returns for tensors of the layouts, such as "N T C*"."""
    model, tracker, letters = Follower(function), AxisTracker(), {}
    inputs = []
    for layout in layouts:
        names = layout.replace("*", "").split()
        x = torch.rand([SIZES[name] for name in names])
        tracker.add_input(x, SIZES["N"], names[0] == "N")
        axes = list(tracker.axes(x))
        for k, name in enumerate(layout.split()):
            if name[0] in letters:  # the same tokens in two inputs
                axes[k] = (Part(SIZES[name[0]], letters[name[0]]),)
            letters[name[0]] = axes[k][0].origin
            axes[k] = with_feature(axes[k], YES if "*" in name else NO)
        tracker._axes[x] = tuple(axes)
        inputs.append(x)
    with torch.no_grad(), tracker.following(model):
        output = model(*inputs)
    letters = {origin.root: name for name, origin in letters.items()}
    texts = []
    for axis in tracker.axes(output):
        text = "".join(
            "N"
            if part.origin.root is SAMPLES
            else letters.get(part.origin.root) or letters.get(part.origin.whole, "?").lower()
            for part in axis
        )
        feature = max((part.feature for part in axis), default=NO)
        texts.append((text or "1") + ("" if feature == NO else "*" if feature == YES else "~"))
    return " ".join(texts)


LAYERS = [
    (nn.Linear(8, 3), "N T C", "N T ?*"),
    (nn.Linear(8, 3, bias=False), "N H W C", "N H W ?*"),
    (nn.Linear(6, 6), "N C* T", "N C~ ?*"),
    (nn.Conv1d(8, 3, 3, padding=1), "N C T", "N ?* T"),
    (nn.Conv1d(8, 3, 3), "N C* T", "N ?* ?"),
    (nn.Conv2d(8, 3, 1), "N C H W", "N ?* H W"),
    (nn.Conv2d(8, 8, 1, groups=8), "N C* H W", "N ?* H W"),
    (nn.ConvTranspose2d(8, 3, 2, stride=2), "N C H W", "N ?* ? ?"),
    (nn.Conv1d(6, 3, 1), "N T C*", "N ?* C~"),
    (nn.LayerNorm(8), "N T C", "N T C*"),
    (nn.LayerNorm(6), "N C* T", "N C~ T*"),
    (nn.LayerNorm(6, elementwise_affine=False), "N C* T", "N C* T"),
    (nn.RMSNorm(8), "N T C", "N T C*"),
    (nn.GroupNorm(2, 8), "N C H W", "N C* H W"),
    (nn.BatchNorm2d(8).eval(), "N C H W", "N C* H W"),
    (nn.BatchNorm1d(8).eval(), "N C T", "N C* T"),
    (nn.InstanceNorm1d(8), "N C* T", "N C* T"),
    (nn.AvgPool2d(2), "N C* H W", "N C* ? ?"),
    (nn.MaxPool1d(2), "N C* T", "N C* ?"),
    (nn.AdaptiveAvgPool2d(1), "N C* H W", "N C* ? ?"),
    (nn.Upsample(scale_factor=2), "N C* H W", "N C* ? ?"),
    (nn.Flatten(), "N C* H W", "N CHW*"),
    (nn.GELU(), "N T C*", "N T C*"),
    (nn.Softmax(1), "N T C*", "N T C*"),
    (nn.PixelShuffle(2), "N C* H W", "N ?* ? ?"),
    (nn.GRU(8, 3, batch_first=True), "N T C", "N T ?*"),
    (nn.LSTM(8, 3), "T N C", "T N ?*"),
    (nn.MultiheadAttention(8, 2, batch_first=True), "N T C", "N T ?*"),
]


@pytest.mark.parametrize(("layer", "before", "after"), LAYERS, ids=lambda x: str(x).split("(")[0])
def test_layers(layer, before, after):
    def first(x):
        output = layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else layer(x)
        return output[0] if isinstance(output, tuple) else output

    module = Follower(first)
    module.layer = layer
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        assert follow(module, before) == after
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


W, A = weights(8, 3), torch.rand(6, 6)
FUNCTIONS = {
    # Products with weights.
    "matmul": (lambda x: x @ W, ["N T C"], "N T ?*"),
    "weights first": (lambda x: W.T @ x, ["N C T"], "N ?* T"),
    "einsum": (lambda x: torch.einsum("nct,cd->ndt", x, W), ["N C T"], "N ?* T"),
    "heads": (
        lambda x: torch.einsum("ntc,chd->nthd", x, weights(8, 2, 3)).flatten(2),
        ["N T C"],
        "N T ?*",
    ),
    "adjacency": (lambda x: A @ x, ["N T C*"], "N ? C*"),
    "adjacency of unknown": (lambda x: A @ x, ["N T C"], "N ? C"),
    "learned adjacency": (lambda x: weights(6, 6) @ x, ["N T C*"], "N ? C*"),
    "of no feature": (lambda x: weights(6, 6) @ x, ["N T C"], "N ?* C"),
    "cast weights": (lambda x: x.double() @ W.double(), ["N T C"], "N T ?*"),
    "embedding": (lambda x: F.embedding(x.long(), weights(9, 3)), ["N T"], "N T ?*"),
    # Products of two inputs.
    "attention map": (lambda x, y: x @ y.mT, ["N T C*", "N S C*"], "N T S"),
    "attention": (lambda x, y: (x @ y.mT).softmax(-1) @ y, ["N T C*", "N S C*"], "N T C*"),
    "fused attention": (
        F.scaled_dot_product_attention,
        ["N T C*", "N S C*", "N S D*"],
        "N T D*",
    ),
    "cross-covariance": (lambda x: x.mT @ x, ["N T C*"], "N C* C*"),
    "distances": (torch.cdist, ["N T C*", "N S C*"], "N T S"),
    # Shapes.
    "transpose": (lambda x: x.transpose(1, -1), ["N T C*"], "N C* T"),
    "permute": (lambda x: x.permute(2, 0, 1), ["N T C*"], "C* N T"),
    "movedim": (lambda x: x.movedim(-1, 1), ["N H W C*"], "N C* H W"),
    "adjoint": (lambda x: x.mT, ["N T C*"], "N C* T"),
    "flat tokens": (lambda x: x.flatten(0, 1), ["N T C*"], "NT C*"),
    "and back": (lambda x: x.flatten(0, 1).view(4, 6, 8), ["N T C*"], "N T C*"),
    "heads and back": (
        lambda x: x.view(4, 6, 2, 4).transpose(1, 2).transpose(1, 2).flatten(2),
        ["N T C*"],
        "N T C*",
    ),
    "split heads": (lambda x: x.view(4, 6, 2, 4).transpose(1, 2), ["N T C*"], "N c* T c*"),
    "unsqueeze": (lambda x: x[:, None, :, None], ["N T C*"], "N 1 T 1 C*"),
    "squeeze": (lambda x: x[:, None].squeeze(1), ["N T C*"], "N T C*"),
    "select": (lambda x: x[:, 0], ["N T C*"], "N C*"),
    "unbind": (lambda x: x.unbind(1)[2], ["N T C*"], "N C*"),
    "slice": (lambda x: x[:, 1:], ["N T C*"], "N ? C*"),
    "narrow features": (lambda x: x[..., :3], ["N T C*"], "N T ?*"),
    "chunk": (lambda x: x.chunk(2, -1)[0], ["N T C*"], "N T ?*"),
    "split": (lambda x: x.split([3, 5], 2)[1], ["N T C*"], "N T ?*"),
    "glu": (lambda x: F.glu(x, 1), ["N C* T"], "N ?* T"),
    "expand": (lambda x: x[:, None].expand(-1, 5, -1, -1), ["N T C*"], "N ? T C*"),
    "repeat": (lambda x: x.repeat(1, 2, 1), ["N T C*"], "N ?T C*"),
    "roll": (lambda x: x.roll(1, 1), ["N T C*"], "N ? C*"),
    "flip": (lambda x: x.flip(1), ["N T C*"], "N ? C*"),
    "flip and back": (lambda x: x.flip(1).tanh().flip(1), ["N T C*"], "N T C*"),
    "pad": (lambda x: F.pad(x, (0, 0, 1, 1)), ["N T C*"], "N ? C*"),
    "unfold": (lambda x: x.unfold(1, 3, 1), ["N T C*"], "N ? C* ?"),
    "im2col": (lambda x: F.unfold(x, 3), ["N C* H W"], "N C?* ?"),
    "fold": (lambda x: F.fold(F.unfold(x, 2), (5, 7), 2), ["N C* H W"], "N ?* ? ?"),
    # Sums and reductions.
    "residual": (lambda x: x + x.tanh(), ["N T C*"], "N T C*"),
    "position table": (lambda x: x + weights(6, 8), ["N T C*"], "N T C*"),
    "scale": (lambda x: x * weights(8), ["N T C"], "N T C*"),
    "scale of an axis": (lambda x: x * weights(6, 1), ["N T C"], "N T* C"),
    "constant scale": (lambda x: x * torch.rand(6, 1), ["N T C"], "N T C"),
    "mean": (lambda x: x.mean(1), ["N T C*"], "N C*"),
    "mean kept": (lambda x: x.mean(1, keepdim=True), ["N T C*"], "N ? C*"),
    "amax": (lambda x: x.amax((1, 2)), ["N H W C*"], "N C*"),
    "max": (lambda x: x.max(1).values, ["N T C*"], "N C*"),
    "sum": (lambda x: x.sum(-1), ["N T C*"], "N T"),
    "cumsum": (lambda x: x.cumsum(1), ["N T C*"], "N T C*"),
    "class token": (
        lambda x: torch.cat([weights(1, 1, 8).expand(4, -1, -1), x], 1),
        ["N T C*"],
        "N ? C*",
    ),
    "cat of features": (lambda x, y: torch.cat([x, y], 2), ["N T C*", "N T D*"], "N T ?*"),
    "stack": (lambda x: torch.stack([x, -x], 1), ["N T C*"], "N ? T C*"),
    "where": (lambda x: torch.where(x > 0, x, 0), ["N T C*"], "N T C*"),
    "masked": (lambda x: x.masked_fill(torch.rand(6, 1) > 0.5, 0), ["N T C*"], "N T C*"),
    # Indices.
    "index": (lambda x: x[:, torch.tensor([2, 0, 1])], ["N T C*"], "N ? C*"),
    "index and back": (
        lambda x: x[:, torch.tensor([2, 0, 1, 5, 3, 4])][:, torch.tensor([1, 2, 0, 4, 5, 3])],
        ["N T C*"],
        "N T C*",
    ),
    "roll and back": (lambda x: x.roll(2, 1).roll(-2, 1), ["N T C*"], "N T C*"),
    "repeated index": (
        lambda x: x.flatten(0, 1)[torch.arange(24).repeat_interleave(2)],
        ["N T C*"],
        "NT? C*",
    ),
    "sorted by expert, and back": (
        lambda x: x.flatten(0, 1)[(order := torch.randperm(24))].tanh()[order.argsort()],
        ["N T C*"],
        "NT C*",
    ),
    "mask": (lambda x: x[:, torch.tensor([True, False] * 3)], ["N T C*"], "N ? C*"),
    "index of samples": (lambda x: x[torch.tensor([2, 0, 1])], ["N T C*"], "? T C*"),
    "index_select": (lambda x: x.index_select(1, torch.tensor([2, 0])), ["N T C*"], "N ? C*"),
    "gather": (
        lambda x: x.gather(1, torch.zeros(4, 2, 8, dtype=torch.long)),
        ["N T C*"],
        "N ? C*",
    ),
    "gather by the input": (
        lambda x: x.gather(1, x.topk(2, 1).indices),
        ["N T C*"],
        "N ? C*",
    ),
    "index_add": (
        lambda x: torch.zeros(4, 3, 8).index_add(1, torch.tensor([0, 1, 2, 0, 1, 2]), x),
        ["N T C*"],
        "N ? C*",
    ),
    "scatter_add": (
        lambda x: torch.zeros(4, 3, 8).scatter_add(1, torch.ones_like(x).long(), x),
        ["N T C*"],
        "N ? C*",
    ),
    "sort": (lambda x: x.sort(1).values, ["N T C*"], "N ? C*"),
    # Complex numbers.
    "fft": (lambda x: torch.fft.fft(x, dim=1), ["N T C*"], "N T C*"),
    "rfft and back": (lambda x: torch.fft.irfft(torch.fft.rfft(x, dim=1), 6, 1), ["N T C*"], None),
    "real part": (lambda x: torch.fft.fft(x, dim=1).real, ["N T C*"], "N T C*"),
    "as real": (lambda x: torch.view_as_real(x + 0j), ["N T C*"], "N T C* ?"),
    "as complex": (lambda x: torch.view_as_complex(x.unflatten(2, (4, 2))), ["N T C*"], "N T c*"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, before, after = FUNCTIONS[name]
    got = follow(function, *before)
    if after is None:
        names = got.split()
        assert names[0] == "N"
        assert names[2] == "C*"
    else:
        assert got == after


def test_a_tensor_that_is_written_to_step_by_step():
    def in_steps(x):
        out, y = torch.zeros(4, 6, 3), x @ W
        for t in range(6):
            out[:, t] = y[:, t]
        return out

    def in_the_middle(x):
        out = torch.zeros(4, 9, 3)
        out[:, 1:7] = x @ W
        return out

    assert follow(in_steps, "N T C") == "N ? ?*"
    assert follow(in_the_middle, "N T C") == "N ? ?*"


def test_nested_and_custom_operations_do_not_disturb():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return (2 * x).transpose(1, 2)

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad.transpose(1, 2)

    assert follow(Twice.apply, "N T C*") == "N C* T"
    assert follow(torch.vmap(lambda x: x.cos() @ W), "N T C") == "N T ?*"
    assert follow(lambda x: torch.func.functional_call(nn.ReLU(), {}, x), "N T C*") == "N T C*"
