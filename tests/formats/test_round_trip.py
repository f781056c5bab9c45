"""Whatever `Representations` can hold, npz and zarr give back, and an open store reads the same."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isorep.representations.representations import Representations
from isorep.storage import load, open_store

DTYPES = ["float16", "float32", "float64", "int8", "int64", "uint16", "bool"]
# Any character, lone surrogates included, and more often than by chance those that mean something
# in paths and texts.
TEXT = st.text(st.characters() | st.sampled_from("/\\.%\"'\0\n "))
MANY_ROWS = 3


@st.composite
def representations(draw):
    n = draw(st.integers(0, 5))
    names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    arrays, reductions = {}, {}
    for name in names:
        reduction = draw(st.sampled_from([None, "mean", "positions"]))
        if reduction is not None:
            reductions[name] = reduction
        rows = n * MANY_ROWS if reduction == "positions" else n
        shape = rows, draw(st.integers(0, 3))
        arrays[name] = draw(hnp.arrays(draw(st.sampled_from(DTYPES)), shape))
        if draw(st.booleans()):
            arrays[name] = np.asfortranarray(arrays[name])
    labels = st.one_of(
        hnp.arrays(draw(st.sampled_from(DTYPES)), n),
        st.lists(TEXT.map(lambda text: text.rstrip("\0")), min_size=n, max_size=n).map(
            lambda texts: np.array(texts, dtype=np.str_)
        ),
    )
    groups = hnp.arrays(draw(st.sampled_from(["int64", "uint16", "bool"])), n)
    order = hnp.arrays(draw(st.sampled_from(["int32", "datetime64[ns]"])), n)
    order = order.filter(lambda times: not (times.dtype.kind == "M" and np.isnat(times).any()))
    return Representations(
        arrays,
        sample_ids=draw(st.none() | st.lists(TEXT | st.integers(), min_size=n, max_size=n)),
        labels=draw(st.none() | labels),
        groups=draw(st.none() | groups),
        order=draw(st.none() | order),
        reductions=reductions,
        dtypes=draw(st.dictionaries(st.sampled_from(names), st.sampled_from(["bfloat16", "int8"]))),
        n_samples=n,
    )


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npz", ".zarr"])
@settings(derandomize=True, deadline=None, max_examples=40)
@given(reps=representations())
def test_a_file_gives_back_what_was_saved(suffix, reps):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        reps.save(path)
        assert [entry.name for entry in Path(folder).iterdir()] == [path.name]
        loaded = load(path)
        assert loaded == reps
        for name, array in reps.items():
            assert loaded[name].tobytes() == array.tobytes()  # NaN and -0.0 included
        if suffix == ".zarr":
            assert Representations.from_mapping(open_store(path)) == reps
