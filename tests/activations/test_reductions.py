import numpy as np
import pytest
import torch
from torch import nn

from isorep.activations.capture import capture

N, T, H = 5, 7, 3


class Text(nn.Module):
    """Takes a mask and, so that a slip shows, puts NaN and Inf where padding is."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, H)
        self.spoil = Spoil()
        self.pool = nn.Linear(H, 2)

    def forward(self, input_ids, attention_mask, scale=1.0):
        x = self.spoil(self.embed(input_ids), attention_mask)
        return self.pool(x[:, 0]) * scale


class Spoil(nn.Module):
    def forward(self, x, mask):
        bad = torch.tensor([torch.nan, torch.inf, -torch.inf])
        return torch.where(mask[..., None] == 1, x, bad)


LENGTHS = [3, 7, 1, 5, 2]


def batch(side, lengths=LENGTHS, extra=0, seed=0):
    """Return tokens that depend on the sample only, padded to the longest and `extra`."""
    width = max(lengths) + extra
    ids = torch.full((len(lengths), width), 49)
    mask = torch.zeros(len(lengths), width, dtype=torch.int64)
    for i, length in enumerate(lengths):
        where = slice(0, length) if side == "right" else slice(width - length, width)
        ids[i, where] = torch.arange(length) + 7 * i + seed
        mask[i, where] = 1
    return {"input_ids": ids, "attention_mask": mask}


def tokens_of(model, side):
    given = batch(side)
    with torch.no_grad():
        embedded = model.embed(given["input_ids"])
    return [embedded[i][given["attention_mask"][i] == 1].numpy() for i in range(N)]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float32])
def test_the_mask_takes_padding_out(side, dtype):
    model = Text()
    each = tokens_of(model, side)
    given = batch(side)
    given["attention_mask"] = given["attention_mask"].to(dtype)
    for reduce, expected in {
        "mean": np.stack([e.mean(0) for e in each]),
        "max": np.stack([e.max(0) for e in each]),
        "first": np.stack([e[0] for e in each]),
        "last": np.stack([e[-1] for e in each]),
        "positions": np.concatenate(each),
    }.items():
        reps = capture(model, [given], layers="spoil", reduce=reduce)
        np.testing.assert_allclose(reps["spoil"], expected, rtol=1e-6, atol=1e-7)
        assert reps.n_samples == N
    flat = capture(model, [given], layers="spoil", reduce="flatten")["spoil"].reshape(N, T, H)
    mask = given["attention_mask"].numpy().astype(bool)
    np.testing.assert_array_equal(flat[mask], np.concatenate(each))
    np.testing.assert_array_equal(flat[~mask], 0)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("reduce", ["mean", "max", "first", "last", "positions"])
def test_does_not_depend_on_batch_size_or_padding(side, reduce):
    model = Text()
    whole = capture(model, batch(side), layers="spoil", reduce=reduce)
    more = capture(model, [batch(side, extra=4)], layers="spoil", reduce=reduce)
    parts = [
        {key: x[start : start + 2] for key, x in batch(side).items()} for start in range(0, N, 2)
    ]
    alone = [batch(side, LENGTHS[i : i + 1], seed=7 * i) for i in range(N)]
    assert alone[2]["input_ids"].shape == (1, 1)
    for data in (more, capture(model, parts, layers="spoil", reduce=reduce)):
        np.testing.assert_allclose(data["spoil"], whole["spoil"], rtol=1e-6, atol=1e-7)
        assert data.sample_ids == whole.sample_ids
    single = capture(model, alone, layers="spoil", reduce=reduce)
    np.testing.assert_allclose(single["spoil"], whole["spoil"], rtol=1e-6, atol=1e-7)
    assert single.sample_ids == whole.sample_ids


def test_flatten_of_padding_that_varies_is_an_error():
    with pytest.raises(ValueError, match=r"'spoil' had shape \(5, 7, 3\) .* has \(5, 9, 3\)"):
        capture(Text(), [batch("left"), batch("left", extra=2)], layers="spoil", reduce="flatten")


def test_a_mask_for_other_positions():
    class Pairs(Text):
        def __init__(self):
            super().__init__()
            self.pairs = nn.AvgPool1d(2)

        def forward(self, input_ids, attention_mask):
            x = self.embed(input_ids)
            self.pairs(x.transpose(1, 2))
            return self.pool(x[:, 0])

    text = (
        "include padding, since their positions are not the tokens of the mask: pairs; pass mask="
    )
    with pytest.warns(UserWarning, match=text):
        reps = capture(Pairs(), batch("left"))
    assert list(reps) == ["embed", "pairs", "pool"]
    with pytest.raises(
        ValueError, match=r"'pairs' has shape .*, but attention_mask has 7 positions"
    ):
        capture(Pairs(), batch("left"), layers="pairs", mask={"pairs": "attention_mask"})
    own = capture(Pairs(), batch("left"), layers="pairs", reduce=lambda x: x.amax(2))
    assert own["pairs"].shape == (N, H)


def test_the_mask_reaches_layers_with_features_first():
    class Convolves(Text):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(H, 2, 1)

        def forward(self, input_ids, attention_mask):
            x = self.spoil(self.embed(input_ids), attention_mask)
            return self.conv(x.transpose(1, 2))

    model = Convolves()
    weight = model.conv.weight[:, :, 0].detach().numpy()
    bias = model.conv.bias.detach().numpy()
    each = [e @ weight.T + bias for e in tokens_of(model, "left")]
    reps = capture(model, batch("left"), layers="conv")
    np.testing.assert_allclose(reps["conv"], [e.mean(0) for e in each], rtol=1e-5, atol=1e-6)
    flat = capture(model, batch("left"), layers="conv", reduce="flatten")["conv"]
    flat = flat.reshape(N, 2, T)
    mask = batch("left")["attention_mask"].numpy() == 1
    np.testing.assert_allclose(
        flat.transpose(0, 2, 1)[mask], np.concatenate(each), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(flat.transpose(0, 2, 1)[~mask], 0)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (torch.ones(N, 1, T, T), r"attention_mask of batch 0 should be \(5, T\).* \(5, 1, 7, 7\)"),
        (torch.ones(N + 1, T), r"should be \(5, T\), one row for each sample, got shape \(6, 7\)"),
        (torch.where(torch.eye(N, T) > 0, 0.0, -1e9), "1 for tokens and 0 for padding only"),
        (
            torch.ones(N, T) * (torch.arange(N) != 3)[:, None],
            "should have a token in every sample, and masks all of sample 3",
        ),
        ("yes", "got a str"),
    ],
)
def test_what_is_no_mask(mask, text):
    data = [{"input_ids": torch.ones(N, T, dtype=torch.int64), "attention_mask": mask}]
    with pytest.raises(ValueError, match=text):
        capture(Text(), data, layers="embed")


def test_tokens_without_a_mask():
    x = torch.randn(N, T, H)
    model = nn.Sequential(nn.Identity())
    for reduce, expected in {
        "mean": x.mean(1),
        "max": x.amax(1),
        "first": x[:, 0],
        "last": x[:, -1],
        "positions": x.reshape(-1, H),
        "flatten": x.reshape(N, -1),
    }.items():
        reps = capture(model, x, reduce=reduce, channels="last")
        np.testing.assert_allclose(reps["0"], expected, rtol=1e-6)


def test_maps():
    x = torch.randn(N, 2, 4, 3)
    model = nn.Sequential(nn.Identity())
    for reduce, expected in {
        "mean": x.mean((2, 3)),
        "max": x.amax((2, 3)),
        "positions": x.permute(0, 2, 3, 1).reshape(-1, 2),
        "flatten": x.flatten(1),
    }.items():
        reps = capture(model, x, reduce=reduce, channels="first")
        np.testing.assert_allclose(reps["0"], expected, rtol=1e-5, atol=1e-7)
    for reduce in ("first", "last"):
        with pytest.raises(
            ValueError, match=rf"layer '0': has shape \(5, 2, 4, 3\): '{reduce}' needs sequences"
        ):
            capture(model, x, reduce=reduce)


@pytest.mark.parametrize("reduce", ["mean", "positions", "flatten", "max", "last", "first"])
def test_outputs_without_positions_pass(reduce):
    x = torch.randn(N, H)
    reps = capture(nn.Sequential(nn.Identity()), x, reduce=reduce)
    np.testing.assert_array_equal(reps["0"], x.numpy())
    assert reps.reductions == {"0": reduce}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_averaged_in_float32(dtype):
    # 4099 is a prime; a running sum in half precision would stop growing, or overflow.
    x = (torch.full((N, 4099, 1), 100.0) + torch.arange(N)[:, None, None]).to(dtype)
    reps = capture(nn.Sequential(nn.Identity()), x, channels="last")
    assert reps["0"].dtype == np.float32
    assert reps.dtypes == {"0": str(dtype).removeprefix("torch.")}
    np.testing.assert_allclose(reps["0"], x.double().mean(1).numpy(), rtol=1e-6)
    data = [{"x": x, "attention_mask": torch.ones(N, 4099)}]

    class Keywords(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, x, attention_mask):
            return self.inner(x)

    np.testing.assert_allclose(
        capture(Keywords(), data, channels="last")["inner"], reps["0"], rtol=1e-6
    )
    x = torch.rand(N, 3, 1, dtype=torch.float64)
    double = capture(nn.Sequential(nn.Identity()), x, channels="last")
    assert double["0"].dtype == np.float64


def test_a_callable_gets_samples_first_and_returns_features():
    x = torch.randn(N, T, H)

    class SamplesSecond(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(H, 4)

        def forward(self, x):
            return self.rnn(x.transpose(0, 1))

    shapes = []

    def middle(x):
        shapes.append(tuple(x.shape))
        return x[:, T // 2]

    reps = capture(SamplesSecond(), x, reduce=middle)
    assert shapes == [(N, T, 4)]
    assert reps["rnn"].shape == (N, 4)
    assert reps.reductions == {"rnn": "callable middle"}


@pytest.mark.parametrize(
    ("function", "came"),
    [
        (lambda x: x, r"shape \(5, 7, 3\), torch.float32"),
        (lambda x: x[:2, 0], r"shape \(2, 3\)"),
        (lambda x: x[:, 0].int(), r"shape \(5, 3\), torch.int32"),
        (lambda x: x[:, 0].numpy(), "ndarray"),
        (lambda x: None, "NoneType"),
    ],
)
def test_a_callable_that_returns_something_else(function, came):
    with pytest.raises(
        ValueError,
        match=rf"layer '0': callable <lambda> should reduce \(5, 7, 3\) .* \(5, p\), got {came}",
    ):
        capture(nn.Sequential(nn.Identity()), torch.randn(N, T, H), reduce=function)
