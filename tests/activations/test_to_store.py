"""Capture into a store: the same as in memory, and what a kill, a change or a mistake does."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.late_layer import LateLayer, late_batches
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import isorep
from isorep._formats import resumable, zarr
from isorep.activations.capture import capture
from isorep.storage import open_store

N, B = 17, 5


class Crash(BaseException):
    """What a kill would be to the capture: nothing of ours catches it."""


def network(width=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(15 * width, 3))


@pytest.fixture
def images():
    return torch.randn(N, 2, 7, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(resumable, "_SECONDS", 0.0)  # a commit after each batch
    monkeypatch.setattr(zarr, "_CHUNK_ROWS", 4)


def loader(images, **options):
    return DataLoader(TensorDataset(images, torch.arange(N)), batch_size=B, **options)


def store_of(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@contextmanager
def stops_after(model, n_batches):
    """Have the model run so many batches after the passes that look for axes, and then nothing."""
    left = n_batches + 3

    def count(*_):
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    handle = model.register_forward_pre_hook(count)
    with pytest.raises(Crash):
        yield
    handle.remove()


def begin(path, images, n_batches=2, **options):
    model = network()
    with stops_after(model, n_batches):
        capture(model, loader(images), out=path, **options)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("reduce", ["mean", "flatten", {"0": "positions", "*": "mean"}])
def test_is_what_capture_returns_and_save_writes(tmp_path, images, reduce):
    out = capture(network(), loader(images), reduce=reduce, out=tmp_path / "a.zarr")
    assert out == tmp_path / "a.zarr"
    expected = capture(network(), loader(images), reduce=reduce)
    assert isorep.load(out) == expected
    expected.save(tmp_path / "b.zarr")
    a, b = store_of(out), store_of(tmp_path / "b.zarr")
    assert a.keys() == b.keys()
    for name in a:
        assert a[name] == b[name] or name.startswith("isorep-header"), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


def test_half_precision_is_kept_as_it_is(tmp_path):
    x = torch.randn(N, 3)
    for dtype, bytes_each in ((torch.float16, 2), (torch.bfloat16, 2), (torch.float64, 8)):
        model = nn.Sequential(nn.Linear(3, 400)).to(dtype)
        x = x.to(dtype)
        x[0, 0] = torch.inf
        out = capture(model, x, out=tmp_path / f"{bytes_each}{dtype}.zarr")
        reps = isorep.load(out)
        assert reps == capture(model, x)
        assert reps.dtypes == {"0": str(dtype).removeprefix("torch.")}
        np.testing.assert_array_equal(
            reps["0"].astype(np.float64), model(x).detach().double().numpy()
        )
        import zarr as zarr_itself

        stored = zarr_itself.open_array(out / "layer0000-0", mode="r")
        assert stored.dtype.itemsize == bytes_each
        assert stored.chunks == (4, 400)
        lazy = open_store(out)
        assert (lazy["0"].dtype, lazy["0"].shape) == (reps["0"].dtype, (N, 400))
        np.testing.assert_array_equal(lazy["0"][3:11], reps["0"][3:11])
        assert lazy.dtypes == reps.dtypes


def test_what_the_store_holds_in_bits_must_be_bits(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4)).to(torch.bfloat16)
    out = capture(model, torch.randn(N, 3).bfloat16(), out=tmp_path / "a.zarr")
    import zarr as zarr_itself

    group = zarr_itself.open_group(out, mode="a")
    del group["layer0000-0"]
    group.create_array("layer0000-0", data=np.ones((N, 4), np.float32))
    with pytest.raises(ValueError, match=r"damaged: layer '0' holds float32 for bfloat16"):
        isorep.load(out)


def test_it_goes_on_where_it_stopped(tmp_path, images):
    expected = store_of(capture(network(), loader(images), out=tmp_path / "a.zarr"))
    path = tmp_path / "b.zarr"
    begin(path, images)
    with pytest.raises(ValueError, match=r"b.zarr'.* incomplete, 10 samples so far; run the capt"):
        isorep.load(path)
    begin(path, images, n_batches=1)  # one more
    with pytest.raises(ValueError, match=r"incomplete, 15 samples so far"):
        open_store(path)
    ran = []
    model = network()
    model[0].register_forward_hook(lambda m, i, o: ran.append(len(o)))
    capture(model, loader(images), out=path)
    assert ran == [1, 2, 2, 2]  # the last two samples, after the passes that look for axes
    assert store_of(path) == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


def test_batches_of_another_size_go_on_too(tmp_path, images):
    path = tmp_path / "a.zarr"
    begin(path, images)
    capture(network(), DataLoader(TensorDataset(images, torch.arange(N)), 4), out=path)
    reps, expected = isorep.load(path), capture(network(), loader(images))
    assert reps.sample_ids == expected.sample_ids
    np.testing.assert_array_equal(reps.labels, np.arange(N))
    for name in expected:
        np.testing.assert_allclose(reps[name], expected[name], rtol=1e-5, atol=1e-6)


def test_ids_labels_and_max_samples(tmp_path, images):
    path = tmp_path / "a.zarr"
    options = {"sample_ids": range(100, 200), "max_samples": 12}
    begin(path, images, **options)
    capture(network(), loader(images), out=path, **options)
    assert isorep.load(path) == capture(network(), loader(images), **options)
    text = [(images[i : i + B], [f"ä{k}" for k in range(i, min(i + B, N))]) for i in range(0, N, B)]
    path = tmp_path / "b.zarr"
    model = network()
    with stops_after(model, 2):
        capture(model, text, out=path)
    text[-1] = text[-1][0], ["a longer one", "b"]
    capture(model, text, out=path)
    assert isorep.load(path) == capture(model, text)
    # One batch without labels: then there are none.
    without = [text[0], text[1][0], *text[2:]]
    for n_batches in (1, 2):
        path = tmp_path / f"c{n_batches}.zarr"
        with stops_after(model, n_batches):
            capture(model, without, out=path)
        capture(model, without, out=path)
        assert isorep.load(path).labels is None


def test_a_store_that_is_complete_is_checked_and_kept(tmp_path, images):
    path = tmp_path / "a.zarr"
    capture(network(), loader(images), out=path)
    before = store_of(path)
    never = network()
    never.register_forward_pre_hook(lambda *_: pytest.fail("nothing is to be run"))
    assert capture(never, loader(images), out=path) == path
    with pytest.raises(
        ValueError, match=r"complete, but .*holds another capture: model was Sequential .* and is"
    ):
        capture(network(seed=1), loader(images), out=path)
    with pytest.raises(ValueError, match=r"the data is not the data that was captured before: "):
        capture(never, loader(images + 1), out=path)
    with pytest.raises(ValueError, match=r"ended after 12 samples, and 17 were captured"):
        capture(never, loader(images), out=path, max_samples=12)
    with pytest.raises(ValueError, match=r"is complete with 17 samples, and the data has more"):
        capture(network(), [*images.split(B), images], out=path)
    assert store_of(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": network(seed=1)},
            "another capture: model was Sequential .* and is now Sequential",
        ),
        ({"reduce": {"0": "max"}}, "another capture: layers '0' was mean and is now max"),
        ({"data": "shuffled"}, r"in another order than was captured before: sample \d+ was '"),
        ({"data": "other"}, r"is not the data that was captured before: sample 7 was '"),
        ({"data": "fewer"}, r"ended after 4 samples, and 10 were captured before"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ({"model": network(width=5)}, "another capture: model was"),
                (
                    {"layers": ["0", "1"]},
                    "another capture: layers '2' was mean and is now missing",
                ),
                ({"channels": "last"}, "another capture: channels was auto and is now last"),
                (
                    {"dtype": "float64"},
                    "another capture: dtype was as computed and is now float64",
                ),
            ]
        ),
    ],
    ids=str,
)
def test_what_is_begun_is_gone_on_with_by_no_other(tmp_path, images, change, message):
    path = tmp_path / "a.zarr"
    begin(path, images)
    before = store_of(tmp_path)
    other = images.clone()
    other[7] += 1
    data = {
        "shuffled": loader(images, shuffle=True, generator=torch.Generator().manual_seed(3)),
        "other": other,
        "fewer": images[:4],
    }
    options = {"model": network(), "data": loader(images)} | change
    options["data"] = data.get(change.get("data"), options["data"])
    with pytest.raises(ValueError, match=message) as caught:
        capture(**options, out=path)
    assert "\n" not in str(caught.value)
    after = store_of(tmp_path)
    assert {name: after[name] for name in before if "progress" in name} == {
        name: before[name] for name in before if "progress" in name
    }
    capture(network(), loader(images), out=path)
    assert isorep.load(path) == capture(network(), loader(images))


def test_a_capture_that_fails_early_leaves_nothing(tmp_path, images):
    for options, error in (
        ({"layers": "nope"}, ValueError),
        ({"reduce": lambda x: 1 / 0}, ZeroDivisionError),
        ({"dtype": "int8"}, ValueError),
    ):
        with pytest.raises(error):
            capture(network(), images, out=tmp_path / "a.zarr", **options)
    with pytest.raises(ValueError, match="yielded no samples"):
        capture(network(), [], out=tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


def test_where_it_does_not_write(tmp_path, images):
    model = network()
    with pytest.raises(
        ValueError, match=r"a.npz'.* ending in .zarr; for another format, capture without"
    ):
        capture(model, images, out=tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        capture(model, images, out=tmp_path / "nowhere" / "a.zarr")
    isorep.capture(model, images).save(tmp_path / "a.zarr")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "thesis.txt").write_text("years of work")
    for name in ("a.zarr", "mine.zarr"):
        with pytest.raises(
            ValueError,
            match=rf"{name}': it exists and is not a store that a capture wrote; remove it",
        ):
            capture(model, images, out=tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "mine.zarr"]
    (tmp_path / "far").mkdir()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "far" / "b.zarr")
    capture(model, images, out=tmp_path / "link.zarr")
    assert [p.name for p in (tmp_path / "far").iterdir()] == ["b.zarr"]
    assert isorep.load(tmp_path / "link.zarr") == capture(model, images)


def test_one_process_at_a_time(tmp_path, images):
    model = network()

    def data():
        yield images
        with pytest.raises(ValueError, match=r"another process is writing to .*a.zarr.part'; wait"):
            capture(model, images, out=tmp_path / "a.zarr")

    capture(network(), data(), out=tmp_path / "a.zarr")
    assert isorep.load(tmp_path / "a.zarr") == capture(model, images)


def test_a_layer_found_out_late_is_left_out(tmp_path):
    model, data = LateLayer(), late_batches(N)
    for n_batches in (None, 2):
        path = tmp_path / f"{n_batches}.zarr"
        if n_batches:
            with stops_after(model, n_batches):
                capture(model, data, out=path)
        with pytest.warns(UserWarning, match="layers left out: 'odd' had shape"):
            capture(model, data, out=path)
        assert list(isorep.load(path)) == ["even"]
        assert not list(path.glob("*odd*"))


def test_a_damaged_progress_says_so(tmp_path, images):
    path = tmp_path / "a.zarr"
    begin(path, images)
    (progress,) = (tmp_path / "a.zarr.part").glob("progress.npz")
    progress.write_bytes(progress.read_bytes()[:100])
    for attempt in (lambda: isorep.load(path), lambda: capture(network(), images, out=path)):
        with pytest.raises(ValueError, match=r"progress.npz' is damaged .*remove the folder"):
            attempt()


def test_a_chunk_that_was_lost_is_missed(tmp_path, images):
    path = tmp_path / "a.zarr"
    begin(path, images)
    (chunk,) = (tmp_path / "a.zarr.part").glob("store/layer0000*/c/1")
    shutil.rmtree(chunk)
    with pytest.raises(ValueError, match=r"damaged: 1 of its chunks are missing; remove .*part'"):
        capture(network(), loader(images), out=path)


def test_metadata_of_a_begun_store_are_not_trusted(tmp_path, images):
    begin(tmp_path / "a.zarr", images)
    store = tmp_path / "a.zarr.part" / "store"
    codecs = {"codecs": [{"name": "numcodecs.pickle"}], "filters": [{"id": "pickle"}]}
    for path in (store, *store.glob("layer0000*")):
        for name in ("zarr.json", ".zarray", ".zmetadata"):
            (path / name).write_text(json.dumps(codecs))
    capture(network(), loader(images), out=tmp_path / "a.zarr")  # none of them is read
    assert isorep.load(tmp_path / "a.zarr") == capture(network(), loader(images))
    begin(tmp_path / "b.zarr", images)
    (chunk,) = (tmp_path / "b.zarr.part").glob("store/layer0000*/c/1")
    (chunk / "zarr.json").write_text(json.dumps(codecs))
    with pytest.raises(ValueError, match=r"names the codec 'pickle', which may run code"):
        capture(network(), loader(images), out=tmp_path / "b.zarr")


@pytest.mark.slow
def test_memory_holds_no_more_than_chunks(tmp_path, monkeypatch):
    kept = []
    add = resumable.ResumableStore.add

    def watch(self, *arguments):
        add(self, *arguments)
        kept.append(sum(len(x) for layer in self._layers.values() for x in layer.tails))

    monkeypatch.setattr(resumable.ResumableStore, "add", watch)
    capture(
        nn.Sequential(nn.Identity()), torch.arange(15000.0).reshape(-1, 3), out=tmp_path / "a.zarr"
    )
    assert len(kept) == 20
    assert max(kept) < 4


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path):
    script = Path(__file__).parents[1] / "helpers" / "killed.py"
    command = [sys.executable, script, tmp_path, "37"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "killed" in ended.stdout


@pytest.mark.parametrize("name", ["thesis.txt", "store"])
def test_a_folder_of_the_users_is_left_alone(tmp_path, images, name):
    mine = tmp_path / "a.zarr.part" / name
    mine.mkdir(parents=True)
    (mine / "only-copy.txt").write_text("x")
    for data in (loader(images), []):
        with pytest.raises(ValueError, match=r"a.zarr.part', exists and holds something else"):
            capture(network(), data, out=tmp_path / "a.zarr")
        assert (mine / "only-copy.txt").read_text() == "x"
