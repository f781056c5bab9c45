"""The laws of capture as a whole: what comes out, in which order, and that nothing is left."""

import copy
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isorep.activations.capture import capture
from isorep.representations.representations import Representations

N, B = 17, 5  # prime and unequal: the last batch has two samples


class Net(nn.Module):
    """Defined in another order than it runs; one layer runs twice; works in place."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.shared = nn.Linear(6, 6)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(2, 6, 3)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(6)
        self.blocks = nn.ModuleList([nn.Linear(6, 6)])
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.drop(self.relu(self.norm(self.conv(x)))).mean((2, 3))
        x = self.shared(self.shared(x))
        return self.head(self.blocks[0](x))


@pytest.fixture
def net():
    torch.manual_seed(7)
    return Net()


@pytest.fixture
def images():
    return torch.randn(N, 2, 7, 5, generator=torch.Generator().manual_seed(1))


def loader(x, batch_size=B, y=None, **options):
    data = TensorDataset(x) if y is None else TensorDataset(x, y)
    return DataLoader(data, batch_size=batch_size, **options)


def state(net):
    modes = {name: module.training for name, module in net.named_modules()}
    hooks = {
        name: (len(m._forward_hooks), len(m._forward_pre_hooks)) for name, m in net.named_modules()
    }
    return modes, hooks, {name: x.clone() for name, x in net.state_dict().items()}


def assert_same_state(a, b):
    assert a[:2] == b[:2]
    for name in a[2]:
        torch.testing.assert_close(a[2][name], b[2][name], rtol=0, atol=0)


def test_equals_a_manual_forward_in_execution_order(net, images):
    reps = capture(net, loader(images))
    with torch.no_grad():
        net.eval()
        conv = net.conv(images)
        norm = net.norm(conv)
        relu = norm.relu()
        shared = net.shared(relu.mean((2, 3)))
        twice = net.shared(shared)
        block = net.blocks[0](twice)
    expected = {
        "conv": conv.mean((2, 3)),
        "norm": norm.mean((2, 3)),  # before the ReLU overwrote it
        "relu": relu.mean((2, 3)),
        "drop": relu.mean((2, 3)),
        "shared": shared,
        "shared#2": twice,
        "blocks.0": block,
        "head": net.head(block).detach(),
    }
    assert list(reps) == list(expected)
    for name, x in expected.items():
        np.testing.assert_allclose(reps[name], x.numpy(), rtol=1e-5, atol=1e-6)
    assert reps.reductions == dict.fromkeys(expected, "mean")
    assert reps.dtypes == dict.fromkeys(expected, "float32")
    assert reps.n_samples == N


@pytest.mark.parametrize("reduce", ["mean", "positions", "flatten", "max"])
def test_does_not_depend_on_the_batch_size(net, images, reduce):
    whole = capture(net, loader(images, N), reduce=reduce)
    for size in (1, 5):
        parts = capture(net, loader(images, size), reduce=reduce)
        assert list(parts) == list(whole)
        assert parts.sample_ids == whole.sample_ids
        for name in whole:
            np.testing.assert_allclose(parts[name], whole[name], rtol=1e-4, atol=1e-5)


def test_in_place_layers_do_not_overwrite_what_was_kept(images):
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.ReLU(True))
    for reduce in ("flatten", "positions", lambda x: x.flatten(1)):
        reps = capture(model, images, layers="0", reduce=reduce)
        assert reps["0"].min() < 0
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    assert capture(model, torch.randn(N, 3), layers="0")["0"].min() < 0


def test_modes_hooks_and_weights_are_restored(net, images):
    net.train()
    net.norm.eval()
    net.drop.eval()
    before = state(net)
    capture(net, loader(images))
    assert_same_state(state(net), before)
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()


def test_everything_is_restored_after_an_exception(net, images):
    net.train()
    net.norm.eval()
    before = state(net)

    def broken_data():
        yield images
        raise OSError("disk gone")

    for data, error in ((images[:, :1], ValueError), (broken_data(), OSError)):
        with pytest.raises(error):
            capture(net, data)
        assert_same_state(state(net), before)
    with pytest.raises(ZeroDivisionError):
        capture(net, images, reduce=lambda x: 1 / 0)
    assert_same_state(state(net), before)
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()


def test_activations_need_no_grad_and_training_goes_on(net, images):
    seen = []
    net.head.register_forward_hook(lambda m, i, o: seen.append((o.requires_grad, net.training)))
    capture(net, loader(images))
    assert set(seen) == {(False, False)}
    net.train()
    net(images).sum().backward()
    assert net.head.weight.grad is not None


def test_a_shuffling_loader_iterated_twice_is_found_out(net, images):
    shuffled = loader(images, shuffle=True, generator=torch.Generator().manual_seed(3))
    a, b = capture(net, shuffled), capture(net, shuffled)
    with pytest.raises(ValueError, match="same samples in another order"):
        a.check_same_samples(b)
    in_order = loader(images)
    capture(net, in_order).check_same_samples(capture(copy.deepcopy(net), in_order))
    with pytest.raises(ValueError, match="different samples: 1 of the 17"):
        a.check_same_samples(capture(net, torch.cat([images[:-1], images[:1] + 1])))


def test_labels_and_ids(net, images):
    y = torch.arange(N) % 3
    reps = capture(net, loader(images, y=y), layers="head")
    np.testing.assert_array_equal(reps.labels, y.numpy())
    assert len(set(reps.sample_ids)) == N
    assert capture(net, loader(images), layers="head").labels is None
    named = capture(net, loader(images), layers="head", sample_ids=range(100, 100 + N))
    assert named.sample_ids == tuple(str(i) for i in range(100, 100 + N))
    for wrong in (range(N - 1), range(N + 1)):
        with pytest.raises(
            ValueError, match=rf"each of the 17 samples, got {len(wrong)} sample_ids"
        ):
            capture(net, loader(images), layers="head", sample_ids=wrong)
    with pytest.raises(TypeError, match="one id for each sample, got str"):
        capture(net, images, sample_ids="abc")


@pytest.mark.parametrize("n", [1, 5, 7, 17, 100])
def test_max_samples_cuts_the_last_batch(net, images, n):
    asked = []

    def data():
        for start in range(0, N, B):
            asked.append(start)
            yield images[start : start + B], torch.arange(N)[start : start + B]

    whole = capture(net, images, layers="head")
    reps = capture(net, data(), layers="head", max_samples=n, sample_ids=None)
    kept = min(n, N)
    np.testing.assert_allclose(reps["head"], whole["head"][:kept], rtol=1e-5, atol=1e-6)
    assert reps.sample_ids == whole.sample_ids[:kept]
    assert reps.labels.tolist() == list(range(kept))
    assert len(asked) == -(-kept // B)
    named = capture(net, data(), layers="head", max_samples=n, sample_ids=range(N))
    assert len(named.sample_ids) == kept


def test_no_data(net):
    for nothing in ([], torch.ones(0, 2, 7, 5), iter(())):
        with pytest.raises(ValueError, match="yielded no samples"):
            capture(net, nothing)
    with pytest.raises(ValueError, match="max_samples should be at least 1, got 0"):
        capture(net, torch.ones(3, 2, 7, 5), max_samples=0)
    with pytest.raises(TypeError, match="max_samples must be an integer, got '3'"):
        capture(net, torch.ones(3, 2, 7, 5), max_samples="3")


def test_what_is_no_model(images):
    with pytest.raises(TypeError, match=r"should be a torch.nn.Module or a function .*got int"):
        capture(3, images)
    with pytest.raises(TypeError, match=r"should return a dict \{layer: array\}, got Tensor"):
        capture(lambda x: x, images)


def test_a_number_of_calls_that_varies(images):
    class Adaptive(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = nn.Linear(3, 3)

        def forward(self, x):
            for _ in range(len(x)):
                x = self.step(x)
            return x

    text = "'step' ran 5 times in batch 0 and 2 times in batch 3"
    with pytest.raises(ValueError, match=text):
        capture(Adaptive(), loader(torch.randn(N, 3)), layers="step")
    with pytest.warns(UserWarning, match="left out: 'step#3' ran 5 times in batch 0 and 2 times"):
        assert list(capture(Adaptive(), loader(torch.randn(N, 3)))) == ["step", "step#2"]


def test_sizes_that_vary(images):
    model = nn.Sequential(nn.Conv2d(2, 3, 1))
    data = [images, images[:, :, :4]]
    with pytest.raises(
        ValueError,
        match=r"'0' had shape \(17, 3, 7, 5\) before and now has \(17, 3, 4, 5\), which 'flatten'",
    ):
        capture(model, data, reduce="flatten")
    assert capture(model, data)["0"].shape == (2 * N, 3)
    assert capture(model, data, reduce="positions")["0"].shape == (N * 35 + N * 20, 3)


def test_positions_know_the_number_of_samples(net, images):
    reps = capture(net, loader(images), layers=["conv", "head"], reduce="positions")
    assert reps.n_samples == N
    assert reps["conv"].shape == (N * 15, 6)
    assert reps["head"].shape == (N, 3)
    with torch.no_grad():
        expected = net.conv(images).permute(0, 2, 3, 1).reshape(-1, 6)
    np.testing.assert_allclose(reps["conv"], expected.numpy(), rtol=1e-5, atol=1e-6)


def test_dtypes():
    x = torch.randn(N, 3)
    for dtype, kept in (
        (torch.bfloat16, np.float32),
        (torch.float16, np.float16),
        (torch.float64, np.float64),
    ):
        model = nn.Sequential(nn.Linear(3, 4)).to(dtype)
        reps = capture(model, x.to(dtype))
        assert reps.dtypes == {"0": str(dtype).removeprefix("torch.")}
        assert reps["0"].dtype == kept
        expected = model(x.to(dtype)).detach().double().numpy()
        np.testing.assert_array_equal(reps["0"].astype(float), expected)
    for dtype in ("float64", np.float64, np.dtype("float64"), torch.float64):
        reps = capture(nn.Sequential(nn.Linear(3, 4)), x, dtype=dtype)
        assert reps["0"].dtype == np.float64
        assert reps.dtypes == {"0": "float32"}
    for dtype in ("bfloat16", torch.bfloat16, "int8", np.int64):
        with pytest.raises(ValueError, match="should be float16, float32 or float64"):
            capture(nn.Sequential(nn.Linear(3, 4)), x, dtype=dtype)


def test_the_coarser_of_computed_and_kept_dtype_is_recorded():
    x = torch.randn(N, 3)

    def recorded(computed, kept, reduce="mean"):
        model = nn.Sequential(nn.Linear(3, 4)).to(computed)
        return capture(model, x.to(computed), dtype=kept, reduce=reduce).dtypes["0"]

    assert recorded(torch.float32, "float16") == "float16"
    assert recorded(torch.float64, "float32") == "float32"
    assert recorded(torch.float16, "float32") == "float16"
    assert recorded(torch.bfloat16, "float16") == "bfloat16"
    assert recorded(torch.float32, None, lambda x: x.half()) == "float16"


def test_values_that_do_not_fit_the_kept_dtype():
    model = nn.Sequential(nn.Identity())
    x = torch.tensor([[1.0, -7e4], [torch.inf, 2.0]])
    with pytest.raises(
        ValueError, match=r"layer '0' has values up to 70000, .* value of float16 is 65504; pass"
    ):
        capture(model, x, dtype="float16")
    # What was infinite, or not a number, before is not the fault of the dtype.
    x[0, 1] = torch.nan
    np.testing.assert_array_equal(capture(model, x, dtype="float16")["0"], x.numpy())


def test_memory_grows_only_with_what_is_kept(images):
    alive = []

    class Watch(nn.Module):
        def forward(self, x):
            alive.append(sum(ref() is not None for ref in seen))
            y = x * 2
            seen.append(weakref.ref(y))
            return y

    seen = []
    model = nn.Sequential(Watch(), nn.Flatten())
    reps = capture(
        model, loader(images, 2), layers=["0", "1"], reduce={"0": "mean"}, channels="first"
    )
    assert max(alive) <= 1  # the batch before, at most
    assert all(array.base is None or array.base.size == array.size for array in reps.values())


def test_device_is_where_the_parameters_are_and_the_model_comes_back(images):
    moves = []

    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(2, 3, 1)

        def to(self, device):
            moves.append(str(device))
            return self

        def forward(self, x):
            return self.layer(x)

    capture(Moved(), images)
    assert moves == []
    capture(Moved(), images, device="cpu")
    with pytest.raises(ValueError, match="failed on batch 0"):
        capture(Moved(), images[:, :1], device="cpu")
    assert moves == ["cpu"] * 4
    several = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, device="meta"))
    with pytest.raises(ValueError, match=r"parameters are offloaded .*: leave out device"):
        capture(several, torch.ones(3, 2), device="cpu")


def test_a_model_that_fails_says_on_which_batch(net, images):
    before = state(net)
    with pytest.raises(ValueError, match=r"the model failed on batch 1: RuntimeError: Given .*$"):
        capture(net, [images, images[:, :1]])
    with pytest.raises(ValueError, match="the model failed on batch 0: RuntimeError: ") as caught:
        capture(net, images[:, :1])
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"batch 0: forward has no parameter for 'z'"):
        capture(net, {"z": images})
    assert_same_state(state(net), before)


@pytest.mark.parametrize("device", ["foo", "cuda:99"])
def test_a_device_that_is_not_there(net, images, device):
    before = state(net)
    for model in (net, nn.Sequential(nn.ReLU())):
        with pytest.raises(ValueError, match=f"device '{device}' is not available: .*Error: "):
            capture(model, images, device=device)
    assert_same_state(state(net), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same(net, images):
    expected = capture(net, loader(images))
    reps = capture(net, loader(images), device="cuda")
    assert reps.sample_ids == expected.sample_ids
    assert next(net.parameters()).device.type == "cpu"
    for name in expected:
        np.testing.assert_allclose(reps[name], expected[name], rtol=1e-3, atol=1e-3)


def test_a_model_without_parameters():
    reps = capture(nn.Sequential(nn.ReLU()), torch.randn(N, 3))
    assert reps["0"].shape == (N, 3)


def test_progress_only_for_a_terminal(net, images, capsys, monkeypatch):
    capture(net, loader(images))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    capture(net, loader(images), progress=False)
    assert capsys.readouterr() == ("", "")
    capture(net, loader(images))
    out, err = capsys.readouterr()
    assert out == ""
    assert "capture" in err
    with pytest.raises(ZeroDivisionError) as caught:
        capture(net, loader(images), reduce=lambda x: 1 / 0)
    # The bar is gone although the traceback, and the frames in it, are alive.
    assert caught.tb is not None
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and "rich" in type(thread).__module__:
            thread.join(5)
            assert not thread.is_alive()


def test_the_result_is_representations_that_survive_a_file(net, images, tmp_path):
    from isorep.storage import load

    reps = capture(net, loader(images, y=torch.arange(N)), reduce={"conv": "positions"})
    assert isinstance(reps, Representations)
    for suffix in ("npz", "zarr"):
        reps.save(tmp_path / f"a.{suffix}")
        assert load(tmp_path / f"a.{suffix}") == reps


def test_no_warning_when_nothing_is_left_out(net, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        capture(net, images)


def test_a_compiled_model_runs_uncompiled(net, images):
    class Compiled(nn.Module):  # as torch.compile wraps, without the seconds it takes to import
        def __init__(self, model):
            super().__init__()
            self._orig_mod = model

        def forward(self, x):
            raise AssertionError("hooks are skipped in here")

    assert capture(Compiled(net), images) == capture(net, images)


@pytest.mark.slow
def test_what_is_compiled_inside_runs_as_it_was_written(net, images):
    """Hooks cannot be compiled with it where no break is allowed."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.out = nn.Linear(6, 5), nn.Linear(5, 6)

        def forward(self, x):
            return self.out(self.fc(x).relu())

    net.blocks[0] = Block()
    expected = capture(net, images)
    inside, in_place = copy.deepcopy(net), copy.deepcopy(net)
    inside.blocks[0] = torch.compile(inside.blocks[0], backend="eager", fullgraph=True)
    in_place.compile(backend="eager", fullgraph=True)
    for compiled in (inside, in_place):
        found = capture(compiled, images)
        for layer in ("conv", "shared#2", "head"):
            np.testing.assert_array_equal(found[layer], expected[layer])
        with torch.no_grad():
            assert compiled(images).shape == (N, 3)  # compiled, as before
