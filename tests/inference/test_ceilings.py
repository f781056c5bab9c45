"""Tables with ceilings: beside each similarity, what a perfect model would reach."""

import numpy as np
import pandas as pd
import pytest

import isorep
from isorep import Representations
from isorep.inference import animal_ceiling, noise_ceiling, with_ceilings

RNG = np.random.default_rng(0)
N = 40
IMAGES = RNG.standard_normal((N, 6))
SHOWN = np.repeat(np.arange(N), 3)
TRIALS = Representations(
    {
        area: IMAGES[SHOWN] @ RNG.standard_normal((6, p)) + noise * RNG.standard_normal((3 * N, p))
        for area, p, noise in (("V1", 10, 2.0), ("V4", 8, 4.0))
    },
    sample_ids=SHOWN,
)
MODEL = Representations({"conv": IMAGES, "fc": np.tanh(IMAGES[:, :4])}, sample_ids=np.arange(N))
AVERAGES = TRIALS.average_repeats()


@pytest.fixture(scope="module")
def table():
    return isorep.compare(MODEL, AVERAGES, measures=["cka_debiased", "procrustes"])


def test_ceilings_are_those_of_each_layer(table):
    result = with_ceilings(table, TRIALS, level=0.9, seed=3)
    for measure in ("cka_debiased", "procrustes"):
        for area in TRIALS:
            alone = noise_ceiling(TRIALS[area], measure, repeats=SHOWN, level=0.9, seed=3)
            cell = result.sel(y_layer=area)
            assert cell[f"{measure}_ceiling"].item() == pytest.approx(alone.ceiling, rel=1e-12)
            bounds = [cell[f"{measure}_ceiling_{end}"].item() for end in ("low", "high")]
            assert bounds == pytest.approx(alone.interval, rel=1e-9)
        share = result[f"{measure}_of_ceiling"]
        np.testing.assert_allclose(share, table[measure] / result[f"{measure}_ceiling"])
        assert share.dims == ("x_layer", "y_layer")
    ceiling = result["cka_debiased_ceiling"]
    assert ceiling.attrs["measure"] == "cka_debiased"
    assert ceiling.attrs["quantity"] == "ceiling"
    assert ceiling.sel(y_layer="V1") > ceiling.sel(y_layer="V4")
    assert result.drop_vars([name for name in result if "ceiling" in name]).identical(table)


def test_areas_may_be_tables_with_trials_of_their_own(table):
    frames = {
        area: pd.DataFrame(np.asarray(TRIALS[area])[kept], index=pd.Index(SHOWN[kept], name="im"))
        for area, kept in (("V1", np.arange(3 * N)), ("V4", np.arange(3 * N) % 3 > 0))
    }
    result = with_ceilings(table, frames)
    whole = with_ceilings(table, TRIALS)
    name = "cka_debiased_ceiling"
    assert result[name].sel(y_layer="V1") == pytest.approx(whole[name].sel(y_layer="V1").item())
    assert result[name].sel(y_layer="V4") < whole[name].sel(y_layer="V4")  # two trials, not three


@pytest.mark.slow
def test_corrected_similarities_have_corrected_ceilings():
    with isorep.silence("few-samples", "few-samples-to-correct"):
        table = isorep.compare(MODEL, AVERAGES, measures=["cca", "cka_debiased"], correct=True)
        result = with_ceilings(table, TRIALS)
        alone = noise_ceiling(TRIALS["V1"], "cca", repeats=SHOWN, correct=True)
    v1 = result.sel(y_layer="V1")
    assert v1["cca_corrected_ceiling"].item() == pytest.approx(alone.ceiling, rel=1e-9)
    assert v1["cca_corrected_ceiling"] < v1["cca_ceiling"]
    np.testing.assert_allclose(
        v1["cca_corrected_of_ceiling"], v1["cca_corrected"] / v1["cca_corrected_ceiling"]
    )
    np.testing.assert_array_equal(  # has no bias to correct
        result["cka_debiased_corrected_ceiling"], result["cka_debiased_ceiling"]
    )


def test_animals_bound_each_other():
    rng = np.random.default_rng(1)
    animals = {f"m{i}": IMAGES + 0.5 * rng.standard_normal(IMAGES.shape) for i in range(3)}
    table = isorep.compare({"fc": IMAGES}, animals, measures="cka_debiased")
    result = with_ceilings(table, animals=animals)
    bounds = animal_ceiling(animals, "cka_debiased").animals
    for name, (lower, upper) in bounds.items():
        animal = result.sel(y_layer=name)
        assert animal["cka_debiased_ceiling"] == animal["cka_debiased_ceiling_low"] == lower
        assert animal["cka_debiased_ceiling_high"] == upper
    assert (result["cka_debiased_of_ceiling"] > 0.9).all()


def test_a_trajectory_has_the_ceilings_of_its_reference():
    states = {step: {"V1": IMAGES + (2 - step) * RNG.standard_normal((N, 6))} for step in range(3)}
    reference = {"V1": AVERAGES["V1"]}
    path = isorep.trajectory(states, reference=reference, measures="cka_debiased")
    result = with_ceilings(path, {"V1": TRIALS["V1"]}, repeats=SHOWN)
    ceiling = noise_ceiling(TRIALS["V1"], "cka_debiased", repeats=SHOWN).ceiling
    assert result["cka_debiased_ceiling"].dims == ("layer",)
    assert result["cka_debiased_ceiling"].item() == pytest.approx(ceiling, rel=1e-12)
    assert result["cka_debiased_of_ceiling"].dims == ("step", "layer")
    of_states = isorep.trajectory(states, measures="cka_debiased")
    with pytest.raises(ValueError, match="reference of this trajectory is one of its states"):
        with_ceilings(of_states, {"V1": TRIALS["V1"]}, repeats=SHOWN)


def test_scores_of_a_wider_model_above_the_ceiling_are_said():
    wide = Representations(
        {"wide": np.hstack([IMAGES, RNG.standard_normal((N, 25))])}, sample_ids=np.arange(N)
    )
    with isorep.silence("few-samples"):
        table = isorep.compare(wide, AVERAGES, measures="linear_regression")
        with pytest.warns(
            isorep.CodedWarning, match="2 of 2 cells have a linear_regression_y_from"
        ):
            result = with_ceilings(table, TRIALS)
    shares = result["linear_regression_y_from_x_of_ceiling"]
    assert (shares > 1).all()
    assert shares.attrs["range"][1] > 1


def test_a_ceiling_that_cannot_be_computed_is_missing():
    table = isorep.compare(MODEL, AVERAGES, measures=["cka_debiased", "rsa"])
    one = {"V1": TRIALS["V1"][:, :1], "V4": TRIALS["V4"]}
    with pytest.warns(isorep.CodedWarning, match="ceiling of V1 by rsa: x has 1 feature"):
        result = with_ceilings(table, one, repeats=SHOWN)
    assert np.isnan(result["rsa_ceiling"]).values.tolist() == [True, False]
    assert np.isnan(result["rsa_of_ceiling"].sel(y_layer="V1")).all()
    assert np.isfinite(result["cka_debiased_ceiling"]).all()


def test_what_does_not_belong_together(table):
    with pytest.raises(TypeError, match="pass trials, the single trials of each layer of y"):
        with_ceilings(table)
    with pytest.raises(TypeError, match="mapping of layer name to array, got ndarray"):
        with_ceilings(table, TRIALS["V1"])
    with pytest.raises(TypeError, match="expected a table of isorep"):
        with_ceilings(TRIALS, TRIALS)
    sweep = isorep.pairwise({"a": {"fc": IMAGES}, "b": {"fc": IMAGES**2}}, measures="cka")
    with pytest.raises(ValueError, match=r"got one of isorep\.pairwise over"):
        with_ceilings(sweep, TRIALS)
    with pytest.raises(ValueError, match="unknown layer of the trials or animals 'V4'"):
        with_ceilings(table, {"V1": TRIALS["V1"]}, repeats=SHOWN)
    with pytest.raises(ValueError, match=r"trials\['V1'\] have 20 stimuli, .* 40 samples"):
        with_ceilings(table, TRIALS.take(np.arange(60)))
    with pytest.raises(ValueError, match=r"trials\['V1'\]: .*at least 2 stimuli with repeats"):
        with_ceilings(table, AVERAGES)
