import pickle
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest
import torch

from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Representations
from isorep.representations.row_positions import RowPositions


def arrays(n=7):
    rng = np.random.default_rng(3)
    return {"conv1": rng.normal(size=(n, 5)), "fc": rng.normal(size=(n, 3)).astype(np.float32)}


def test_is_a_mapping_in_the_order_given():
    given = arrays()
    reps = Representations(given)
    assert list(reps) == ["conv1", "fc"]
    assert len(reps) == 2
    assert "fc" in reps
    assert "nope" not in reps
    assert reps.n_samples == 7
    for name, array in given.items():
        np.testing.assert_array_equal(reps[name], array)
    assert reps.dtypes == {"conv1": "float64", "fc": "float32"}
    assert reps.reductions == {}
    assert reps.sample_ids is None
    assert reps.labels is None


def test_cannot_be_changed_and_leaves_the_callers_arrays_alone():
    given = arrays()
    reps = Representations(given, labels=np.arange(7))
    with pytest.raises(ValueError, match="read-only"):
        reps["fc"][0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        reps.labels[0] = 1
    with pytest.raises(AttributeError):
        reps.n_samples = 3
    with pytest.raises(TypeError):
        reps["new"] = given["fc"]
    reps.dtypes["fc"] = "int8"
    assert reps.dtypes["fc"] == "float32"
    given["fc"][0, 0] = 1
    assert given["fc"].flags.writeable


def test_ids_labels_reductions_and_dtypes_are_kept():
    reps = Representations(
        arrays(),
        sample_ids=[*"abcde", 5, np.int64(6)],
        labels=list("uvwxyza"[:7]),
        reductions={"fc": "mean"},
        dtypes={"fc": "bfloat16"},
    )
    assert reps.sample_ids == ("a", "b", "c", "d", "e", "5", "6")
    assert reps.labels.tolist() == list("uvwxyza")
    assert reps.reductions == {"fc": "mean"}
    assert reps.dtypes == {"conv1": "float64", "fc": "bfloat16"}


def test_of_wraps_a_mapping_once():
    reps = Representations.from_mapping(MappingProxyType(arrays()))
    assert Representations.from_mapping(reps) is reps
    with pytest.raises(TypeError, match=r"mapping of layer name .* got ndarray; wrap a single"):
        Representations.from_mapping(np.ones((3, 2)))


def test_takes_torch_tensors():
    x = torch.linspace(0, 1, 10).reshape(5, 2)
    reps = Representations.from_mapping({"grad": x.clone().requires_grad_(), "half": x.bfloat16()})
    np.testing.assert_array_equal(reps["grad"], x.numpy())
    np.testing.assert_array_equal(reps["half"], x.bfloat16().float().numpy())
    assert reps.dtypes == {"grad": "float32", "half": "bfloat16"}


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (np.ones(5), ValueError, r"'x' is 1-D, shape \(5,\); .* one feature is x\[:, None\]"),
        (np.ones((5, 2, 3)), ValueError, r"3-D, shape \(5, 2, 3\).*mean.*positions.*flatten"),
        (np.ones((5, 2, 3, 3)), ValueError, "4-D.*'positions'"),
        (1.0, ValueError, "0-D.*single number"),
        ([[1.0], [2.0, 3.0]], ValueError, "'x' is no array of one shape"),
        (np.ones((5, 2), complex), TypeError, "'x' has dtype complex128"),
        (np.full((5, 2), "a"), TypeError, "'x' has dtype <U1"),
        (np.full((5, 2), None), TypeError, "'x' has dtype object"),
    ],
)
def test_an_array_that_is_no_representation(value, error, text):
    with pytest.raises(error, match=text):
        Representations({"x": value})


def test_what_does_not_fit_together():
    with pytest.raises(ValueError, match="at least one layer"):
        Representations({})
    with pytest.raises(TypeError, match=r"names are strings, got 3 \(int\)"):
        Representations({3: np.ones((5, 2))})
    with pytest.raises(ValueError, match=r"'a' has 5 samples and layer 'b' has 4.*transpose"):
        Representations({"a": np.ones((5, 2)), "b": np.ones((4, 5))})
    with pytest.raises(ValueError, match="sample_ids has 6 samples and layer 'conv1' has 7"):
        Representations(arrays(), sample_ids=range(6))
    with pytest.raises(ValueError, match="labels has 8 samples and layer 'conv1' has 7"):
        Representations(arrays(), labels=range(8))
    with pytest.raises(ValueError, match=r"one label per sample.*shape \(7, 1\)"):
        Representations(arrays(), labels=np.ones((7, 1)))
    with pytest.raises(ValueError, match=r"one label per sample.*dtype object"):
        Representations(arrays(), labels=np.full(7, None))
    with pytest.raises(TypeError, match=r"strings or integers, got 1.5 \(float\) for sample 2"):
        Representations(arrays(), sample_ids=[0, 1, 1.5, 2, 3, 4, 5])
    with pytest.raises(
        ValueError,
        match=r"reductions has unknown layers \['fc2'\]; the layers are \['conv1', 'fc'\]",
    ):
        Representations(arrays(), reductions={"fc2": "mean"})


def test_positions_have_more_rows_than_samples():
    layers = {"conv": np.ones((35, 2)), "fc": np.ones((7, 3))}
    reps = Representations(layers, reductions={"conv": "positions", "fc": "positions"}, n_samples=7)
    assert reps.n_samples == 7
    assert Representations(layers, reductions={"conv": "positions"}).n_samples == 7
    with pytest.raises(ValueError, match="the number of samples is unknown"):
        Representations({"conv": layers["conv"]}, reductions={"conv": "positions"})


def test_equality_and_pickle():
    reps = Representations(arrays(), sample_ids=range(7), labels=np.arange(7))
    assert reps == Representations(arrays(), sample_ids=range(7), labels=np.arange(7))
    assert pickle.loads(pickle.dumps(reps)) == reps
    assert reps != Representations(arrays(), sample_ids=range(7))
    assert reps != Representations(arrays(), sample_ids=range(1, 8), labels=np.arange(7))
    assert reps != arrays()
    nan = {"x": np.full((3, 1), np.nan)}
    assert Representations(nan) == Representations(nan)


def test_repr_is_short():
    many = {f"layer{i}": np.ones((7, i + 1)) for i in range(100)}
    assert repr(Representations(many)) == (
        "Representations(100 layers, 7 samples: layer0 (7, 1), layer1 (7, 2), ..., "
        "layer98 (7, 99), layer99 (7, 100))"
    )
    assert repr(Representations({"a": [[1.0]]})) == "Representations(1 layer, 1 sample: a (1, 1))"


class TestCheckSameSamples:
    def make(self, ids, n=None):
        n = len(ids) if n is None else n
        return Representations({"fc": np.arange(float(n))[:, None]}, sample_ids=ids)

    def test_same_samples_pass(self):
        self.make("abca").check_same_samples(self.make("abca"))

    def test_unknown_identity_checks_only_the_count(self):
        known, unknown = self.make("abc"), self.make(None, 3)
        text = "left knows its samples and right does not, .* pass sample_ids for right"
        with pytest.warns(UserWarning, match=text):
            known.check_same_samples(unknown, "left", "right")
        with pytest.warns(UserWarning, match="b knows its samples and a does not"):
            unknown.check_same_samples(known)
        unknown.check_same_samples(unknown)
        with pytest.raises(ValueError, match=r"left and right hold different numbers.*, 3 and 4"):
            unknown.check_same_samples(self.make("abcd"), "left", "right")

    def test_another_order(self):
        with pytest.raises(
            ValueError, match="same samples in another order: sample 1 is 'b' in a and 'c' in b"
        ):
            self.make("abcd").check_same_samples(self.make("acbd"))

    def test_other_samples(self):
        with pytest.raises(
            ValueError,
            match="different samples: 2 of the 5 in m1 are not in m2, the first of them sample 0",
        ):
            self.make("abcde").check_same_samples(self.make("edbxx"), "m1", "m2")

    def test_duplicates_count(self):
        with pytest.raises(ValueError, match="different samples: 1 of the 3"):
            self.make("aab").check_same_samples(self.make("abb"))


def test_masked_arrays_only_without_masked_values():
    array = np.ma.masked_array(np.arange(6.0).reshape(3, 2), mask=False)
    reps = Representations({"fc": array})
    assert type(reps["fc"]) is np.ndarray
    np.testing.assert_array_equal(reps["fc"], array.data)
    array[1, 0] = np.ma.masked
    with pytest.raises(
        ValueError,
        match="layer 'fc' is a masked array with masked values: drop those samples or fill them in",
    ):
        Representations({"fc": array})


def test_bfloat16_is_float32_to_the_last_bit_from_any_library():
    bits = np.arange(2**16, dtype=np.uint16).reshape(-1, 256)
    expected = (bits.astype(np.uint32) << 16).tobytes()
    tensor = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16)
    for array in (tensor, tensor.T.contiguous().T, bits.view(ml_dtypes.bfloat16)):
        reps = Representations({"fc": array})
        assert reps["fc"].dtype == np.float32
        assert reps["fc"].tobytes() == expected
        assert reps.dtypes == {"fc": "bfloat16"}


def test_html_is_a_table_of_the_layers():
    layers = {"conv<1>": np.ones((35, 2)), "fc": torch.ones((7, 3)).bfloat16()}
    reps = Representations(layers, reductions={"conv<1>": "positions"})
    html = reps._repr_html_()
    assert "<caption>Representations: 2 layers, 7 samples</caption>" in html
    assert "<th>conv&lt;1&gt;</th><td>(35, 2)</td><td>float64</td><td>positions</td>" in html
    assert "<th>fc</th><td>(7, 3)</td><td>bfloat16</td><td></td>" in html
    lazy = LazyRepresentations.from_layers(reps)._repr_html_()
    assert lazy == html.replace("Representations", "LazyRepresentations")


@pytest.mark.parametrize(
    "layers",
    [
        {"fc1.weight": np.ones((5, 3)), "fc1.bias": np.ones(5)},
        {"fc1.weight": np.ones((5, 3)), "fc2.weight": np.ones((2, 5))},
        {"weight": np.ones((5, 3, 2, 2))},
    ],
)
def test_a_state_dict_is_no_representation(layers):
    with pytest.raises(ValueError, match=r"looks like a weight of a state dict, .*@weights"):
        Representations(layers)


class TestGroups:
    def test_are_kept_and_checked(self):
        groups, order = list("aabbbcc"), np.arange(7.0)[::-1]
        reps = Representations(arrays(), groups=groups, order=order)
        assert reps.groups.tolist() == groups
        assert reps.order.tolist() == order.tolist()
        assert repr(reps).startswith("Representations(2 layers, 7 samples in 3 groups: ")
        assert Representations(reps, **reps.metadata()) == reps
        assert reps != Representations(arrays(), groups=groups)
        assert reps != Representations(arrays(), groups=list("aabbbca"), order=order)
        assert pickle.loads(pickle.dumps(reps)) == reps
        with pytest.raises(ValueError, match="read-only"):
            reps.order[0] = 1
        order[0] = 3  # the caller's own array stays writeable
        with pytest.raises(ValueError, match="groups has 6 samples and layer 'conv1' has 7"):
            Representations(arrays(), groups=range(6))
        with pytest.raises(ValueError, match="order has 1 samples and layer 'conv1' has 7"):
            Representations(arrays(), order=3)
        with pytest.raises(ValueError, match=r"groups has no label .* the first of them row 2"):
            Representations(arrays(), groups=[0, 0, np.nan, 1, 1, 1, 1])
        with pytest.raises(ValueError, match="order must hold numbers or times, got dtype <U1"):
            Representations(arrays(), order=groups)

    def test_structure_of_rows_that_are_samples(self):
        by_group = Representations(arrays(), groups=list("bbaabcc"), order=[3, 1, 2, 4, 2, 0, 1])
        structure = by_group.structure("fc")
        assert [rows.tolist() for rows in structure.members] == [[1, 4, 0], [2, 3], [5, 6]]
        series = Representations(arrays(), order=range(7)).structure("fc")
        assert [rows.tolist() for rows in series.members] == [list(range(7))]
        repeats = Representations(arrays(), sample_ids=list("abacdef")).structure("conv1")
        assert repeats.groups.tolist() == [0, 1, 0, 2, 3, 4, 5]
        assert repeats.order is None
        assert Representations(arrays(), sample_ids=range(7)).structure("fc") is None
        assert Representations(arrays()).structure("fc") is None

    def positions(self, **metadata):
        rows = RowPositions(np.array([1, 0, 0, 1, 2]), np.array([1, 0, 2, 0, 0]))
        return Representations(
            {"tokens": np.arange(10.0).reshape(5, 2), "fc": np.ones((3, 2))},
            reductions={"tokens": "positions"},
            row_positions={"tokens": rows},
            **metadata,
        )

    def members(self, reps):
        return [rows.tolist() for rows in reps.structure("tokens").members]

    def test_structure_of_rows_that_are_positions(self):
        assert self.members(self.positions()) == [[3, 0], [1, 2], [4]]
        assert self.positions().structure("fc") is None
        # Texts 0 and 1 are one group: the rows of both, text after text.
        assert self.members(self.positions(groups=[5, 5, 6])) == [[1, 2, 3, 0], [4]]
        assert self.members(self.positions(sample_ids="xxy")) == [[1, 2, 3, 0], [4]]
        reversed_texts = self.positions(groups=[5, 5, 6], order=[2, 1, 0])
        assert self.members(reversed_texts) == [[3, 0, 1, 2], [4]]
        one_row = Representations(
            {"a": np.ones((2, 1))},
            row_positions={"a": RowPositions(np.array([2, 0]), np.array([3, 3]))},
            reductions={"a": "positions"},
            n_samples=3,
        )
        assert one_row.structure("a") is None

    def test_rows_of_unknown_samples(self):
        layers = {"conv": np.ones((6, 2)), "fc": np.ones((3, 2))}
        reductions = {"conv": "positions"}
        assert Representations(layers, reductions=reductions).structure("conv") is None
        reps = Representations(layers, reductions=reductions, groups=[0, 0, 1])
        with pytest.raises(ValueError, match=r"'conv' has 6 rows of 3 samples.*row_positions"):
            reps.structure("conv")
        with pytest.raises(ValueError, match="rows of layer 'conv' are positions, and it is unk"):
            reps.take([0, 1])

    def test_take_brings_everything(self):
        reps = self.positions(
            sample_ids="xyz", labels=[4, 5, 6], groups=["a", "b", "a"], order=[7.0, 8.0, 9.0]
        )
        taken = reps.take([2, 1])
        assert taken.sample_ids == ("z", "y")
        assert taken.labels.tolist() == [6, 5]
        assert taken.groups.tolist() == ["a", "b"]
        assert taken.order.tolist() == [9, 8]
        np.testing.assert_array_equal(taken["tokens"], reps["tokens"][[4, 0, 3]])
        assert taken.row_positions["tokens"].samples.tolist() == [0, 1, 1]
        assert taken.row_positions["tokens"].positions.tolist() == [0, 1, 0]
        assert reps.take(range(2)) == reps.take([0, 1])
        assert np.shares_memory(reps.take(range(2))["fc"], reps["fc"])
