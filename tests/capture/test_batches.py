from collections import UserDict
from hashlib import blake2b

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset

from isorep.capture import capture

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
    assert len(set(ids(torch.zeros(4, 3)))) == 1
    for dtype in (torch.bool, torch.uint8, torch.bfloat16, torch.float64):
        assert len(set(ids((x % 5 == 0).to(dtype)))) == 4
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
    assert capture(Writes(), x.clone()).sample_ids == capture(Model(), x).sample_ids


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
        (["text"], TypeError, "batch 0 should be a tensor, .* got a str"),
        ([[]], TypeError, "batch 0 .* got a list of nothing"),
        ([[1, 2]], TypeError, "batch 0 .* got a list of int, int"),
        ([torch.ones(2, P), 3], TypeError, "batch 1 .* got a int"),
        ([torch.tensor(1.0)], ValueError, "batch 0 is a single number"),
        ([{"x": [1, 2]}], TypeError, "batch 0 is a dict without a tensor .* x: list"),
        ({"labels": torch.ones(3)}, TypeError, "the data is a dict without a tensor"),
        ([np.array(["a", "b"])], TypeError, "batch 0 has an array of dtype <U1, not of numbers"),
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
