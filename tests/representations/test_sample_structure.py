"""Sample structure: labels, times, units that stay together, and what two sides know."""

import numpy as np
import pytest

from isorep.representations.sample_structure import SampleStructure, common_structure


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "b", "c"], [2.5, 1.0, 2.5, 9.0], np.array(["b", 7, "b", "7"], dtype=object)],
)
def test_groups_are_numbered_by_their_first_sample(labels):
    structure = SampleStructure.from_labels(labels)
    assert structure.groups.tolist() == [0, 1, 0, 2]
    assert (structure.n_samples, structure.n_groups) == (4, 3)


def test_members_are_in_order_of_time():
    structure = SampleStructure.from_labels([0, 0, 1, 0], np.array([3, 1, 5, 2]))
    assert [rows.tolist() for rows in structure.members] == [[1, 3, 0], [2]]
    times = np.array(["2020-02-01", "2020-01-01"], dtype="datetime64[D]")
    assert SampleStructure.from_labels(order=times).members[0].tolist() == [1, 0]


def test_units_are_groups_or_stretches_of_time():
    groups = np.repeat([0, 1], 10)
    assert SampleStructure.from_labels(groups).units(4).tolist() == groups.tolist()
    ordered = SampleStructure.from_labels(groups, np.arange(20))
    assert ordered.units(4).tolist() == np.repeat(np.arange(4), 5).tolist()
    assert ordered.units(2).tolist() == groups.tolist()


def test_what_two_sides_know():
    fine = SampleStructure.from_labels([0, 0, 1, 1, 2, 2], np.arange(6))
    coarse = SampleStructure.from_labels([0, 0, 0, 0, 1, 1])
    assert common_structure(None, None) is None
    assert common_structure(fine, None) is fine
    assert common_structure(None, fine) is fine
    both = common_structure(fine, coarse)
    assert both.groups.tolist() == coarse.groups.tolist()
    assert both.order is fine.order
    other = SampleStructure.from_labels([0, 1, 0, 1, 0, 1])
    with pytest.raises(
        ValueError, match=r"row 1 is of group 0 of 3 on one side and of group 1 of 2 on the other"
    ):
        common_structure(fine, other)


@pytest.mark.parametrize(
    ("groups", "order", "message"),
    [
        (None, None, "needs groups or an order"),
        ([1, 2], None, r"groups must hold one label for each of 3 rows, got shape \(2,\)"),
        (None, [1, 2, np.nan], r"order has no number \(NaN or None\) for 1 of 3 rows, .* row 2"),
        (["a", None, "b"], None, r"groups has no label \(NaN or None\) for 1 of 3 rows"),
        (None, ["a", "b", "c"], "order must hold numbers or times, got dtype <U1"),
    ],
)
def test_what_is_refused(groups, order, message):
    given = None if groups is None else np.array(groups, dtype=object)
    with pytest.raises(ValueError, match=message):
        SampleStructure.from_labels(given, order, 3)


def test_units_are_numbered_without_gaps():
    groups = np.repeat([0, 1], [3, 40])
    units = SampleStructure.from_labels(groups, np.arange(43)).units(20)
    assert sorted(set(units)) == list(range(13))
    assert not set(units[:3]) & set(units[3:])
