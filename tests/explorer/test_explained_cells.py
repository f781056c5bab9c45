"""Which cells open to an explanation, what the page holds of it, and what is refused."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers.reading import content, numbers

import isorep
from isorep.explorer.explained_cells import explained_cells
from isorep.explorer.matched_sides import MatchedSides
from isorep.explorer.page import as_text
from isorep.explorer.shown_samples import ShownSamples
from isorep.representations.row_positions import RowPositions

pytest.importorskip("plotly")

N = 120
QUICK = {"n_permutations": 39}


def networks():
    """Two networks of three layers; "b" differs most and "c" in one sample only."""
    rng = np.random.default_rng(0)
    x = {name: rng.standard_normal((N, 4)) for name in "abc"}
    y = {name: layer + 0.1 * rng.standard_normal((N, 4)) for name, layer in x.items()}
    y["b"][:, :2] = rng.standard_normal((N, 2))
    y["c"][7] = -4 * y["c"][7]
    return x, y


@pytest.fixture(scope="module")
def compared():
    x, y = networks()
    labels = np.arange(N) % 3
    sides = tuple(isorep.Representations(side, labels=labels) for side in (x, y))
    return *sides, isorep.compare(*sides, measures="cka", progress=False)


@pytest.fixture(scope="module")
def explanations(compared):
    a, b, _ = compared
    return {
        (name, name): isorep.explain(a, b, "cka", x_layer=name, y_layer=name, **QUICK)
        for name in "bc"
    }


@pytest.fixture
def quick(monkeypatch):
    """Explanations of the page with few permutations."""
    explain = partial(isorep.explain, **QUICK)
    monkeypatch.setattr("isorep.explorer.explained_cells.explain", explain)


def written(folder, table, **options):
    isorep.report(table, folder / "page.html", progress=False, **options)
    (section,) = content(folder / "page.html")
    return section


class TestCells:
    def test_a_number_takes_the_least_similar_layers_of_one_name(
        self, tmp_path, compared, explanations, quick
    ):
        a, b, table = compared
        section = written(tmp_path, table, a=a, b=b, explain=1)
        assert list(section["explained"]) == ["1,1"]
        view = section["explained"]["1,1"]
        assert view["similarity"] == pytest.approx(table["cka"].values[1, 1])
        expected = explanations["b", "b"]
        directions = view["directions"]
        assert directions["shared"] == expected.directions["shared"].values.astype(int).tolist()
        for key in ("held_out_correlation", "x_variance", "y_variance"):
            np.testing.assert_allclose(
                numbers(directions[key]), expected.directions[key], rtol=1e-6
            )
        assert view["lines"]["directions"] in str(expected)

    def test_pairs_of_layers_by_name(self, tmp_path, compared, monkeypatch, explanations):
        a, b, table = compared
        asked = []

        def explain(x, y, measure, *, x_layer, y_layer, token_text):
            asked.append((measure, x_layer, y_layer))
            return explanations["b", "b"]

        monkeypatch.setattr("isorep.explorer.explained_cells.explain", explain)
        section = written(tmp_path, table, a=a, b=b, explain=["c", ("a", "b"), ("c", "c")])
        assert asked == [("cka", "c", "c"), ("cka", "a", "b")]
        assert list(section["explained"]) == ["2,2", "0,1"]
        # Layers of other names: each layer of x with its most similar layer of y.
        asked.clear()
        other = table.assign_coords(y_layer=["p", "q", "r"])
        renamed = isorep.Representations(dict(zip("pqr", b.values(), strict=True)), labels=b.labels)
        written(tmp_path, other, a=a, b=renamed, explain=2)
        assert asked == [("cka", "b", "q"), ("cka", "c", "r")]

    def test_a_cell_that_cannot_be_explained_says_why(self, tmp_path):
        rng = np.random.default_rng(0)
        a = {"few": rng.standard_normal((6, 2)), "dead": np.ones((6, 2))}
        table = isorep.compare(a, a, measures="cka", progress=False)
        section = written(tmp_path, table, a=a, b=a, explain=["few", "dead"])
        reasons = [view["reason"] for view in section["explained"].values()]
        assert "neighbours must be from 1 to 5" in reasons[0]
        assert "no variance" in reasons[1]

    @pytest.mark.parametrize(
        ("cells", "error", "text"),
        [
            (0, ValueError, "explain must be 1 or more cells, got 0"),
            (["d"], ValueError, "unknown x_layer in explain 'd'"),
            (("a", "b"), ValueError, r"one pair of layers or two layers: pass \[\('a', 'b'\)\]"),
            ([("a", "b", "c")], TypeError, r"or pairs \(x_layer, y_layer\), got \('a', 'b', 'c'\)"),
            ({("a", "a"): 3}, TypeError, "expected the result of isorep.explain for"),
        ],
    )
    def test_cells_that_are_refused(self, compared, cells, error, text):
        a, b, table = compared
        sides = MatchedSides.from_sides(table, "cka", a, b)
        with pytest.raises(error, match=text):
            explained_cells(table, "cka", cells, sides, None, room=1e6)

    def test_explanations_and_samples_that_do_not_match(self, tmp_path, compared, explanations):
        a, b, table = compared
        sides = MatchedSides.from_sides(table, "cka", a, b)
        few = ShownSamples.from_any(["x"] * 3)
        other = {("a", "a"): explanations["b", "b"]}
        for text, arguments in (
            ("explain= needs the representations", (2, None, None)),
            ("is of a cka of .*, and the table has", (other, None, None)),
            ("samples has 3 items, and a has 120 samples", (1, sides, few)),
        ):
            with pytest.raises(ValueError, match=text):
                explained_cells(table, "cka", *arguments, room=1e6)
        page = tmp_path / "page.html"
        with pytest.raises(ValueError, match="do not match this table"):
            isorep.report(table, page, a=b, b=a, explain=3)
        with pytest.raises(ValueError, match="samples= shows the samples of explanations"):
            isorep.report(table, page, a=a, b=b, samples=["a"])
        with pytest.raises(ValueError, match="explain= applies to exactly one table"):
            isorep.report({"1": table, "2": table}, page, explain=explanations)
        assert not page.exists()


class TestContent:
    def test_samples_that_stand_out_come_first(self, tmp_path, compared, explanations):
        _, _, table = compared
        section = written(tmp_path, table, explain=explanations)
        view = section["explained"]["2,2"]
        explanation = explanations["c", "c"]
        assert view["listed"]["misfit"][0] == explanation.top(1).index[0] == 7
        row = view["rows"]["7"]
        samples = explanation.samples.isel(sample=7)
        assert row["stands_out"]
        assert row["label"] == "1"
        assert row["contribution"] == pytest.approx(samples["contribution"].item())
        assert row["misfit"] == pytest.approx(samples["misfit"].item())
        lowering = explanation.samples["contribution"].values
        assert view["listed"]["contribution"][0] == lowering.argmax()
        classes = view["classes"]
        expected = explanation.classes.sel({"class": [int(name) for name in classes["names"]]})
        for key in ("contribution", "contribution_low", "contribution_high"):
            np.testing.assert_allclose(numbers(classes[key]), expected[key], rtol=1e-6)
        neurons = section["explained"]["1,1"]["neurons"]["y"]
        expected = explanations["b", "b"].y_neurons
        assert neurons["has_partner"] == expected["has_partner"].values.astype(int).tolist()
        np.testing.assert_allclose(numbers(neurons["r_squared"]), expected["r_squared"], rtol=1e-6)
        assert "details" not in section

    def test_groups_and_pairs_name_their_samples(self, tmp_path):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((200, 6))
        y = x + 0.1 * rng.standard_normal((200, 6))
        y[:30] = 4 + 0.1 * rng.standard_normal((30, 6))
        explanation = isorep.explain(x, y, "cka", **QUICK)
        table = isorep.compare({"fc": x}, {"fc": y}, measures="cka", progress=False)
        section = written(tmp_path, table, explain={("fc", "fc"): explanation})
        view = section["explained"]["0,0"]
        assert len(view["groups"]) == len(explanation.groups) > 0
        group = view["groups"][0]
        assert group["grouped_by"] == explanation.groups["grouped_by"].iloc[0]
        members = np.flatnonzero(explanation.samples["group"] == 1)
        assert group["rows"] == members[:12].tolist()
        pair = view["pairs"][0]
        assert pair["rows"] == explanation.pairs[["sample", "other"]].iloc[0].tolist()
        assert {str(row) for row in (*group["rows"], *pair["rows"])} <= view["rows"].keys()

    def test_rows_of_tokens_know_their_texts(self, tmp_path, quick):
        rng = np.random.default_rng(0)
        words = ["the", "<b>cat</b>", "sat"]
        texts = [[words[k] for k in rng.integers(0, 3, 4)] for _ in range(30)]
        tokens = np.array([words.index(token) for text in texts for token in text])
        rows = RowPositions(np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30), tokens)
        options = {
            "reductions": {"h": "positions"},
            "n_samples": 30,
            "row_positions": {"h": rows},
        }
        x = rng.standard_normal((120, 3))
        y = x + 0.1 * rng.standard_normal((120, 3))
        a, b = (isorep.Representations({"h": side}, **options) for side in (x, y))
        table = isorep.compare(a, b, measures="cka", progress=False)
        section = written(tmp_path, table, a=a, b=b, explain=1, samples=texts)
        view = section["explained"]["0,0"]
        assert set(view["tokens"]["names"]) == set(words)
        assert section["samples"]["kind"] == "tokens"
        for text in view["texts"]:
            assert section["samples"]["items"][str(text["sample"])] == texts[text["sample"]]
            assert text["tokens"] == [texts[text["sample"]][i] for i in text["positions"]]
            assert numbers(text["contributions"]).sum() == pytest.approx(
                text["contribution"], abs=1e-6
            )
        explained = isorep.explain(a, b, "cka", **QUICK)
        short = [text[:2] for text in texts]
        with pytest.raises(ValueError, match=r"samples\[0\] has 2 tokens, and a layer has a row"):
            isorep.report(
                table, tmp_path / "p.html", explain={("h", "h"): explained}, samples=short
            )

    def test_samples_are_those_of_the_rows_after_reordering_and_nan(self, tmp_path, quick):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((N, 3))
        y = x + 0.1 * rng.standard_normal((N, 3))
        y[9] = -5 * y[9]
        y[3, 0] = np.nan
        ids = [f"s{i}" for i in range(N)]
        b = isorep.Representations({"fc": y}, sample_ids=ids)
        turned = {"fc": pd.DataFrame(x, index=ids)[::-1]}  # sample 9 is item N - 10
        table = isorep.compare(turned, b, measures="cka", nan_policy="omit", progress=False)
        texts = [f"text of s{N - 1 - i}" for i in range(N)]
        section = written(tmp_path, table, a=turned, b=b, explain=1, samples=texts)
        view = section["explained"]["0,0"]
        row = view["rows"][str(view["listed"]["misfit"][0])]
        assert row["name"] == "s9"
        assert section["samples"]["items"][str(row["sample"])] == "text of s9"
        for row in view["rows"].values():
            assert section["samples"]["items"][str(row["sample"])] == f"text of {row['name']}"


class TestSize:
    def test_many_large_images_keep_the_page_small(self, tmp_path, compared, explanations):
        _, _, table = compared
        images = np.random.default_rng(0).integers(0, 256, (N, 120, 160, 3), dtype=np.uint8)
        section = written(tmp_path, table, explain=explanations, samples=images)
        assert (tmp_path / "page.html").stat().st_size < 8_000_000
        shown = {row["sample"] for v in section["explained"].values() for row in v["rows"].values()}
        assert {int(number) for number in section["samples"]["items"]} == shown
        assert section["samples"]["left_out"] == 0

    def test_enormous_names_and_many_neurons_keep_the_page_small(self, tmp_path):
        rng = np.random.default_rng(0)
        long = "\u202e</script>" * 100
        options = {
            "labels": [f"{i % 60}{long}" for i in range(N)],
            "sample_ids": [f"{i}{long}" for i in range(N)],
        }
        x = {"fc": rng.standard_normal((N, 3))}
        y = {"fc": x["fc"] + 0.1 * rng.standard_normal((N, 3))}
        a, b = (isorep.Representations(side, **options) for side in (x, y))
        table = isorep.compare(a, b, measures="cka", progress=False)
        explanation = isorep.explain(a, b, "cka", **QUICK)
        many = explanation.y_neurons.isel(y_neuron=np.arange(30_000) % 3)
        names = [f"{i}{long[:90]}" for i in range(30_000)]
        explanation = replace(explanation, y_neurons=many.assign_coords(y_neuron=names))
        section = written(
            tmp_path, table, a=a, b=b, explain={("fc", "fc"): explanation}, samples=[long] * N
        )
        assert (tmp_path / "page.html").stat().st_size < 8_000_000
        view = section["explained"]["0,0"]
        assert view["neurons"]["y"]["n"] == 30_000
        assert len(view["neurons"]["y"]["names"]) == 2000
        assert max(map(len, view["classes"]["names"])) == 80
        (points,) = section["details"]["points"].values()
        assert max(map(len, [*points["ids"], *points["labels"]["classes"]])) == 200

    def test_what_has_no_room_is_left_out_and_said(self, compared, explanations):
        _, _, table = compared
        samples = ShownSamples.from_any(["é" * 5000] * N)
        whole = explained_cells(table, "cka", explanations, None, samples, room=3_000_000)
        for room in (15_000, 6_000):
            content = explained_cells(table, "cka", explanations, None, samples, room=room)
            assert len(as_text(content)) <= room
            assert content["samples"]["left_out"] > 0 or any(
                "no room" in view.get("reason", "") for view in content["explained"].values()
            )
        assert whole["samples"]["left_out"] == 0
