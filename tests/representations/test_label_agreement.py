"""Groups, order and labels of two networks that contradict each other."""

import numpy as np
import pytest

import isorep
from isorep import Representations
from isorep.representations.label_agreement import check_same_labels

SWEEP = {"measures": "cka", "progress": False}
X = np.random.default_rng(0).standard_normal((40, 4))
SHUFFLED = np.random.default_rng(1).permutation(40)
GROUPS = np.arange(40) // 4
VALUES = {
    "groups": GROUPS,
    "order": np.arange(40) * 0.5,
    "labels": np.array([f"image {i}" for i in range(40)]),
}


def compare(a, b, **options):
    return isorep.compare(a, b, **SWEEP, **options)


def pairwise(a, b, **options):
    return isorep.pairwise({"a": a, "b": b}, **SWEEP, **options)


def trajectory(a, b, **options):
    return isorep.trajectory({0: a, 1: b}, **SWEEP, **options)


FUNCTIONS = [compare, pairwise, trajectory, isorep.diff]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", VALUES)
def test_all_comparisons_refuse_with_the_first_row_and_both_values(function, kind):
    values = VALUES[kind]
    a = Representations({"fc": X}, **{kind: values})
    b = Representations({"fc": X[SHUFFLED]}, **{kind: values[SHUFFLED]})
    row = int(np.flatnonzero(values != values[SHUFFLED])[0])
    message = (
        rf"have different {kind}: row {row} has {values.tolist()[row]!r} in \S+ "
        rf"and {values[SHUFFLED].tolist()[row]!r} in "
    )
    with pytest.raises(ValueError, match=message):
        function(a, b)


@pytest.mark.parametrize("function", [compare, pairwise, trajectory])
def test_an_array_of_files_is_checked_unless_a_value_for_each_row_takes_its_place(
    function, tmp_path
):
    np.savez(tmp_path / "a.npz", V=X, g=GROUPS)
    np.savez(tmp_path / "b.npz", V=X[SHUFFLED], g=GROUPS[SHUFFLED])
    paths = (tmp_path / "a.npz", tmp_path / "b.npz")
    with pytest.raises(
        ValueError, match=f"different groups: row 0 has 0 in .* and {GROUPS[SHUFFLED[0]]} in"
    ):
        function(*paths, groups="g")
    known = [isorep.load(path, groups="g") for path in paths]
    table = function(*known, groups=GROUPS)
    expected = isorep.similarity(X, X[SHUFFLED], "cka").similarity
    assert np.isclose(table["cka"].values.ravel(), expected, atol=1e-12).any()


def test_compare_refuses_where_samples_with_nan_are_left_out():
    a = Representations({"fc": X}, groups=GROUPS)
    b = Representations({"fc": X}, groups=GROUPS[SHUFFLED])
    with pytest.raises(ValueError, match="a and b have different groups: row 0"):
        compare(a, b, nan_policy="omit")


def networks(kind, *values):
    return {
        name: Representations({"fc": np.zeros((len(x), 1))}, **{kind: x})
        for name, x in zip("abcd", values, strict=False)
    }


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("groups", ([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0])),
        ("groups", ([0, 0, 0, 1], ["x", "y", "y", "z"])),
        ("labels", ([3, 5, 3, 5], ["three", "five", "three", "five"])),
        ("labels", ([0.1, np.nan, 0.3], [0.1, np.nan, 0.3])),
        ("order", ([0, 1, 2, 3], [10.5, 20.5, 20.5, 40.5])),
        ("order", ([0, 1, 2], np.array(["2020-01-01", "2020-01-02", "2020-01-05"], "M8[D]"))),
    ],
)
def test_other_names_finer_groups_and_other_units_agree(kind, values):
    check_same_labels(networks(kind, *values))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("groups", ([0, 0, 1, 1], ["x", "y", "x", "y"]), "row 1 has 0 in a and 'y' in b"),
        ("groups", ([0, 0, 1, 1], [1, 1, 0, 0]), "row 0 has 0 in a and 1 in b"),
        # b and c are parts of a, and contradict each other.
        (
            "groups",
            ([0, 0, 0, 0, 9], list("xxyyz"), list("pqpqr")),
            "b and c have different groups: row 1 has 'x' in b and 'q' in c",
        ),
        (
            "order",
            ([0, 1, 2, 3], [10, 30, 20, 40]),
            r"row 1 is before row 2 in a \(1 and 2\) and after it in b \(30 and 20\)",
        ),
        ("labels", ([0.1, np.nan, 0.3], [0.1, 0.3, np.nan]), "row 1 has None in a and 0.3 in b"),
    ],
)
def test_contradictions(kind, values, message):
    with pytest.raises(ValueError, match=message):
        check_same_labels(networks(kind, *values))
