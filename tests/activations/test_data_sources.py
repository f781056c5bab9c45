"""Data of other libraries: dask, sparse matrices, data frames, Hugging Face, texts, webdataset."""

from __future__ import annotations

import dask.array
import numpy as np
import pandas
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_array_equal
from torch import nn

import isorep

datasets = pytest.importorskip("datasets")

transformers = pytest.importorskip("transformers")

LONGEST = 6
X = np.random.default_rng(0).standard_normal((600, 4)).astype(np.float32)
MODEL = nn.Sequential(nn.Linear(4, 3), nn.ReLU())


class Embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 4)

    def forward(self, input_ids, attention_mask):
        return self.embedding(input_ids)


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: i for i, word in enumerate(["[UNK]", "[PAD]", "one", "two", "three", "four"])}
    core = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", model_max_length=LONGEST
    )


def equal(a, b):
    assert a.sample_ids == b.sample_ids
    for layer in b:
        assert_array_equal(a[layer], b[layer])


@pytest.mark.parametrize("model", [MODEL, lambda batch: {"h": np.asarray(batch) ** 2}])
def test_dask_arrays_are_computed_chunk_by_chunk(model):
    computed = []

    def chunk(block_info):
        (start, stop), _ = block_info[None]["array-location"]
        computed.append((start, stop))
        return X[start:stop]

    lazy = dask.array.map_blocks(chunk, chunks=((300, 300), (4,)), dtype=X.dtype, meta=X[:0])
    equal(isorep.capture(model, lazy), isorep.capture(model, X))
    assert computed == [(0, 300), (300, 600)]
    with pytest.raises(ValueError, match="chunks of unknown size: call its compute_chunk_sizes"):
        isorep.capture(model, lazy[lazy[:, 0] > 0])


@pytest.mark.parametrize("model", [MODEL, lambda batch: {"h": batch}])
def test_sparse_matrices_name_toarray(model):
    for data in (scipy.sparse.csr_matrix(X), [scipy.sparse.csr_matrix(X)]):
        with pytest.raises(TypeError, match=r"is a sparse matrix; pass .*\.toarray\(\)"):
            isorep.capture(model, data)


def test_data_frames_are_arrays():
    equal(isorep.capture(MODEL, pandas.DataFrame(X)), isorep.capture(MODEL, X))


def test_hugging_face_data_sets_are_read_in_batches():
    ids = np.random.default_rng(0).integers(0, 100, (300, 4))
    mask = np.ones_like(ids)
    columns = {
        "text": ["a"] * 300,
        "idx": list(range(300)),
        "input_ids": ids.tolist(),
        "attention_mask": mask.tolist(),
        "label": [i % 2 for i in range(300)],
    }
    model = Embedding()
    expected = isorep.capture(
        model, {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    )
    data = datasets.Dataset.from_dict(columns)
    for source in (data, data.with_format("torch"), data.to_iterable_dataset()):
        reps = isorep.capture(model, source)
        equal(reps, expected)
        assert_array_equal(reps.labels, columns["label"])
    with pytest.raises(ValueError, match="the data set has the columns text, and the model takes"):
        isorep.capture(model, data.select_columns(["text"]))


def test_columns_of_several_lengths_are_padded_where_a_mask_hides_it():
    rows = [[5, 6, 7], [8], [9, 10]]
    data = datasets.Dataset.from_dict(
        {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]}
    )
    model = Embedding()
    reps = isorep.capture(model, data)
    weight = model.embedding.weight.detach().numpy()
    for i, row in enumerate(rows):
        np.testing.assert_allclose(reps["embedding"][i], weight[row].mean(0), rtol=1e-6)
    with pytest.raises(ValueError, match="the column 'input_ids' have several sizes: pad them"):
        isorep.capture(model, data.select_columns(["input_ids"]))


def test_functions_get_all_columns():
    data = datasets.Dataset.from_dict({"text": ["a", "bb", "ccc"], "x": [1.0, 2.0, 4.0]})

    def function(batch):
        assert batch["text"] == ["a", "bb", "ccc"]
        return {"h": batch["x"][:, None]}

    assert_array_equal(isorep.capture(function, data)["h"], [[1], [2], [4]])


def test_texts_with_a_tokenizer():
    texts = ["one two", "three", "one two three four", "two " * (LONGEST + 5)]
    cut, model = tokenizer(), Embedding()
    side, token = cut.padding_side, cut.pad_token
    with pytest.raises(TypeError, match=r"data are texts, .* pass tokenizer="):
        isorep.capture(model, texts)
    reps = isorep.capture(model, texts, tokenizer=cut)
    equal(isorep.capture(model, [texts[:1], texts[1:]], tokenizer=cut), reps)
    assert (cut.padding_side, cut.pad_token) == (side, token)
    weight = model.embedding.weight.detach().numpy()
    for i, text in enumerate(texts):
        ids = cut(text, truncation=True, max_length=LONGEST)["input_ids"]
        np.testing.assert_allclose(reps["embedding"][i], weight[ids].mean(0), rtol=1e-5)

    column = datasets.Dataset.from_dict({"text": texts})["text"]
    for same in (column, pandas.Series(texts), np.array(texts), np.array(texts, dtype=object)):
        equal(isorep.capture(model, same, tokenizer=cut), reps)
        lengths = isorep.capture(lambda batch: {"n": np.array([[len(x)] for x in batch])}, same)
        assert lengths["n"].ravel().tolist() == [len(text) for text in texts]

    def function(batch):
        return {"h": weight[batch["input_ids"]]}

    by_function = isorep.capture(function, texts, tokenizer=cut)
    np.testing.assert_allclose(by_function["h"], reps["embedding"], rtol=1e-6)
    assert by_function.sample_ids == reps.sample_ids
    with pytest.raises(TypeError, match=r"must be a Hugging Face tokenizer, .* got a function"):
        isorep.capture(function, texts, tokenizer=function)
    with pytest.raises(ValueError, match="tokenizer= is for a list of texts"):
        isorep.capture(function, X, tokenizer=cut)


def test_what_webdataset_says_of_samples_is_no_input():
    class Keywords(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, image):
            return self.layer(image)

    batches = [
        {"__key__": ["a", "b"], "__url__": ["u", "u"], "image": torch.from_numpy(X[i : i + 2])}
        for i in range(0, 10, 2)
    ]
    model = Keywords()
    equal(isorep.capture(model, batches), isorep.capture(model, {"image": X[:10]}))
    pairs = ((torch.from_numpy(X[i : i + 2]), [0, 1]) for i in range(0, 10, 2))
    assert isorep.capture(MODEL, pairs).n_samples == 10


@pytest.mark.parametrize("streamed", [False, True])
def test_a_split_must_be_picked(streamed):
    splits = datasets.DatasetDict({k: datasets.Dataset.from_dict({"x": X[:9]}) for k in ("a", "b")})
    if streamed:
        splits = datasets.IterableDatasetDict(
            {k: x.to_iterable_dataset() for k, x in splits.items()}
        )
    text = r"got a \w*DatasetDict with the splits a, b: pass one of them, such as data\['a'\]"
    for model in (MODEL, lambda batch: {"x": batch["x"]}):
        with pytest.raises(TypeError, match=text):
            isorep.capture(model, splits, progress=False)
    with pytest.raises(TypeError, match=text):
        isorep.compare(MODEL, MODEL, data=splits)
    with pytest.raises(TypeError, match=r"splits a, b: pick one, and pass its columns as arrays"):
        isorep.compare(splits, splits)
