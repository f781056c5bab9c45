"""isorep pairwise and isorep trajectory: labels, steps and runs from paths; what they print."""

import errno
import os
import sys

import numpy as np
import pytest
import xarray
from helpers.shell import command_runner

import isorep
from isorep import Representations
from isorep.cli.file_labels import labels_of_files


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in a folder of two runs; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rng = np.random.default_rng(0)
    end, noise = rng.standard_normal((2, 211, 4))
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        for step in (2, 10, 100):
            state = end + (100 - step) / 50 * noise
            dead = np.zeros((211, 2)) if (run, step) == ("a", 10) else state[:, :2]
            Representations({"conv": state, "fc": dead}).save(tmp_path / run / f"step{step}.zarr")

    return command_runner(monkeypatch, capsys)


@pytest.mark.slow
def test_pairwise_writes_a_store_and_prints_a_summary(shell, tmp_path):
    paths = sorted((tmp_path / "a").iterdir())
    command = ["pairwise", *paths, "--measure", "pwcca", "--measure", "cka", "-o", "s.zarr"]
    status, out, err = shell(*command)
    assert status == 0
    table = xarray.open_zarr("s.zarr", chunks=None)
    assert table["x"].to_numpy().tolist() == ["step10", "step100", "step2"]
    assert table.equals(
        isorep.pairwise({path.stem: path for path in paths}, measures=["pwcca", "cka"])
    )
    values = table["cka"].sel(layer="conv").to_numpy()
    expected = (values.sum() - 3) / 6
    row = next(line for line in out.splitlines()[5:] if line.startswith("conv")).split()
    assert row[1] == f"{expected:.4f}"
    assert row[2:5] == [f"{table['cka'].sel(x='step2', y='step100', layer='conv'):.4f}", *row[3:5]]
    assert {row[3].rstrip(","), row[4]} == {"step2", "step100"}
    assert out.endswith("wrote s.zarr (3 networks)\n")
    assert err.startswith(
        "isorep: not computed (5 cells): networks['step10']['fc'] has no variance"
    )

    status, again, err = shell(*command)
    assert (status, again) == (0, out)
    assert err.startswith("isorep: resuming 's.zarr': 12 tiles are finished\n")
    status, _, err = shell("pairwise", *paths, "--layer", "conv", "-o", "s.zarr")
    assert status == 2
    assert "isorep: error: cannot resume" in err
    assert "started with measures ['pwcca', 'cka'], but this sweep has ['pwcca']" in err


@pytest.mark.slow
def test_sweeps_say_how_far_to_trust_each_cell(shell, tmp_path):
    paths = sorted((tmp_path / "a").iterdir())
    asked = ("--measure", "cka", "--chance", "--permutations", "19", "--seed", "1")
    options = {"measures": "cka", "chance": True, "n_permutations": 19, "seed": 1}
    networks = {path.stem: path for path in paths}
    status, out, _ = shell("pairwise", *paths, *asked, "-o", "s.zarr")
    assert status == 0
    table = isorep.pairwise(networks, **options)
    assert table.equals(xarray.open_zarr("s.zarr", chunks=None))
    assert out.splitlines()[1].split()[-2:] == ["above", "chance"]
    above = (table["cka_p_adjusted"].sel(layer="conv").to_numpy() <= 0.05).sum() - 3
    assert out.splitlines()[2].endswith(f"{above} of 6")
    status, out, _ = shell("trajectory", *paths, *asked, "--correct", "-o", "t.zarr")
    assert status == 0
    heading = "step layer raw corrected chance calibrated p p_max significant"
    lines = [line.split() for line in out.splitlines()]
    first = lines.index(heading.split()) + 1
    table = xarray.open_zarr("t.zarr", chunks=None)
    cell = table.sel(step=2, layer="conv")
    names = ("cka", "cka_corrected", "cka_chance", "cka_calibrated", "cka_p_adjusted", "cka_p_max")
    assert lines[first] == ["2", "conv", *(f"{cell[name].item():.3f}" for name in names), "4"]
    assert out.splitlines()[-3].startswith("p: p-value, adjusted for the number of cells")
    status, _, err = shell("pairwise", *paths, "--permutations", "19", "-o", "x.zarr")
    assert (status, "n_permutations=19 is for p-values" in err) == (2, True)


def test_networks_are_named_after_what_tells_them_apart(shell, tmp_path):
    status, out, _ = shell(
        "pairwise", "a/step2.zarr", "b/step2.zarr", "--layer", "conv", "-o", "s.zarr"
    )
    assert status == 0
    assert out.splitlines()[2].split()[-2:] == ["a/step2,", "b/step2"]
    paths = [tmp_path / name for name in ("x.zarr", "x.npz", "y/x.zarr")]
    assert list(labels_of_files(paths)) == ["x.zarr", "x.npz", "y/x.zarr"]
    status, _, err = shell("pairwise", "a/step2.zarr", "./a/../a/step2.zarr", "-o", "s.zarr")
    assert status == 2
    assert "is given twice: give each network once" in err
    status, _, err = shell("pairwise", "a/step2.zarr", "-o", "s.zarr")
    assert (status, "expected at least two networks" in err) == (2, True)


def test_pairwise_passes_its_options_on(shell):
    paths = ["a/step2.zarr", "b/step2.zarr"]
    status, _, err = shell("pairwise", *paths, "-o", "s.zarr", "--memory", "1 kB")
    assert (status, "is too low for layer 'conv'" in err) == (2, True)
    status, _, err = shell("pairwise", *paths, "-o", "s2.zarr", "--precision", "half")
    assert (status, "unknown precision 'half'" in err) == (2, True)
    status, _, err = shell("pairwise", *paths, "-o", "s3.zarr", "--scheduler", "nonsense://")
    assert (status, "no Dask scheduler answers at 'nonsense://'" in err) == (2, True)
    status, _, err = shell("pairwise", *paths, "-o", "a/step2.zarr")
    assert (status, "it is an input of this command" in err) == (2, True)
    status, _, err = shell("pairwise", *paths, "-o", "a/step10.zarr")
    assert (status, err.startswith("isorep: error: cannot write")) == (2, True)
    assert shell("pairwise", *paths, "-o", "s4.zarr", "--precision", "single")[0] == 0
    assert xarray.open_zarr("s4.zarr").attrs["precision"] == "single"


def test_trajectory_sorts_steps_as_numbers(shell, tmp_path):
    paths = sorted((tmp_path / "a").iterdir())
    status, out, err = shell("trajectory", *paths, "-o", "p.zarr")
    assert status == 0
    table = xarray.open_zarr("p.zarr", chunks=None)
    assert table["step"].to_numpy().tolist() == [2, 10, 100]
    assert table.attrs["reference"] == 100
    lines = [line.split() for line in out.splitlines()]
    assert " ".join(lines[0]) == ("pwcca similarity to step 100 (weights of x; 1 is the same)")
    assert lines[1] == ["step", "conv", "fc"]
    assert [line[0] for line in lines[2:5]] == ["2", "10", "100"]
    assert lines[3][1:] == [f"{table['pwcca'].sel(step=10, layer='conv'):.4f}", "nan"]
    assert lines[5] == ["wrote", "p.zarr", "(3", "states)"]
    assert "not computed (1 cell): states[10]['fc'] has no variance" in err


@pytest.mark.slow
def test_trajectory_of_runs_and_its_references(shell, tmp_path):
    paths = [path for run in ("a", "b") for path in (tmp_path / run).iterdir()]
    status, out, _ = shell(
        *("trajectory", *paths, "--reference", "10", "--layer", "conv", "-o", "p.zarr")
    )
    assert status == 0
    table = xarray.open_zarr("p.zarr", chunks=None)
    assert (list(table["run"].to_numpy()), table.attrs["reference"]) == (["a", "b"], 10)
    headings = [line for line in out.splitlines() if line.startswith("pwcca")]
    details = "(weights of x; 1 is the same)"
    assert headings == [f"pwcca similarity to step 10, run {run} {details}" for run in ("a", "b")]
    assert [line for line in out.splitlines() if line.split() == ["step", "conv"]]
    status, _, _ = shell("trajectory", *paths[:3], "--reference", "b/step2.zarr", "-o", "q.zarr")
    assert status == 0
    assert xarray.open_zarr("q.zarr").attrs["reference"] == "given"
    status, _, err = shell("trajectory", *paths[:3], "--reference", "11", "-o", "r.zarr")
    assert (status, "unknown reference '11'" in err) == (2, True)
    (tmp_path / "a" / "step2.zarr").rename(tmp_path / "a" / "start.zarr")
    status, _, _ = shell("trajectory", "a/step10.zarr", "a/start.zarr", "-o", "t.zarr")
    assert status == 0
    assert xarray.open_zarr("t.zarr")["step"].to_numpy().tolist() == ["start", "step10"]


def test_measures_with_options(shell):
    measure = "linear_regression_y_from_x(folds=5)"
    paths = ["a/step2.zarr", "a/step10.zarr"]
    command = (*paths, "--layer", "conv", "--measure", measure, "--measure", "cka")
    for name in ("pairwise", "trajectory"):
        status, out, err = shell(name, *command, "-o", f"{name}.zarr")
        assert status == 0, err
        table = xarray.open_zarr(f"{name}.zarr", chunks=None)
        assert table.attrs["measures"] == [measure, "cka"]
        assert "(y predicted from x; 1 is the same)" in out
        assert "cka similarity" in out
    status, _, err = shell("trajectory", paths[0], "-o", "t.zarr")
    assert status == 2
    assert "error: states has one state, 2, which would be compared with itself: pass two" in err
    status, _, err = shell("pairwise", *paths, "--measure", "cka(folds=5)", "-o", "t.zarr")
    assert status == 2
    assert err.startswith("isorep: error: unknown option of cka 'folds'")


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """Write a module of a model, whose data are read once, and three checkpoints."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "nets_of_checkpoints", raising=False)
    (tmp_path / "nets_of_checkpoints.py").write_text(
        "import torch\n"
        "def make():\n"
        "    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh())\n"
        "def data():\n"
        "    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))\n"
        "    return iter(x.split(100))\n"
    )
    (tmp_path / "run").mkdir()
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    models = {}
    for step in (100, 20, 3):
        torch.manual_seed(step)
        models[step] = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh())
        torch.save(models[step].state_dict(), tmp_path / "run" / f"step{step}.pt")
    return {step: isorep.capture(model, x) for step, model in models.items()}


@pytest.mark.slow
def test_several_checkpoints_are_captured_from_data_that_are_read_once(shell, checkpoints):
    command = ["capture", "nets_of_checkpoints:make", "--weights", "run/step*.pt"]
    command += ["--data", "nets_of_checkpoints:data", "-o"]
    for name in ("new.zarr", "new.npz"):
        status, _, err = shell(*command, name)
        assert status == 0, err
        assert err.splitlines() == [
            f"{name.replace('.', f'-step{step}.')}: run/step{step}.pt" for step in (3, 20, 100)
        ]
        for step, expected in checkpoints.items():
            stored = isorep.load(name.replace(".", f"-step{step}."))
            assert stored.sample_ids == expected.sample_ids
            for layer in expected:
                np.testing.assert_array_equal(stored[layer], expected[layer])
    status, _, err = shell(*command[:3], "run/nothing*.pt", *command[4:], "new.zarr")
    assert (status, err) == (2, "isorep: error: no weights file 'run/nothing*.pt'\n")


@pytest.mark.slow
def test_a_trajectory_of_checkpoints(shell, checkpoints, tmp_path):
    command = ["trajectory", "--model", "nets_of_checkpoints:make", "--weights", "run/*.pt"]
    command += ["--data", "nets_of_checkpoints:data", "--layer", "1", "-o", "path.zarr"]
    status, out, err = shell(*command)
    assert status == 0, err
    assert "wrote path.zarr (3 states)" in out
    table = xarray.open_zarr("path.zarr", chunks=None)
    assert table["step"].to_numpy().tolist() == [3, 20, 100]
    expected = isorep.trajectory(checkpoints, layers="1")
    np.testing.assert_allclose(table["pwcca"], expected["pwcca"], atol=1e-9)
    assert not (tmp_path / "path.zarr.states").exists()
    status, _, err = shell("trajectory", "a/step2.zarr", "--max-samples", "5", "-o", "p.zarr")
    assert (status, "max_samples is for models" in err) == (2, True)
    status, _, err = shell("trajectory", "a/step2.zarr", *command[1:5], "-o", "p.zarr")
    assert (status, "--model needs --weights and --data, and no STATEs" in err) == (2, True)
    status, _, err = shell(*command[:-1], "path.npz")
    assert (status, "path.npz': expected a name ending in .zarr" in err) == (2, True)
    assert not (tmp_path / "path.npz.states").exists()
    status, _, err = shell("trajectory", "-o", "p.zarr")
    assert (status, "expected STATEs, or --model" in err) == (2, True)


def test_sweeps_and_diffs_take_groups_from_files(shell, tmp_path):
    groups = np.arange(211) // 5
    np.save(tmp_path / "groups.npy", groups)
    (tmp_path / "time.txt").write_text("\n".join(map(str, np.arange(211))))
    structure = ["--groups", "groups.npy", "--order", "time.txt"]
    options = {"groups": groups, "order": np.arange(211)}
    paths = ["a/step2.zarr", "a/step100.zarr"]
    measure = "linear_regression_y_from_x(folds=5)"
    common = [*paths, "--measure", measure]
    assert shell("pairwise", *common, *structure, "--layer", "conv", "-o", "p.zarr")[0] == 0
    expected = isorep.pairwise(
        dict(zip(["step2", "step100"], paths, strict=True)),
        layers="conv",
        measures=measure,
        **options,
    )
    written = xarray.open_zarr("p.zarr", chunks=None)
    np.testing.assert_allclose(written[measure], expected[measure], atol=1e-12)
    assert shell("trajectory", *common, *structure, "--layer", "conv", "-o", "t.zarr")[0] == 0
    path = xarray.open_zarr("t.zarr", chunks=None)[measure]
    cell = expected[measure].sel(x="step2", y="step100").item()
    assert path.sel(step=2).item() == pytest.approx(cell, abs=1e-12)
    diff = ["diff", *common, "--no-interval", "--layers", "conv", "-o", "d.csv"]
    assert shell(*diff, *structure)[0] == 0
    of_groups = (tmp_path / "d.csv").read_text()
    assert shell(*diff)[0] == 0
    assert (tmp_path / "d.csv").read_text() != of_groups
    table = isorep.diff(*paths, layers="conv", measure=measure, interval=False, **options)
    assert table.to_csv() == of_groups
    status, _, err = shell("pairwise", *paths, "--groups", "groups.npy", "-o", "groups.npy")
    assert (status, "it is an input of this command" in err) == (2, True)


def test_diff_leaves_out_samples_with_nan(shell, tmp_path):
    x = isorep.load("b/step2.zarr")["conv"].copy()
    x[[3, 8], 1] = np.nan
    np.savez(tmp_path / "nan.npz", conv=x)
    command = ["diff", "b/step100.zarr", "nan.npz", "--no-interval", "--layers", "conv"]
    status, out, err = shell(*command, "--nan-policy", "omit")
    assert (status, "2 samples with NaN were left out" in err) == (0, True)
    assert "on 209 samples" in " ".join(out.split())  # those that are left
    status, _, err = shell(*command, "--nan-policy", "drop")
    assert (status, "unknown nan_policy 'drop'" in err) == (2, True)


@pytest.mark.parametrize(
    "form", ["step{}.npy", "step{}/acts.npy", "step{}/fc/acts.npy", "{}/s{}.csv"]
)
def test_files_of_one_array_are_steps(shell, tmp_path, form):
    states = {}
    for step in (1, 2, 10):
        path = tmp_path / form.format(step, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        states[step] = np.random.default_rng(step).standard_normal((30, 3))
        if path.suffix == ".npy":
            np.save(path, states[step])
        else:
            np.savetxt(path, states[step], delimiter=",", header="a,b,c", comments="")
    files = [form.format(step, step) for step in (10, 1, 2)]
    status, _, err = shell("trajectory", *files, "--measure", "cka", "-o", "t.zarr")
    assert (status, err) == (0, "")
    table = xarray.open_zarr("t.zarr", chunks=None)
    assert table["step"].to_numpy().tolist() == [1, 2, 10]
    expected = [isorep.similarity(state, states[10], "cka").similarity for state in states.values()]
    np.testing.assert_allclose(table["cka"].to_numpy().ravel(), expected, atol=1e-12)
    # The store resumes, so the layer has the same name again.
    assert shell("trajectory", *files, "--measure", "cka", "-o", "t.zarr")[0] == 0


def test_files_of_one_array_are_networks_and_sides_of_diff(shell, tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 30, 3))
    for i, array in enumerate(x):
        np.save(tmp_path / f"n{i}.npy", array)
    names = ["n0.npy", "n1.npy", "n2.npy"]
    assert shell("pairwise", *names, "--measure", "cka", "-o", "p.zarr")[0] == 0
    table = xarray.open_zarr("p.zarr", chunks=None)
    assert table["layer"].to_numpy().tolist() == ["array"]
    value = table["cka"].sel(x="n0", y="n2").item()
    assert value == pytest.approx(isorep.similarity(x[0], x[2], "cka").similarity, abs=1e-12)
    status, out, _ = shell("diff", "n0.npy", "n1.npy", "--measure", "cka")
    assert status == 0
    assert "each side has one layer: they are matched" in " ".join(out.split())
    np.savez(tmp_path / "other.npz", p=x[0], q=x[1])
    status, _, err = shell("diff", "n0.npy", "other.npz")
    assert (status, "Pass map= (in the shell --map OLD=NEW)" in err) == (2, True)
    status, _, err = shell("pairwise", "n0.npy", "n1.npy", "other.npz", "-o", "q.zarr")
    assert (status, "unknown layer of networks['n1'] 'n0'" in err) == (2, True)


def test_ids_and_labels_come_from_files_too(shell, tmp_path):
    ids = [f"{i:03d}" for i in range(211)]
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    np.save(tmp_path / "labels.npy", np.arange(211) % 7)
    paths = ["a/step2.zarr", "a/step100.zarr"]
    for i, path in enumerate(paths):
        np.savez(tmp_path / f"n{i}.npz", conv=isorep.load(path)["conv"])
    np.savez(tmp_path / "known.npz", conv=isorep.load(paths[0])["conv"], i=np.array(ids[::-1]))
    options = ["--ids", "ids.txt", "--labels", "labels.npy"]
    for command in (["compare"], ["diff", "--no-interval"], ["pairwise", "-o", "p.zarr"]):
        status, _, err = shell(*command, "n0.npz", "n1.npz", *options)
        assert (status, err) == (0, "")
    status, _, err = shell(
        "compare", "n0.npz", "n1.npz", "--ids", "labels.npy", "--csv", "labels.npy"
    )
    assert (status, "it is an input of this command" in err) == (2, True)
    (tmp_path / "ids.txt").write_text("\n".join(ids[1:]))
    status, _, err = shell("compare", "n0.npz", "n1.npz", *options)
    assert (status, "211" in err and "210" in err) == (2, True)


def test_a_full_disk_is_named_and_leaves_no_folder(shell, checkpoints, tmp_path, monkeypatch):
    from isorep._formats.resumable import ResumableStore

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ResumableStore, "open", full)
    command = ["trajectory", "--model", "nets_of_checkpoints:make", "--weights", "run/*.pt"]
    command += ["--data", "nets_of_checkpoints:data", "-o", "path.zarr"]
    status, _, err = shell(*command)
    assert status == 2
    assert "No space left on device: 'path.zarr.states/path-step3.zarr'" in err
    assert not (tmp_path / "path.zarr.states").exists()
