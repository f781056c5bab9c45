from collections import UserDict
from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset

from isorep.activations.capture import capture

N, P = 11, 3


class Model(nn.Module):
    """Keeps the batches it sees."""

    def __init__(self):
        super().__init__()
        self.out = nn.Identity()
        self.seen = []

    def forward(self, x, **more):
        self.seen.append(more)
        return self.out(x.flatten(1).float())


@pytest.fixture
def x():
    return torch.randn(N, P, generator=torch.Generator().manual_seed(5))


def test_the_same_samples_in_any_form(x):
    expected = capture(Model(), x)
    y = torch.arange(N)
    forms = {
        "array": x.numpy(),
        "read-only array": np.broadcast_to(x.numpy(), (N, P)),
        "array in another order": np.asfortranarray(x.numpy()),
        "pair": (x, y),
        "list of tensors": [x[:4], x[4:]],
        "list of arrays": [x.numpy()[:4], x.numpy()[4:]],
        "list of pairs": [(x[:4], y[:4]), (x[4:], y[4:])],
        "list of lists": [[x[:4], y[:4]], [x[4:], y[4:]]],
        "generator": (x[i : i + 1] for i in range(N)),
        "loader": DataLoader(TensorDataset(x), batch_size=4),
        "dataset": TensorDataset(x, y),
        "empty batches between": [x[:4], x[:0], x[4:]],
    }
    for form, data in forms.items():
        reps = capture(Model(), data)
        np.testing.assert_array_equal(reps["out"], expected["out"], err_msg=form)
        assert reps.sample_ids == expected.sample_ids, form
        has_labels = "pair" in form or form in ("list of lists", "dataset")
        assert (reps.labels is not None) == has_labels, form


def test_one_tensor_is_cut():
    model = Model()
    x = torch.arange(600.0)[:, None]
    reps = capture(model, x)
    assert len(model.seen) == 3
    np.testing.assert_array_equal(reps["out"], x.numpy())
    model = Model()
    assert capture(model, x, max_samples=256).n_samples == 256
    assert len(model.seen) == 1


class Bert(UserDict):
    """As what Hugging Face tokenizers return: a mapping, and no dict."""


@pytest.mark.parametrize("kind", [dict, Bert])
def test_dicts_are_keywords_less_the_labels(x, kind):
    model = Model()
    y = torch.arange(N)
    reps = capture(model, [kind(x=x, labels=y, flag=True, weight=x.numpy())])
    (seen,) = model.seen
    assert set(seen) == {"flag", "weight"}
    assert seen["flag"] is True
    assert isinstance(seen["weight"], torch.Tensor)
    np.testing.assert_array_equal(reps.labels, y.numpy())
    assert capture(Model(), [kind(x=x, label=y)]).labels.tolist() == y.tolist()
    assert capture(Model(), [kind(x=x, labels=x)]).labels is None
    assert capture(Model(), [(kind(x=x), y)]).labels.tolist() == y.tolist()
    assert capture(model, kind(x=x, labels=y), max_samples=4).labels.tolist() == [0, 1, 2, 3]


def test_labels_that_are_none(x):
    assert capture(Model(), [(x, x)]).labels is None
    assert capture(Model(), [(x, torch.arange(N - 1))]).labels is None
    assert capture(Model(), [(x[:4], torch.arange(4)), (x[4:],)]).labels is None
    assert capture(Model(), [(x, None, torch.arange(N))]).labels is None
    text = [f"class {i % 3}" for i in range(N)]
    assert capture(Model(), [(x, text)]).labels.tolist() == text
    assert capture(Model(), [(x, np.arange(N))]).labels.tolist() == list(range(N))


def test_a_digest_is_of_the_sample():
    def ids(data):
        return capture(Model(), data).sample_ids

    x = torch.arange(12).reshape(4, 3)
    assert len(set(ids(x))) == 4
    assert ids(x) == tuple(reversed(ids(x.flip(0))))
    assert ids(x) != ids(x.float())
    assert ids(x) != ids(x.reshape(4, 3, 1))
    assert ids(x) != ids([{"x": x}])
    with pytest.warns(UserWarning, match="3 of the 4 samples repeat another one"):
        assert len(set(ids(torch.zeros(4, 3)))) == 1
    for dtype in (torch.bool, torch.uint8, torch.bfloat16, torch.float64):
        assert len(set(ids((x % 5 == 0).to(dtype)))) == 4
    # Numbers have one id in each dtype that holds them exactly.
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        assert ids(x.to(dtype)) == ids(x.float())
    assert ids(x.int()) == ids(x)
    assert ids(x.double() + 1e-12) != ids(x.double())
    with pytest.warns(UserWarning, match="3 of the 4 samples repeat another one"):
        assert len(ids(torch.ones(4, 0))) == 4
    # The same in every version, as it is kept in files.
    given = b" torch.int64 (3,) " + np.array([3, 4, 5], "<i8").tobytes()
    assert ids(x)[1] == blake2b(given, digest_size=16).hexdigest()


def test_what_samples_share_does_not_tell_them_apart(x):
    table = torch.ones(1, 5)
    many = capture(Model(), [{"x": x, "table": table}]).sample_ids
    few = [{"x": part, "table": table} for part in x.split(4)]
    assert capture(Model(), few).sample_ids == many
    assert capture(Model(), [{"x": x, "table": x + 1}]).sample_ids != many


def test_ids_are_of_the_input_before_the_model_writes_into_it():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(x)

    x = torch.randn(N, P)
    before, found = x.clone(), capture(Writes(), x)
    assert torch.equal(x, before)  # the caller's own
    np.testing.assert_array_equal(capture(Writes(), {"x": x})["relu"], found["relu"])
    assert torch.equal(x, before)
    assert found.sample_ids == capture(Model(), x).sample_ids


class Squares(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return torch.full((P, P), float(i)), i


def test_a_dataset_is_batched():
    reps = capture(Model(), Squares())
    np.testing.assert_array_equal(reps["out"], np.repeat(np.arange(N), P * P).reshape(N, P * P))
    assert reps.labels.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (3, TypeError, "data should be a tensor, .* iterable of batches, got int"),
        (["text"], TypeError, "data are texts, which a model does not take: pass tokenizer="),
        ([[]], TypeError, "batch 0 .* got a list of nothing"),
        ([[1, 2]], TypeError, "batch 0 .* got a list of int, int"),
        ([torch.ones(2, P), 3], TypeError, "batch 1 .* got a int"),
        ([torch.tensor(1.0)], ValueError, "batch 0 is a single number"),
        ([{"x": [1, 2]}], TypeError, "batch 0 is a dict without a tensor .* x: list"),
        ({"labels": torch.ones(3)}, TypeError, "the data is a dict without a tensor"),
        (
            [np.array(["a", "b"])],
            TypeError,
            "batch 0 should have arrays of numbers, got one of dtype <U1",
        ),
    ],
)
def test_what_is_no_batch(data, error, text):
    with pytest.raises(error, match=text):
        capture(Model(), data)


def test_packed_sequences_are_refused():
    packed = pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
    model = nn.Sequential(nn.LSTM(2, 3))
    for data, where in ((packed, "the data"), ([packed], "batch 0"), ([(packed, 1)], "batch 0")):
        with pytest.raises(TypeError, match=f"{where} is a PackedSequence.*; pad the sequences"):
            capture(model, data)


class EncoderDecoder(nn.Module):
    """Named as Hugging Face's, with layers that hand on what they are given."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Embedding(30, P))
        attention = nn.ModuleDict({"k_proj": nn.Identity(), "out_proj": nn.Identity()})
        block = nn.ModuleDict({"fc": nn.Identity(), "encoder_attn": attention})
        self.decoder = nn.ModuleDict({"embed": nn.Embedding(30, P), "block": block})

    def forward(self, input_ids, decoder_input_ids, **masks):
        states = self.encoder(input_ids)
        hidden = self.decoder["block"]["fc"](self.decoder["embed"](decoder_input_ids))
        self.decoder["block"]["encoder_attn"]["k_proj"](states * 2)
        return self.decoder["block"]["encoder_attn"]["out_proj"](hidden * 3)


@pytest.mark.parametrize("length", [5, 8], ids=["shorter", "as long"])
def test_a_decoder_has_its_own_tokens(length):
    generator = torch.Generator().manual_seed(0)

    def draw(most):
        ids = torch.randint(1, 30, (N, most), generator=generator)
        lengths = torch.randint(1, most + 1, (N, 1), generator=generator)
        return ids, (torch.arange(most) < lengths).long()

    (ids, mask), (its_ids, its_mask) = draw(8), draw(length)
    data = {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_input_ids": its_ids,
        "decoder_attention_mask": its_mask,
    }
    model = EncoderDecoder()
    found = capture(model, data)

    def mean(embedding, tokens, kept):
        with torch.no_grad():
            states = embedding(tokens) * kept[..., None]
        return (states.sum(1) / kept.sum(1, keepdim=True)).numpy()

    own = mean(model.encoder[0], ids, mask)
    its = mean(model.decoder["embed"], its_ids, its_mask)
    within = {
        "encoder.0": own,
        "encoder": own,
        "decoder.embed": its,
        "decoder.block.fc": its,
        "decoder.block.encoder_attn.k_proj": 2 * own,
        "decoder.block.encoder_attn.out_proj": 3 * its,
    }
    assert set(found) == set(within)
    for layer, expected in within.items():
        np.testing.assert_allclose(found[layer], expected, rtol=1e-5, atol=1e-6)

    # Padding is left out of a sample's id on both sides, and tokens are not.
    padded = {**data, "decoder_input_ids": torch.where(its_mask == 1, its_ids, 7)}
    assert capture(model, padded).sample_ids == found.sample_ids
    other = its_ids.clone()
    other[:, 0] = 31 - other[:, 0].clamp(2)
    changed = capture(model, {**data, "decoder_input_ids": other}).sample_ids
    assert (np.array(changed) != found.sample_ids).sum() == (other != its_ids).any(1).sum()

    # Without a mask, all tokens of the decoder count.
    del data["decoder_attention_mask"]
    whole = mean(model.decoder["embed"], its_ids, torch.ones_like(its_ids))
    np.testing.assert_allclose(capture(model, data)["decoder.embed"], whole, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="decoder_attention_mask of the data should be"):
        capture(model, {**data, "decoder_attention_mask": torch.ones(3, 2)})


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["cat", "dog"] * 4),
        np.array(["cat", "dog"] * 4, dtype=object),
        pd.Series(["cat", "dog"] * 4),
        pd.Categorical(["cat", "dog"] * 4),
        ["cat", "dog"] * 4,
        pd.Series([3, 5] * 4, dtype="category"),
        pd.Series([3, 5] * 4, dtype="Int64"),
    ],
    ids=["str", "object", "Series", "Categorical", "list", "numbers", "Int64"],
)
def test_labels_of_classes_of_every_kind(labels):
    model, x = nn.Sequential(nn.Linear(3, 2)), torch.randn(8, 3)
    expected = np.asarray(labels).tolist()
    for data in ((x, labels), [(x, labels)], {"input": x, "labels": labels}):
        captured = capture(model, data, progress=False)
        assert captured.labels.tolist() == expected
        np.testing.assert_array_equal(captured["0"], model(x).detach().numpy())
