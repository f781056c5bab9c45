"""Capture of functions: rows, ids, options, stores; without PyTorch where data are arrays."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import isorep
from isorep.activations import RandomModelWarning

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 5)).astype(np.float32)
W = RNG.standard_normal((5, 7)).astype(np.float32)


def linear(batch):
    return {"hidden": batch @ W, "relu": np.maximum(batch @ W, 0)}


def test_rows_and_ids_are_those_of_a_torch_model():
    model = torch.nn.Sequential(torch.nn.Linear(5, 7, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(W.T))
    labels = np.arange(300) % 3
    reps = isorep.capture(lambda batch: linear(batch[0]), (X, labels))
    from_torch = isorep.capture(model, (torch.from_numpy(X), torch.from_numpy(labels)))
    assert_allclose(reps["hidden"], X @ W, rtol=1e-6)
    assert reps.sample_ids == from_torch.sample_ids
    assert_array_equal(reps.labels, labels)
    assert isorep.compare(reps, from_torch, layers="*", measures="cka").sizes == {
        "x_layer": 2,
        "y_layer": 1,
    }


def test_named_tuples_and_dicts_in_a_tuple_are_cut():
    Sample = namedtuple("Sample", "images more")
    data = [Sample(X, {"scale": X[:, :1], "deep": {"shift": X[:, 1:2], "constant": 3.0}})] * 2

    def function(batch):
        more = batch.more
        shift = more["deep"]["shift"] + more["deep"]["constant"]
        return {"hidden": batch.images * more["scale"] + shift}

    n = len(X) + 20
    reps = isorep.capture(function, data, max_samples=n, sample_ids=range(n), probe=False)
    expected = X * X[:, :1] + (X[:, 1:2] + 3)
    assert_allclose(reps["hidden"], np.concatenate([expected, expected[:20]]), rtol=1e-6)


def test_layers_batches_and_number_of_samples():
    sizes = []

    def function(batch):
        sizes.append(len(batch))
        return linear(batch)

    reps = isorep.capture(function, X, layers=["*", "!relu"], max_samples=260, probe=False)
    assert list(reps) == ["hidden"]
    assert reps.n_samples == 260
    assert sizes == [256, 4]
    with pytest.raises(ValueError, match="unknown layer 'hiden'; did you mean 'hidden'"):
        isorep.capture(linear, X, layers="hiden")


def test_arrays_of_pytorch_and_half_precision():
    reps = isorep.capture(
        lambda batch: {"half": torch.from_numpy(batch).bfloat16(), "int": batch.astype(np.int8)}, X
    )
    assert reps["half"].dtype == np.float32
    assert reps.dtypes == {"half": "bfloat16", "int": "int8"}
    assert_array_equal(reps["half"], torch.from_numpy(X).bfloat16().float().numpy())
    single = isorep.capture(linear, X.astype(float), dtype="float16")
    assert single["hidden"].dtype == np.float16
    with pytest.raises(ValueError, match=r"'h' has values up to 1e\+06, which do not fit into fl"):
        isorep.capture(lambda batch: {"h": np.full((len(batch), 2), 1e6)}, X, dtype="float16")


MASK = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 1]])
TOKENS = {"input_ids": np.arange(12).reshape(4, 3), "attention_mask": MASK}
HIDDEN = RNG.standard_normal((4, 3, 2))
HIDDEN[MASK == 0] = np.nan


def tokens(batch):
    return {"h": HIDDEN[batch["input_ids"][:, 0] // 3]}


def test_reductions_leave_out_padding():
    rows = [HIDDEN[i][MASK[i] == 1] for i in range(4)]
    expected = {
        "mean": [row.mean(0) for row in rows],
        "max": [row.max(0) for row in rows],
        "first": [row[0] for row in rows],
        "last": [row[-1] for row in rows],
        "flatten": np.nan_to_num(HIDDEN).reshape(4, 6),
        "positions": np.concatenate(rows),
    }
    for name, values in expected.items():
        reps = isorep.capture(tokens, TOKENS, reduce=name)
        assert_allclose(reps["h"], values, err_msg=name)
    positions = reps.row_positions["h"]
    assert_array_equal(positions.samples, np.nonzero(MASK)[0])
    assert_array_equal(positions.positions, np.nonzero(MASK)[1])
    assert_array_equal(positions.tokens, TOKENS["input_ids"][MASK == 1])


def test_masks_of_the_caller_and_custom_reductions():
    def function(batch):
        return {
            "h": np.nan_to_num(tokens(batch)["h"]),
            "map": np.ones((len(batch["input_ids"]), 5)),
        }

    with pytest.warns(UserWarning, match=r"'h' \(4, 3, 2\) is read as 2 features at 3 positions"):
        reps = isorep.capture(function, TOKENS, mask={"h": None})
    assert_allclose(reps["h"], np.nan_to_num(HIDDEN).mean(1))
    reps = isorep.capture(
        tokens, TOKENS, reduce={"h": lambda x, mask: np.where(mask, x[:, :, 0], 0)}
    )
    assert_allclose(reps["h"], np.where(MASK, np.nan_to_num(HIDDEN)[:, :, 0], 0))
    assert reps.reductions == {"h": "callable <lambda>"}
    with pytest.raises(ValueError, match=r"unknown input 'mask'. Known: input_ids, attention_mask"):
        isorep.capture(tokens, TOKENS, mask={"h": "mask"})


def test_maps_need_the_axis_of_features():
    maps = RNG.standard_normal((6, 2, 3, 4))

    def function(batch):
        return {"maps": batch}

    with pytest.raises(ValueError, match="unknown which axis holds the features: pass channels='f"):
        isorep.capture(function, maps)
    first = isorep.capture(function, maps, channels="first")["maps"]
    last = isorep.capture(function, maps, channels="last")["maps"]
    assert_allclose(first, maps.mean((2, 3)))
    assert_allclose(last, maps.mean((1, 2)))


def test_padding_that_cannot_be_left_out_is_named():
    with pytest.warns(UserWarning, match=r"rows of layer 'h', shape \(4, 6, 2\), include padding"):
        isorep.capture(lambda batch: {"h": np.ones((4, 6, 2))}, TOKENS, channels="last")


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda b: b, TypeError, r"return a dict \{layer: array\}, got ndarray for batch 0"),
        (lambda b: {}, TypeError, "got an empty dict"),
        (
            lambda b: {"h": b[:3]},
            ValueError,
            r"'h' has shape \(3, 5\) for the 256 samples of batch",
        ),
        (lambda b: {"h": b + 1j}, TypeError, "'h' has dtype complex"),
        (lambda b: {"h" if len(b) > 99 else "g": b}, ValueError, r"missing \['h'\], new \['g'\]"),
        (
            lambda b: {"h": b if len(b) > 99 else b[:, 1:]},
            ValueError,
            "4 features of float32 for b",
        ),
    ],
)
def test_what_a_function_may_not_return(function, error, text):
    with pytest.raises(error, match=text):
        isorep.capture(function, X)


@pytest.mark.parametrize("option", [{"heads": "h"}, {"skip": [0]}, {"device": "cpu"}])
def test_options_of_models_are_refused(option):
    with pytest.raises(
        ValueError, match=f"{next(iter(option))} is for PyTorch models, and the mod"
    ):
        isorep.capture(linear, X, **option)


def test_what_is_no_model():
    with pytest.raises(TypeError, match=r"model should be a torch.nn.Module or a function batch"):
        isorep.capture({"h": X}, X)


def test_a_random_function_is_noticed_unless_the_probe_is_off():
    rng = np.random.default_rng(0)

    def dropout(batch):
        return {"same": batch, "dropped": batch * rng.integers(0, 2, batch.shape)}

    with pytest.warns(RandomModelWarning, match="not the same twice .* in layer 'dropped'"):
        isorep.capture(dropout, X)
    isorep.capture(dropout, X, probe=False)


def test_texts_and_other_objects():
    texts = [f"text number {i}" for i in range(40)]

    def lengths(batch):
        assert isinstance(batch, list)
        return {"h": [[len(text), text.count("1")] for text in batch]}

    reps = isorep.capture(lengths, texts)
    assert_array_equal(reps["h"][:, 0], [len(text) for text in texts])
    assert len(set(reps.sample_ids)) == 40

    def named(batch):
        return {"h": [[x.start] for x in batch]}

    objects = [[range(3), range(1, 2)], [range(5, 9)]]
    with pytest.raises(ValueError, match=r"samples have no ids, .* pass sample_ids"):
        isorep.capture(named, objects)
    reps = isorep.capture(named, objects, sample_ids=list("abc"))
    assert_array_equal(reps["h"], [[0], [1], [5]])
    with pytest.raises(TypeError, match="a batch is a range_iterator whose samples cannot"):
        isorep.capture(named, [iter(range(3))])


def test_doubled_samples_and_shuffled_ids():
    with pytest.warns(UserWarning, match="300 of the 600 samples repeat"):
        isorep.capture(linear, [X, X])
    loader = torch.utils.data.DataLoader(torch.from_numpy(X), batch_size=50, shuffle=True)
    with pytest.raises(ValueError, match="this DataLoader shuffles them"):
        isorep.capture(lambda batch: {"h": batch}, loader, sample_ids=range(300))


def test_data_that_are_empty_or_no_data():
    with pytest.raises(ValueError, match="the data yielded no samples"):
        isorep.capture(linear, [])
    with pytest.raises(TypeError, match=r"data should be an array, .* got int"):
        isorep.capture(linear, 3)


class InterruptedRunError(Exception):
    pass


def test_a_store_is_resumed_with_the_same_function_only(tmp_path, monkeypatch):
    monkeypatch.setattr("isorep._formats.resumable._SECONDS", -1.0)  # commit each batch
    seen = []

    def function(batch):
        seen.append(batch[0, 0])
        if len(seen) == 4:
            raise InterruptedRunError
        return linear(batch)

    function.__qualname__ = "function"
    batches = [X[i : i + 100] for i in range(0, 300, 100)]
    out = tmp_path / "a.zarr"
    with pytest.raises(InterruptedRunError):
        isorep.capture(function, batches, out=out)  # twice the first batch, one more, and the error
    scale = 1.0

    def scaled(batch):
        seen.append(batch[0, 0])
        return {name: scale * x for name, x in linear(batch).items()}

    scaled.__qualname__ = "function"
    scale = 1.01
    with pytest.raises(ValueError, match="holds another capture: first batch 'hidden' was"):
        isorep.capture(scaled, batches, out=out)
    scale = 1.0
    seen.clear()
    assert isorep.capture(scaled, batches, out=out) == out
    assert seen == [X[0, 0], X[0, 0], X[200, 0]]
    stored = isorep.load(out)
    assert_array_equal(stored["relu"], np.maximum(X @ W, 0).astype(np.float32))
    assert stored.sample_ids == isorep.capture(linear, X).sample_ids
    assert isorep.capture(scaled, batches, out=out) == out  # complete


@pytest.mark.slow
def test_functions_of_arrays_need_no_pytorch(tmp_path):
    script = """
import sys
from collections import namedtuple
class NoTorch:
    def find_spec(self, name, *rest):
        if name == "torch":
            raise ModuleNotFoundError("no torch", name="torch")
sys.meta_path.insert(0, NoTorch())
import numpy as np, isorep
x = np.random.default_rng(0).standard_normal((300, 4))
reps = isorep.capture(lambda batch: {"h": batch ** 2}, x)
isorep.capture(lambda batch: {"h": batch ** 2}, x, out=sys.argv[1])
assert (isorep.load(sys.argv[1])["h"] == reps["h"]).all()
print(isorep.compare(reps, reps, measures="cka")["cka"].item())
"""
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.zarr")], capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    assert float(out.stdout) == pytest.approx(1)


def test_a_list_of_samples_is_not_taken_for_batches():
    rows = list(np.random.default_rng(0).standard_normal((30, 8)))
    with pytest.raises(ValueError, match=r"30 arrays with one axis.*pass np\.stack\(data\)"):
        isorep.capture(lambda batch: {"h": batch}, rows)
    stacked = isorep.capture(lambda batch: {"h": batch}, np.stack(rows))
    assert stacked["h"].shape == (30, 8)
    as_batches = isorep.capture(lambda batch: {"h": batch}, [row[:, None] for row in rows])
    assert as_batches["h"].shape == (240, 1)


@pytest.mark.parametrize("other", [6, 20])
def test_inputs_of_several_lengths(other):
    x, y = np.arange(24.0).reshape(12, 2), np.arange(3.0 * other).reshape(other, 3)
    text = (
        rf"a row for each of the 12 samples in all inputs, got {other} rows of '{{}}': pass inputs"
    )
    for name, data in (
        ("b", {"a": x, "b": y}),
        ("c.b", {"a": x, "c": {"b": y}}),
        ("label", {"a": x, "label": y[:, 0]}),
        ("texts", {"a": x, "texts": ["a"] * other}),
    ):
        with pytest.raises(ValueError, match=text.format(name)):
            isorep.capture(lambda batch: {"a": batch["a"]}, data, progress=False)
    for model in (lambda batch: {"a": batch[0]}, torch.nn.Sequential(torch.nn.Linear(2, 3))):
        with pytest.raises(ValueError, match=f"inputs of 12 samples and {other} labels: pass one"):
            isorep.capture(model, (x.astype("f4"), y[:, 0]), progress=False)


def test_a_batch_with_an_input_that_has_other_rows():
    graphs = [{"nodes": np.eye(5) + i, "edges": np.zeros((2, 7))} for i in range(2)]
    with pytest.warns(UserWarning, match="the input 'edges' has no row for each of the 5 samples"):
        reps = isorep.capture(lambda batch: {"x": 2 * batch["nodes"]}, graphs, progress=False)
    np.testing.assert_array_equal(reps["x"], np.concatenate([2 * x["nodes"] for x in graphs]))
    tokens = {"input_ids": np.arange(12).reshape(4, 3), "patches": np.ones((9, 2))}
    isorep.capture(lambda batch: {"x": batch["input_ids"]}, [tokens], progress=False)
