"""Layer patterns: names in full, globs, and the later calls of a layer."""

import pytest

from isorep._utils.layer_patterns import as_patterns, matches, matching


def test_a_name_in_full_matches_whatever_its_characters():
    assert matches("block[0].conv", "block[0].conv")
    assert not matches("block0.conv", "block[0].conv[")
    assert matches("block0.conv", "block[0].conv")  # as a glob


def test_case_counts():
    assert not matches("Conv1", "conv*")


def test_later_calls_go_with_the_name_of_the_layer():
    layers = ["conv", "fc", "fc#2", "fc2", "#odd"]
    assert matching(["fc"], layers) == ["fc", "fc#2"]
    assert matching(["fc#2"], layers) == ["fc#2"]
    assert matching(["*c", "#*"], layers) == ["fc", "fc#2", "#odd"]
    assert matching([], layers) == []


def test_patterns_are_a_list_of_at_least_one():
    assert as_patterns("conv*") == ["conv*"]
    assert as_patterns(iter(["a", "b"])) == ["a", "b"]
    with pytest.raises(ValueError, match="no layer is selected: pass at least one name or glob"):
        as_patterns([])
