"""Trajectory: every cell equals the measure of state and reference, in that order."""

import numpy as np
import pytest

import isorep
from isorep import Representations
from isorep.core.basis import Basis


def states(n=211, steps=(10, 20, 40)):
    """Draw states that drift, of unequal widths."""
    rng = np.random.default_rng(0)
    start = rng.standard_normal((n, 5))
    return {
        step: {
            "lstm1": start + 0.3 * i * rng.standard_normal((n, 5)),
            "lstm2": start[:, :3] @ rng.standard_normal((3, 7)) + rng.standard_normal((n, 7)),
        }
        for i, step in enumerate(steps)
    }


@pytest.mark.parametrize(
    ("reference", "step"), [("last", 40), ("first", 10), (20, 20), (np.int64(20), 20), (20.0, 20)]
)
def test_every_cell_is_the_measure_of_the_state_against_the_reference(reference, step):
    history = states()
    # Prepared once, so that the reference with itself has the same bits on every processor.
    prepared = {
        at: {layer: Basis.from_array(array) for layer, array in state.items()}
        for at, state in history.items()
    }
    table = isorep.trajectory(history, reference=reference, measures=["pwcca", "cka"])
    assert dict(table.sizes) == {"step": 3, "layer": 2}
    assert table["step"].to_numpy().tolist() == [10, 20, 40]
    assert table.attrs["reference"] == step
    for at in history:
        for layer in ("lstm1", "lstm2"):
            cell = table.sel(step=at, layer=layer)
            for name in ("pwcca", "cka"):
                score = isorep.similarity(prepared[at][layer], prepared[step][layer], name)
                assert cell[name].item() == score.similarity
                assert cell[f"{name}_distance"].item() == score.distance
    assert (table["n_samples"] == 211).all()
    assert table["rank"].to_numpy().tolist() == [[5, 7]] * 3
    assert table["reference_rank"].to_numpy().tolist() == [5, 7]


def test_measures_have_options():
    """Weights of the reference, which is y, in place of those of the state."""
    history = states()
    table = isorep.trajectory(history, measures=["pwcca", {"pwcca": {"weights_from": "y"}}])
    assert table.attrs["kind"] == "trajectory"
    label = "pwcca(weights_from=y)"
    assert table.attrs["measures"] == ["pwcca", label]
    assert table[label].attrs["direction"] == "weights of y"
    for step in history:
        score = isorep.pwcca(history[40]["lstm1"], history[step]["lstm1"])
        cell = table.sel(step=step, layer="lstm1")
        assert cell[label].item() == pytest.approx(score.similarity, abs=1e-12)


def test_a_reference_of_its_own_may_have_other_widths():
    history = states()
    rng = np.random.default_rng(1)
    end = {
        "lstm1": history[40]["lstm1"] @ rng.standard_normal((5, 3)),
        "lstm2": history[10]["lstm2"],
    }
    table = isorep.trajectory(history, reference=end)
    assert table.attrs["reference"] == "given"
    assert table["reference_rank"].to_numpy().tolist() == [3, 7]
    for step in history:
        expected = isorep.pwcca(history[step]["lstm1"], end["lstm1"]).similarity
        assert table["pwcca"].sel(step=step, layer="lstm1").item() == expected


def test_each_layer_of_each_state_is_prepared_once(monkeypatch):
    names = []
    original = Basis.from_array.__func__
    monkeypatch.setattr(
        Basis,
        "from_array",
        classmethod(lambda cls, x, **o: names.append(o["name"]) or original(cls, x, **o)),
    )
    isorep.trajectory(states(), reference=20)
    # One layer after the other; several threads are at the states of one.
    assert [sorted(names[:3]), sorted(names[3:])] == [
        [f"states[{step}][{layer!r}]" for step in (10, 20, 40)] for layer in ("lstm1", "lstm2")
    ]


def test_a_step_called_like_an_end_is_that_step():
    history = states(steps=("last", "middle", "final"))
    assert isorep.trajectory(history, reference="last").attrs["reference"] == "last"
    table = isorep.trajectory(history, reference="last", layers="lstm1")
    assert table["pwcca"].sel(step="last").item() == pytest.approx(1, abs=1e-12)


def test_a_degenerate_state_costs_its_own_cells():
    history = states()
    history[20]["lstm1"] = np.where(history[20]["lstm1"] > 2, np.inf, history[20]["lstm1"])
    table = isorep.trajectory(history)
    np.testing.assert_array_equal(
        np.isnan(table["pwcca"]), [[False, False], [True, False], [False, False]]
    )
    assert table["reason"][1, 0].item().startswith("states[20]['lstm1'] holds 0 NaN and ")
    history[40]["lstm2"] = np.ones((211, 3))
    table = isorep.trajectory(history)
    assert np.isnan(table["pwcca"].sel(layer="lstm2")).all()
    assert table["reference_rank"].to_numpy().tolist() == [5, 0]


def test_what_cannot_be_compared():
    history = states()
    with pytest.raises(
        ValueError, match=r"unknown reference 'lst'; did you mean 'last'.* Known: first, last, 10"
    ):
        isorep.trajectory(history, reference="lst")
    with pytest.raises(ValueError, match="unknown reference '21'; did you mean '20' or '10'"):
        isorep.trajectory(history, reference=21)
    with pytest.raises(TypeError, match="a step or a mapping of layers, got ndarray"):
        isorep.trajectory(history, reference=history[40]["lstm1"])
    with pytest.raises(ValueError, match=r"unknown layer of reference 'lstm2'; did you mean 'lstm"):
        isorep.trajectory(history, reference={"lstm1": history[40]["lstm1"]})
    with pytest.raises(ValueError, match=r"unknown layer of states\[10\] 'lstm3'"):
        isorep.trajectory(history, layers="lstm3")
    with pytest.raises(ValueError, match="states is empty: expected a mapping of name"):
        isorep.trajectory({})
    ids = list(range(211))
    with pytest.raises(
        ValueError, match=r"states\[10\] and reference hold the same samples in another order"
    ):
        isorep.trajectory(
            {step: Representations(state, sample_ids=ids) for step, state in history.items()},
            reference=Representations(history[40], sample_ids=ids[::-1]),
        )


def test_a_state_is_not_compared_with_itself_alone():
    rng = np.random.default_rng(0)
    a, b = ({"fc": rng.standard_normal((30, 3))} for _ in range(2))
    with pytest.raises(ValueError, match=r"states has one state, 3, which would be compared with "):
        isorep.trajectory({3: a})
    with pytest.raises(ValueError, match=r"states\['s'\] has one state, 1, .* as reference="):
        isorep.trajectory({"r": {0: a, 1: b}, "s": {1: a}}, reference=1)
    table = isorep.trajectory({3: a}, reference=b, measures="cka")
    assert table["cka"].item() == pytest.approx(isorep.cka(a["fc"], b["fc"]).similarity, rel=1e-9)


def test_several_runs_each_against_its_own_end(tmp_path):
    """Runs of unequal steps: the table has all of them, and says which are not there."""
    runs = {"a": states(steps=(10, 20, 40)), "b": states(n=211, steps=(5, 20, 40, 80, 90))}
    for step in runs["b"].values():
        step["lstm1"] = step["lstm1"] ** 3
    table = isorep.trajectory(runs, measures=["pwcca", "cka"])
    assert dict(table.sizes) == {"run": 2, "step": 6, "layer": 2}
    assert table["step"].to_numpy().tolist() == [5, 10, 20, 40, 80, 90]
    assert table.attrs["reference"] == "last"
    for run, end in (("a", 40), ("b", 90)):
        alone = isorep.trajectory(runs[run], measures=["pwcca", "cka"])
        cells = table.sel(run=run, step=list(runs[run]))
        for name in ("pwcca", "cka_distance", "rank", "n_samples", "reason"):
            np.testing.assert_array_equal(cells[name], alone[name])
        assert cells["reference_rank"].equals(alone["reference_rank"].assign_coords(run=run))
        assert table["pwcca"].sel(run=run, step=end, layer="lstm1").item() == pytest.approx(1)
    gone = table.sel(run="a", step=[5, 80, 90])
    assert np.isnan(gone["pwcca"]).all()
    assert gone["reason"][0, 0].item() == "run 'a' has no step 5"
    assert (gone["n_samples"] == 0).all()

    common = isorep.trajectory(runs, reference=20)
    assert common.attrs["reference"] == 20
    out = tmp_path / "path.zarr"
    stored = isorep.trajectory(runs, measures=["pwcca", "cka"], out=out)
    assert stored.equals(table)
    assert isorep.trajectory(runs, measures=["pwcca", "cka"], out=out).equals(table)

    with pytest.raises(ValueError, match="unknown reference '10'"):
        isorep.trajectory(runs, reference=10)  # which b lacks
    with pytest.raises(TypeError, match=r"names in the runs must all be strings or all be numb"):
        isorep.trajectory({"a": runs["a"], "b": {"end": runs["b"][5]}})
    with pytest.raises(TypeError, match=r"states\['b'\] must be a mapping of name to Repr"):
        isorep.trajectory({"a": runs["a"], "b": [1]})


@pytest.mark.slow
def test_stores_and_their_reference(tmp_path):
    history = states(steps=tuple(range(0, 90, 10)))
    paths = {}
    for step, state in history.items():
        paths[step] = tmp_path / f"step{step}.zarr"
        Representations(state).save(paths[step])
    table = isorep.trajectory(history, reference=history[30])
    assert isorep.trajectory(paths, reference=paths[30]).equals(table)
    from_paths = isorep.trajectory(paths, reference=30)
    assert from_paths.equals(isorep.trajectory(history, reference=30))
    # The reference with itself is one prepared layer above and two in `table`.
    others = [step for step in history if step != 30]
    assert from_paths["pwcca"].sel(step=others).equals(table["pwcca"].sel(step=others))
    np.testing.assert_allclose(from_paths["pwcca"], table["pwcca"], rtol=0, atol=1e-14)
    runs = isorep.trajectory({"a": paths, "b": paths}, reference="first")
    assert runs.attrs["reference"] == 0
    np.testing.assert_array_equal(runs["pwcca"][0], isorep.trajectory(paths, reference=0)["pwcca"])
    double = isorep.trajectory(paths, measures="cca")
    single = isorep.trajectory(paths, precision="single", measures="cca")
    np.testing.assert_allclose(single["cca"], double["cca"], atol=1e-6)
    assert single["cca"].sel(step=80).to_numpy() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([500, 1000, 100], [100, 500, 1000]),
        (["step-100", "step-1000", "step-500"], ["step-100", "step-500", "step-1000"]),
        (["trained", "random"], ["trained", "random"]),
        (["a2", "b1"], ["a2", "b1"]),
        (["0.5", "1e-3", "0.25"], ["1e-3", "0.25", "0.5"]),
        (["epoch10-best", "epoch9-best"], ["epoch9-best", "epoch10-best"]),
        (["e2s10", "e2s9", "e1s11"], ["e1s11", "e2s9", "e2s10"]),
        (["random", "step9", "step10", "final"], ["random", "step9", "step10", "final"]),
    ],
)
def test_steps_are_sorted_by_their_numbers(labels, expected):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 3))
    states = {label: {"fc": x + rng.standard_normal(x.shape)} for label in labels}
    table = isorep.trajectory(states, measures="cka")
    assert table["step"].values.tolist() == expected
    assert table.attrs["reference"] == expected[-1]
    for step in labels:
        score = isorep.cka(states[step]["fc"], states[expected[-1]]["fc"]).similarity
        assert table["cka"].sel(step=step).item() == pytest.approx(score, abs=1e-12)


def test_steps_of_several_kinds_must_be_in_order():
    x = np.random.default_rng(0).standard_normal((50, 3))
    states = {name: {"fc": x} for name in ("random", "step10", "final", "step9")}
    with pytest.raises(ValueError, match="several kinds, and 'step10' comes before 'step9'"):
        isorep.trajectory(states)


def test_names_of_all_runs_are_in_order():
    x = np.random.default_rng(0).standard_normal((50, 3))
    runs = {
        "a": {name: {"fc": x} for name in ("step10", "step1")},
        "b": {name: {"fc": x} for name in ("step10", "step2")},
    }
    table = isorep.trajectory(runs, measures="cka")
    assert table["step"].values.tolist() == ["step1", "step2", "step10"]
    assert np.isnan(table["cka"].sel(run="a", step="step2")).all()
    assert not np.isnan(table["cka"].sel(run="b", step="step2")).any()
