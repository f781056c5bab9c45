"""Layer matching: by name, without wrappers and prefixes, by map and by order."""

import pytest

from isorep.comparison.diffing.layer_matching import changed_patterns, match_layers


@pytest.mark.parametrize(
    ("base", "changed", "pairs", "ignored"),
    [
        (["a", "b"], ["b", "a"], ["a a", "b b"], None),
        (["0", "1"], ["module", "module.0", "module.1"], ["0 module.0", "1 module.1"], "module."),
        (["x.0"], ["x", "x._orig_mod", "x._orig_mod.0"], ["x.0 x._orig_mod.0"], "_orig_mod."),
        (
            ["enc", "enc.0"],
            ["base_model.model.enc", "base_model.model.enc.0", "base_model"],
            ["enc base_model.model.enc", "enc.0 base_model.model.enc.0"],
            "base_model.model.",
        ),
        (["bert.x", "bert.y", "cls"], ["x", "y"], ["bert.x x", "bert.y y"], "bert."),
        # A known prefix also where some names match, an unknown one only where none does.
        (["drop", "x"], ["drop", "model.x"], ["drop drop", "x model.x"], "model."),
        (["drop", "x"], ["drop", "teacher.x"], ["drop drop"], None),
        # Two prefixes are as common: neither is taken.
        (["0", "1"], ["a.0", "a.1", "b.0", "b.1"], [], None),
    ],
    ids=str,
)
def test_names(base, changed, pairs, ignored):
    match = match_layers(base, changed)
    assert match.pairs == [tuple(pair.split()) for pair in pairs]
    paired = {name for pair in match.pairs for name in pair}
    assert match.removed == [name for name in base if name not in paired]
    assert match.added == [name for name in changed if name not in {b for _, b in match.pairs}]
    assert (ignored in match.notes[0]) if ignored else not match.notes


def test_a_map_with_globs_and_later_calls():
    base = ["h.0.mlp", "h.1.mlp", "h.1.mlp#2", "out"]
    changed = ["l.0.ff", "l.1.ff", "l.1.ff#2", "head"]
    layer_map = {"h.*.mlp": "l.*.ff", "out": "head"}
    assert match_layers(base, changed, layer_map).pairs == list(zip(base, changed, strict=True))


def test_a_map_comes_before_equal_names():
    """Two layers may have changed places."""
    match = match_layers(["a", "b"], ["a", "b"], {"a": "b", "b": "a"})
    assert match.pairs == [("a", "b"), ("b", "a")]


def test_order():
    match = match_layers(["a", "b"], ["x", "y"], "order")
    assert match.pairs == [("a", "x"), ("b", "y")]
    assert match.notes == ("layers are matched by the order in which they ran",)
    with pytest.raises(ValueError, match="base has 2 and changed 1"):
        match_layers(["a", "b"], ["x"], "order")


@pytest.mark.parametrize(
    ("layer_map", "message"),
    [
        ({"c": "x"}, "unknown layer of base 'c'"),
        ({"a": "z"}, "unknown layer of changed 'z'"),
        ({"*": "x"}, r"as many \* on both sides"),
        ({"a": "x", "b": "x"}, "'a' and 'b' of base the same layer 'x'"),
        ("sorted", "or 'order', got 'sorted'"),
    ],
    ids=str,
)
def test_maps_that_cannot_be(layer_map, message):
    with pytest.raises(ValueError, match=message):
        match_layers(["a", "b"], ["x", "y"], layer_map)


def test_globs_also_select_the_partners():
    patterns = changed_patterns(["fc*"], ["fc1"], ["module.fc1", "module.conv"], None)
    assert patterns == ["fc*", "[m]odule.fc1"]
