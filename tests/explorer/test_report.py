"""What a page holds, what it refuses, and that nothing half-written stays."""

import sys
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from helpers.harmful import DEAD, NAMES, layers_of
from helpers.reading import content, numbers, words

import isorep
from isorep.comparison.read_result import read_result
from isorep.explorer.packing import coarse, floats

pytest.importorskip("plotly")


def small(seed=0, n=60):
    rng = np.random.default_rng(seed)
    return {f"conv{i}": rng.standard_normal((n, 3 + i)) for i in range(3)}


def written(tmp_path, result, **options):
    isorep.report(result, tmp_path / "page.html", **options)
    return content(tmp_path / "page.html")


class TestGrid:
    def test_holds_every_number_of_the_table(self, page, table):
        grid, *_ = content(page)
        assert grid["x_layers"] == NAMES
        assert grid["y_layers"] == [*NAMES, DEAD, "unrelated"]
        assert words(grid["reason"], (7, 9)).tolist() == table["reason"].values.tolist()
        assert words(grid["warnings"], (7, 9)).tolist() == table["warnings"].values.tolist()
        np.testing.assert_array_equal(numbers(grid["n_significant"]), table["n_significant"])
        for measure in grid["measures"]:
            for key in ("similarity", "distance", "chance", "calibrated", "p_adjusted"):
                variable = measure["name"] + ("" if key == "similarity" else f"_{key}")
                np.testing.assert_allclose(numbers(measure[key]), table[variable], rtol=1e-7)

    def test_takes_a_table_turned_round(self, tmp_path):
        table = isorep.compare(small(0), small(1))
        (turned,) = written(tmp_path, table.transpose("y_layer", "x_layer"))
        np.testing.assert_allclose(numbers(turned["measures"][0]["similarity"]), table["pwcca"])

    def test_an_endless_distance_is_drawn_up_to_the_greatest(self, tmp_path):
        table = isorep.compare(small(0), small(1), measures="gulp")
        assert table["gulp_distance"].attrs["range"][1] == np.inf
        (grid,) = written(tmp_path, table)
        assert grid["measures"][0]["distance_range"] == [0.0, table["gulp_distance"].max()]

    def test_ceilings_of_a_column_are_those_of_each_cell(self, tmp_path):
        rng = np.random.default_rng(0)
        animals = {f"m{i}": rng.standard_normal((60, 4)) for i in range(3)}
        table = isorep.compare(small(), animals, measures="cka_debiased")
        table = isorep.inference.with_ceilings(table, animals=animals)
        (grid,) = written(tmp_path, table)
        (measure,) = grid["measures"]
        for key in ("ceiling", "ceiling_low", "ceiling_high"):
            expected = np.tile(table[f"cka_debiased_{key}"], (3, 1))
            np.testing.assert_allclose(numbers(measure[key]), expected, rtol=1e-6)
        share = table["cka_debiased_of_ceiling"]
        np.testing.assert_allclose(numbers(measure["of_ceiling"]), share, rtol=1e-6)
        assert "corrected_ceiling" not in measure


class TestDetails:
    def test_cells_hold_correlations_weights_and_law(self, page, pair):
        grid, *_ = content(page)
        details = grid["details"]
        assert details["complete"]
        assert len(details["cells"]) == 7 * 8  # all but the dead layer's
        for (i, x_layer), (j, y_layer) in (
            ((1, NAMES[1]), (4, NAMES[4])),
            ((6, NAMES[6]), (8, "unrelated")),
        ):
            cell = details["cells"][f"{i},{j}"]
            # By the definition: the singular values of the product of two orthonormal bases.
            centred = [side - side.mean(axis=0) for side in (pair[0][x_layer], pair[1][y_layer])]
            (qx, _), (qy, _) = (np.linalg.qr(side) for side in centred)
            u, rho, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
            np.testing.assert_allclose(numbers(cell["correlations"]), rho, atol=1e-6)
            weights = np.abs((qx @ u).T @ centred[0]).sum(axis=1)
            np.testing.assert_allclose(
                numbers(cell["x_weights"]), weights / weights.sum(), atol=1e-6
            )
            law = details["laws"][cell["law"]]
            n, rx, ry = map(int, cell["law"].split(","))
            assert (n, rx, ry) == (180, centred[0].shape[1], centred[1].shape[1])
            # Wachter's law has the mean square of unrelated data.
            expected = max(rx, ry) / (n - 1)
            assert np.mean(numbers(law["noise"]) ** 2) == pytest.approx(expected, rel=0.25)
            edges = numbers(law["edges"])
            assert cell["n_significant"] == np.argmax(np.append(rho <= edges, True))

    def test_significance_in_cells_follows_the_groups(self, tmp_path):
        rng = np.random.default_rng(1)
        stimulus = np.repeat(np.arange(20), 10)
        areas = rng.standard_normal((4, 20, 3))[:, stimulus] + 0.3 * rng.standard_normal(
            (4, 200, 3)
        )
        a, b = {"V1": areas[0], "V4": areas[1]}, {"IT": areas[2], "PFC": areas[3]}
        a, b = (isorep.Representations.from_mapping(side, groups=stimulus) for side in (a, b))
        table = isorep.compare(a, b, measures="cka", chance=True, n_permutations=19)
        (grid,) = written(tmp_path, table, a=a, b=b)
        cells = grid["details"]["cells"]
        found = [[cells[f"{i},{j}"]["n_significant"] for j in range(2)] for i in range(2)]
        assert found == table["n_significant"].to_numpy().tolist()
        independent = isorep.overlap(areas[0], areas[2])
        assert isorep.inference.random_matrix_edge(independent).n_significant > found[0][0]
        (edges,) = numbers(grid["details"]["laws"][cells["0,0"]["law"]]["edges"])[:1]
        overlap = isorep.overlap(areas[0], areas[2], groups=stimulus)
        expected = isorep.inference.random_matrix_edge(overlap).edges[0]
        assert edges == pytest.approx(expected, rel=1e-6)

    def test_significance_in_cells_is_that_of_the_table_for_long_samples(self, tmp_path):
        rng = np.random.default_rng(0)
        lengths = np.sqrt(rng.chisquare(2, (300, 1)))
        a, b = ({"fc": rng.standard_normal((300, 20)) / lengths} for _ in range(2))
        table = isorep.compare(a, b, measures="cka", chance=True, n_permutations=19)
        (grid,) = written(tmp_path, table, a=a, b=b)
        cell = grid["details"]["cells"]["0,0"]
        assert cell["n_significant"] == table["n_significant"].item()
        edges = numbers(grid["details"]["laws"][cell["law"]]["edges"])
        above = np.argmax(numbers(cell["correlations"]) <= edges)
        assert above > cell["n_significant"]  # so the page says why

    def test_variates_are_those_of_the_samples_chosen(self, tmp_path):
        rng = np.random.default_rng(3)
        x = rng.standard_normal((1000, 3))
        ids = [f"s{i}" for i in range(1000)]
        a = isorep.Representations({"fc": x}, labels=rng.integers(0, 4, 1000), sample_ids=ids)
        y = x @ rng.standard_normal((3, 3)) + 0.1 * rng.standard_normal((1000, 3))
        b = isorep.Representations({"fc": y}, sample_ids=ids)
        (grid,) = written(tmp_path, isorep.compare(a, b), a=a, b=b)
        points = grid["details"]["points"]["1000"]
        rows = points["rows"]
        assert len(rows) == len(set(rows)) == 400
        assert points["ids"] == [f"s{row}" for row in rows]
        classes = np.array(points["labels"]["classes"])[points["labels"]["codes"]]
        np.testing.assert_array_equal(classes, a.labels[rows].astype(str))
        cell = grid["details"]["cells"]["0,0"]
        for side, name in ((a["fc"], "x_variates"), (b["fc"], "y_variates")):
            drawn = numbers(cell[name])
            # Each is a combination of the side's features, of unit variance.
            centred = side - side.mean(axis=0)
            weights, *_ = np.linalg.lstsq(centred[rows], drawn.T, rcond=None)
            np.testing.assert_allclose(centred[rows] @ weights, drawn.T, atol=5e-4)
            np.testing.assert_allclose(np.std(centred @ weights, axis=0), 1.0, atol=2e-3)

    def test_details_are_those_of_the_samples_that_were_compared(self, tmp_path):
        x = np.random.default_rng(3).standard_normal((300, 3))
        names = [f"s{i}" for i in range(300)]
        y = np.where(np.arange(300)[:, None] == 7, np.nan, x**3)
        a, b = pd.DataFrame(x, index=names), pd.DataFrame(y, index=names)[::-1]
        sides = {"fc": a}, {"fc": b}
        table = isorep.compare(*sides, nan_policy="omit")
        (grid,) = written(tmp_path, table, a=sides[0], b=sides[1])
        points = grid["details"]["points"]["299"]
        assert set(points["ids"]) == {*names} - {"s7"}
        rest = np.delete(np.arange(300), 7)
        expected = isorep.overlap(x[rest], y[rest]).correlations
        drawn = numbers(grid["details"]["cells"]["0,0"]["correlations"])
        np.testing.assert_allclose(drawn, expected, rtol=1e-4)

    def test_amounts_and_many_names_as_labels(self, tmp_path):
        x = small(0, 90)
        kinds = {
            "values": np.linspace(0, 1, 90),
            "codes": np.array([f"name{min(i, 40)}" for i in range(90)]),
        }
        for key, labels in kinds.items():
            a = isorep.Representations(x, labels=labels)
            (grid,) = written(tmp_path, isorep.compare(a, a), a=a, b=a)
            found = grid["details"]["points"]["90"]["labels"]
            assert key in found
        assert len(set(found["codes"])) == 20
        assert found["classes"][found["codes"][89]] == "name40"  # the most common keeps its name
        assert found["classes"][found["codes"][39]] == "others"

    def test_the_best_of_each_row_and_column_come_first(self, tmp_path, monkeypatch):
        from isorep.explorer import cell_details
        from isorep.explorer.matched_sides import MatchedSides

        rng = np.random.default_rng(0)
        wide = {f"layer{i}": rng.standard_normal((300, 40)) for i in range(12)}
        noisy = {name: x + 0.1 * rng.standard_normal(x.shape) for name, x in wide.items()}
        table = isorep.compare(wide, noisy)
        room = 60_000
        sides = MatchedSides.from_sides(table, "pwcca", wide, noisy)
        found = cell_details.cell_details(table, "pwcca", sides, room=room)
        assert not found["complete"]
        diagonal = [f"{i},{i}" for i in range(12)]
        assert list(found["cells"])[:12] == sorted(
            diagonal,
            key=lambda at: -table["pwcca"].values[int(at.split(",")[0]), int(at.split(",")[1])],
        )
        from isorep.explorer.page import as_text

        assert 0.3 * room < len(as_text(found)) <= room

    def test_positions_have_no_samples_to_name(self, tmp_path):
        x = np.random.default_rng(0).standard_normal((120, 3))
        a = isorep.Representations(
            {"conv": x}, reductions={"conv": "positions"}, labels=np.arange(30), n_samples=30
        )
        (grid,) = written(tmp_path, isorep.compare(a, a), a=a, b=a)
        points = grid["details"]["points"]["120"]
        assert points["labels"] is None
        assert points["ids"] is None

    def test_other_representations_than_the_tables_are_refused(self, tmp_path):
        table = isorep.compare(small(0), small(1))
        page = tmp_path / "page.html"
        with pytest.raises(
            ValueError, match=r"do not match this table: pwcca at \(conv., conv.\) is"
        ):
            isorep.report(table, page, a=small(1), b=small(2))
        # In the other order, of which the most similar pair, one layer, tells nothing.
        a, b = ({**small(seed), "same": small(7)["conv0"]} for seed in (0, 1))
        both = isorep.compare(a, b)
        with pytest.raises(ValueError, match="a and b do not match this table"):
            isorep.report(both, page, a=b, b=a)
        with pytest.raises(ValueError, match="has 60 samples in the table, 50 in a and b"):
            isorep.report(table, page, a=small(0, 50), b=small(1, 50))
        with pytest.raises(ValueError, match="unknown layer of b 'conv1'"):
            isorep.report(table, page, a=small(0), b={"conv0": small(1)["conv0"]})
        with pytest.raises(ValueError, match="pass both a= and b="):
            isorep.report(table, page, a=small(0))
        with pytest.raises(ValueError, match="the result has 2; write a page for each"):
            isorep.report({"1": table, "2": table}, page, a=small(0), b=small(1))
        assert not list(tmp_path.iterdir())


class TestPage:
    def test_names_end_no_script_and_are_no_markup(self, page):
        text = page.read_text(encoding="utf-8")
        assert text.count("</script>") == 3
        assert "<script>window" not in text
        assert "\u2028" not in text[: text.index("</script>")]
        assert "<h1>A &amp; &lt;b&gt;B&lt;/b&gt;</h1>" in text

    def test_only_its_own_scripts_may_run(self, page):
        import base64
        import re

        text = page.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)[1]
        assert "default-src 'none'" in policy
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert len(scripts) == 2
        for script in scripts:
            hashed = base64.b64encode(sha256(script.encode()).digest()).decode()
            assert f"'sha256-{hashed}'" in policy

    def test_the_limit_of_its_size(self, page, tmp_path, monkeypatch):
        assert page.stat().st_size < 8_000_000
        x = small()
        table = isorep.compare(x, x)
        big = table.isel(x_layer=[0] * 700, y_layer=[0] * 700)
        with pytest.raises(
            ValueError, match=r"the page would have \d+\.\d MB, more than the limit"
        ):
            isorep.report(big, tmp_path / "page.html")
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_details_fill_no_more_than_is_left(self, tmp_path):
        layers = {f"layer{i}": np.random.default_rng(i).standard_normal((70, 2)) for i in range(2)}
        table = isorep.compare(layers, layers)
        many = table.isel(x_layer=[0, 1] * 60, y_layer=[0, 1] * 60)
        isorep.report(many, tmp_path / "page.html", a=layers, b=layers)
        size = (tmp_path / "page.html").stat().st_size
        assert 7_000_000 < size <= 8_000_000
        (grid,) = content(tmp_path / "page.html")
        assert not grid["details"]["complete"]

    def test_what_is_no_table_is_refused(self, tmp_path):
        table, page = isorep.compare(small(), small()), tmp_path / "page.html"
        for wrong in (table["pwcca"], {}, {"a": table["pwcca"]}, 3, [table]):
            with pytest.raises(TypeError, match=r"expected a result of isorep\.compare, "):
                isorep.report(wrong, page)
        explanation = isorep.explain(*np.random.default_rng(0).standard_normal((2, 40, 2)))
        with pytest.raises(TypeError, match="got Explanation: pass its table, and explain="):
            isorep.report(explanation, page)
        with pytest.raises(ValueError, match=r"result has dimensions \(x_layer\), expected "):
            isorep.report(table.isel(y_layer=0), page)
        with pytest.raises(ValueError, match="result 'mine' is empty"):
            isorep.report({"mine": table.isel(y_layer=[])}, page)
        with pytest.raises(ValueError, match=r"of isorep\.compare: No variable named 'n_sam"):
            isorep.report(table.drop_vars("n_samples"), page)
        with pytest.raises(ValueError, match="no result is such a table"):
            isorep.report(table, page, groups={"a": "b"})
        assert not list(tmp_path.iterdir())

    def test_where_it_cannot_be_written(self, tmp_path):
        table = isorep.compare(small(), small())
        with pytest.raises(FileNotFoundError, match="no folder"):
            isorep.report(table, tmp_path / "missing" / "page.html")
        with pytest.raises(ValueError, match="it is a folder"):
            isorep.report(table, tmp_path)

    def test_a_missing_plotly_is_named_and_leaves_what_was_there(self, tmp_path, monkeypatch):
        page = tmp_path / "page.html"
        page.write_text("before")
        monkeypatch.setitem(sys.modules, "plotly", None)
        monkeypatch.delitem(sys.modules, "plotly.offline", raising=False)
        with pytest.raises(ImportError, match=r"pip install 'isorep\[report\]'"):
            isorep.report(isorep.compare(small(), small()), page)
        assert page.read_text() == "before"
        assert list(tmp_path.iterdir()) == [page]


class TestDiff:
    def test_layers_are_most_changed_first_beside_the_threshold(self, tmp_path):
        base = small(0)
        noise = (0.1 * i * small(1)[f"conv{i}"] for i in range(3))
        changed = {name: x + e for (name, x), e in zip(base.items(), noise, strict=True)}
        options = {"measure": "cka_debiased", "interval": False}
        diff = isorep.diff(base, changed, fail_below=0.9, **options)
        grid, again = written(tmp_path, {"": diff, "again": diff})
        assert grid["x_layers"] == grid["y_layers"] == list(diff) == ["conv2", "conv1", "conv0"]
        similarities = numbers(grid["measures"][0]["similarity"])
        np.testing.assert_allclose(np.diag(similarities), [x.raw for x in diff.layers], rtol=1e-7)
        assert np.isnan(similarities).sum() == 6
        assert grid["threshold"] == again["threshold"] == 0.9
        (bare,) = written(tmp_path, isorep.diff(base, changed, **options))
        assert bare["threshold"] is None

    def test_says_what_the_text_of_the_diff_says(self, tmp_path):
        rng = np.random.default_rng(0)
        base = {**small(0), "wide": rng.standard_normal((60, 28)), "gone": np.eye(60)[:, :2]}
        changed = {name: x + 0.01 for name, x in base.items() if name != "gone"}
        changed["new"], changed["conv2"] = base["conv0"], small(1)["conv2"]
        changed["conv1"] = np.repeat(base["conv1"][:, :1], 2, axis=1)
        diff = isorep.diff(base, changed, fail_below=0.9, interval=False)
        (grid,) = written(tmp_path, diff)
        text = diff.to_text()
        lines = {line.split()[0]: line for line in text.splitlines()}
        marks = dict(zip(grid["x_layers"], grid["marks"], strict=True))
        assert marks["wide"] == "not judged: too few samples"
        assert (marks["conv0"], marks["conv1"]) == ("", "3 of 4 directions lost")
        assert marks["conv2"] == "below 0.9"
        for layer, mark in marks.items():
            assert lines[layer].endswith(mark)
        assert grid["unjudged"] == ["wide"]
        assert grid["notes"] == text.splitlines()[len(marks) + 1 :]
        assert "missing in changed: gone" in grid["notes"]

    def test_a_table_of_layers_is_refused(self, tmp_path):
        diff = isorep.diff(small(0), small(1), measure="cka_debiased", interval=False)
        with pytest.raises(ValueError, match="pass the result itself, not its table"):
            isorep.report(diff.table, tmp_path / "page.html")


class TestInferredSweep:
    def test_what_was_inferred_of_the_networks_that_are_shown(self, tmp_path):
        nets = {s: {"fc": layers_of(s, 90)[NAMES[0]]} for s in range(3)}
        nets[1] = {"fc": np.ones((90, 2))}
        table = isorep.pairwise(
            nets, measures="procrustes", correct=True, chance=True, n_permutations=9
        )
        (sweep,) = written(tmp_path, table)
        layer = sweep["measures"][0]["layers"][0]
        assert layer["kept"] == [0, 2]
        shown = table.sel(x=[0, 2], y=[0, 2], layer="fc")
        assert list(layer["inferred"]) == ["chance", "p_adjusted", "p_max"]
        for key in ("p_adjusted", "p_max"):
            values = numbers(layer["inferred"][key])
            np.testing.assert_allclose(values, shown[f"procrustes_{key}"], rtol=1e-6)
        chance = np.arccos(shown["procrustes_chance"])
        np.testing.assert_allclose(numbers(layer["inferred"]["chance"]), chance, rtol=1e-6)


class TestTrajectory:
    def test_holds_steps_and_numbers(self, page, path_table):
        *_, path = content(page)
        assert path["positions"] == [0, 1, 2, 3, 4]
        assert path["reference"] == "4"
        found = numbers(path["measures"][0]["distance"])
        np.testing.assert_allclose(found, path_table["pwcca_distance"], atol=1e-7)

    def test_bounds_of_a_similarity_become_those_of_the_distance(self, tmp_path):
        table = isorep.trajectory(
            {f"step {s}": layers_of(s, 90) for s in range(2)}, measures="procrustes"
        )
        low, high = table["procrustes"] * 0.8, table["procrustes"] * 0.9
        low[0, 0] = np.nan
        (path,) = written(tmp_path, table.assign(procrustes_low=low, procrustes_high=high))
        assert path["positions"] is None
        measure = path["measures"][0]
        np.testing.assert_allclose(numbers(measure["distance_low"]), np.arccos(high), rtol=1e-6)
        np.testing.assert_allclose(numbers(measure["distance_high"]), np.arccos(low), rtol=1e-6)

    def test_what_was_inferred(self, tmp_path):
        states = {s: {"fc": layers_of(s, 90)[NAMES[0]]} for s in range(2)}
        table = isorep.trajectory(
            states, measures="procrustes", interval=True, chance=True, n_permutations=9
        )
        (path,) = written(tmp_path, table)
        (measure,) = path["measures"]
        for key in ("corrected", "calibrated", "p_adjusted", "p_max"):
            np.testing.assert_allclose(numbers(measure[key]), table[f"procrustes_{key}"], rtol=1e-6)
        for quantity in ("similarity", "corrected"):
            low = numbers(measure[f"{quantity}_low"])
            np.testing.assert_allclose(low, table["procrustes_low"], rtol=1e-6)
        chance = np.arccos(table["procrustes_chance"])
        np.testing.assert_allclose(numbers(measure["distance_chance"]), chance, rtol=1e-6)
        assert "corrected_chance" not in measure

    def test_steps_without_a_place_on_a_scale_are_names(self, tmp_path):
        states = {0.5: layers_of(0, 90), np.inf: layers_of(1, 90)}
        (path,) = written(tmp_path, isorep.trajectory(states))
        assert path["positions"] is None
        assert path["steps"] == ["0.5", "inf"]

    def test_several_runs_are_several_sections(self, tmp_path):
        states = {step: small(step) for step in (0, 1)}
        table = isorep.trajectory({"p": states, "q": states})
        found = written(tmp_path, table)
        assert [section["heading"] for section in found] == ["p", "q"]
        by_hand = {run: table.sel(run=run) for run in table["run"].values}
        assert written(tmp_path, by_hand) == found
        both = written(tmp_path, {"a": table, "b": table.sel(run="q")})
        assert [section["heading"] for section in both] == ["a p", "a q", "b"]


class TestConverged:
    def test_bounds_are_the_tables_and_stay_in_range(self, tmp_path, settling):
        (found,) = written(tmp_path, settling)
        measure = found["measures"][0]
        assert measure["name"] == "pwcca"
        values = settling["distance"].to_numpy()
        np.testing.assert_allclose(numbers(measure["distance"]), values, rtol=1e-6)
        # 20 parts left out in turn: Student's t with 19 degrees of freedom.
        error = 2.093024 * settling["distance_error"].to_numpy()
        for key, bound in (("low", values - error), ("high", values + error)):
            expected = np.clip(bound, 0, 1)
            np.testing.assert_allclose(numbers(measure[f"distance_{key}"]), expected, atol=1e-6)
        for name in ("converged", "converged_low", "converged_high", "noise", "threshold"):
            np.testing.assert_allclose(
                numbers(found["convergence"][name]), settling[name], rtol=1e-6
            )
        dead = list(settling["layer"].values).index(DEAD)
        assert words(found["reason"], values.shape)[:, dead].tolist() == (
            settling["reason"].values[dead : dead + 1].tolist() * len(values)
        )

    def test_comes_back_from_disk(self, tmp_path, settling):
        settling.to_zarr(tmp_path / "settling.zarr", zarr_format=2)
        (here,), (back,) = (
            written(tmp_path, table)
            for table in (settling, read_result(tmp_path / "settling.zarr"))
        )
        assert here == back


class TestPacking:
    def test_what_is_packed_comes_back(self):
        values = np.array([[0.1, -2.0, np.nan], [np.inf, 1e-30, 0.0]])
        np.testing.assert_allclose(numbers(floats(values)), values, rtol=1e-7)
        values = np.random.default_rng(0).standard_normal((3, 50))
        np.testing.assert_allclose(numbers(coarse(values)), values, atol=np.abs(values).max() / 3e4)
        assert not numbers(coarse(np.zeros((2, 0)))).size
        assert not numbers(coarse(np.zeros(3))).any()
