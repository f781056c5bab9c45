"""Orders: what changes places with what, and what stays together."""

import numpy as np
import pytest

from isorep.core.orders import Orders, possible_orders
from isorep.representations.sample_structure import SampleStructure


def drawn(structure, n=50, seed=0):
    return np.concatenate(list(Orders(structure, n, seed).batches(7)))


def test_groups_of_equal_size_change_places_row_by_row():
    structure = SampleStructure.from_labels(np.tile(np.arange(8), 3))  # rows of a group are apart
    orders = drawn(structure)
    assert Orders(structure, 1, 0).are_permutations
    for order in orders:
        assert sorted(order) == list(range(24))
        for rows in structure.members:
            (other,) = set(structure.groups[order[rows]])
            assert (order[rows] == structure.members[other]).all()
    assert len({tuple(order) for order in orders}) == 50


def test_the_order_of_a_group_decides_which_rows_meet():
    groups, order = np.repeat(np.arange(7), 2), np.tile([1, 0], 7)
    structure = SampleStructure.from_labels(groups, order)
    for permuted in drawn(structure):
        assert (order[permuted] == order).all()


def test_groups_change_places_with_groups_of_their_size():
    structure = SampleStructure.from_labels(np.repeat(np.arange(12), [2] * 6 + [3] * 6))
    assert Orders(structure, 1, 0).are_permutations
    for order in drawn(structure):
        assert sorted(order) == list(range(30))
        assert order[:12].max() < 12


def test_groups_of_many_sizes_are_read_there_and_back():
    sizes = [1, 2, 3, 4, 5, 6, 7, 8]
    structure = SampleStructure.from_labels(np.repeat(np.arange(8), sizes))
    assert not Orders(structure, 1, 0).are_permutations
    for order in drawn(structure):
        others = []
        for rows in structure.members:
            (other,) = set(structure.groups[order[rows]])
            source = structure.members[other].tolist()
            there_and_back = (source + source[::-1]) * 8
            assert order[rows].tolist() == there_and_back[: len(rows)]
            others.append(other)
        assert sorted(others) == list(range(8))


def test_groups_of_many_sizes_change_places_with_those_of_similar_size():
    sizes = np.random.default_rng(0).permutation(np.arange(2, 23))
    structure = SampleStructure.from_labels(np.repeat(np.arange(21), sizes))
    for order in drawn(structure):
        for rows, size in zip(structure.members, sizes, strict=True):
            (other,) = set(structure.groups[order[rows]])
            assert (sizes[other] - 2) // 7 == (size - 2) // 7  # the 7 shortest, middle and longest


@pytest.mark.parametrize("sizes", [[3] * 9, [2, 3, 4, 5, 6, 7, 8, 9]])
def test_all_groups_move_if_they_must(sizes):
    structure = SampleStructure.from_labels(np.repeat(np.arange(len(sizes)), sizes))
    for (order,) in Orders(structure, 50, 0, all_move=True).batches(1):
        partners = [structure.groups[order[rows[0]]] for rows in structure.members]
        assert (np.array(partners) != np.arange(len(sizes))).all()
        assert sorted(partners) == list(range(len(sizes)))


def test_time_moves_by_a_quarter_or_more_if_it_must():
    structure = SampleStructure.from_labels(order=np.arange(40))
    shifts = {-int(order[0]) % 40 for (order,) in Orders(structure, 300, 0, True).batches(1)}
    assert shifts == set(range(10, 30))


def test_a_time_series_is_shifted_in_its_order():
    time = np.random.default_rng(0).permutation(30)
    structure = SampleStructure.from_labels(order=time)
    for order in drawn(structure):
        shift = (time[order] - time) % 30
        assert len(set(shift)) == 1
    assert possible_orders(structure) == 30


def test_few_ordered_groups_are_shifted_each_and_do_not_mix():
    structure = SampleStructure.from_labels(np.repeat([0, 1], [10, 20]), np.arange(30))
    for order in drawn(structure):
        assert (order[:10] < 10).all()
        assert sorted(order) == list(range(30))
    assert possible_orders(structure) == 200


def test_groups_of_one_sample_are_permuted():
    structure = SampleStructure.from_labels(np.arange(9))
    assert Orders(structure, 1, 0).are_permutations
    assert {tuple(sorted(order)) for order in drawn(structure)} == {tuple(range(9))}


def test_one_group_without_an_order_is_refused():
    with pytest.raises(ValueError, match=r"all samples are one group.* pass groups= of parts"):
        Orders(SampleStructure.from_labels(np.zeros(9)), 9, 0)
