"""Monitor: training is as without it, the numbers are those of captures, nothing stops it."""

import copy
import random
import warnings

import numpy as np
import pytest
import torch
from helpers.small_training import PROBE, Net, Training, log, net
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import isorep
from isorep.monitor import Monitor, states
from isorep.monitor import monitor as module
from isorep.monitor.probe import Probe
from isorep.monitor.store import Store


def watch(store, **options):
    return Monitor(PROBE, **{"layers": ["conv", "out"], "store": store, "every": 5, **options})


# --- Training is the same to the bit -------------------------------------------------------------


def trained(monitor=None):
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  the global one is what is tested
    model = net(noisy=True)
    model.drop.eval()  # a flag of its own
    model.out.weight.requires_grad_(False)
    training = Training(model)
    loader = DataLoader(TensorDataset(torch.randn(64, 1, 6, 6)), batch_size=16, shuffle=True)
    seen = []
    if monitor is not None:
        monitor.start(model)
    for _ in range(3):
        for (batch,) in loader:
            training.step()
            seen += [batch.sum().item(), random.random(), np.random.rand()]  # noqa: NPY002
            seen.append([module.training for module in model.modules()])
            if monitor is not None:
                monitor.step()
    if monitor is not None:
        monitor.finish()
    assert not any(module._forward_hooks for module in model.modules())
    seen += [random.getstate(), np.random.get_state()[1].tolist()]  # noqa: NPY002
    seen.append(torch.get_rng_state().tolist())
    tensors = [*model.state_dict().values(), *(x.grad for x in model.parameters())]
    for state in training.optimizer.state.values():
        tensors += state.values()
    return seen, tensors


def test_training_is_the_same_to_the_bit_with_and_without(tmp_path):
    plain, watched = trained(), trained(watch(tmp_path, every=1, layers="*"))
    assert plain[0] == watched[0]
    for x, y in zip(plain[1], watched[1], strict=True):
        assert (x is None and y is None) or torch.equal(x, y)
    assert list(states(tmp_path)) == list(range(13))


def test_reading_the_probe_draws_nothing():
    loader = DataLoader(TensorDataset(PROBE), batch_size=10, shuffle=True)
    before = torch.get_rng_state()
    Probe(loader, "conv", "mean")
    assert torch.equal(torch.get_rng_state(), before)


class Augmented(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return PROBE[index] + torch.randn(1)


class Overwrites(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten())

    def forward(self, x):
        return self.own(x.sub_(1))


def test_the_probe_is_the_same_for_every_state():
    model = net(noisy=True)
    probe = Probe(DataLoader(Augmented(), batch_size=16), "*", "mean")
    assert probe.capture(model) == probe.capture(model)
    given = PROBE.clone()
    probe = Probe(given, "own", "mean")
    first = probe.capture(Overwrites())
    assert first == probe.capture(Overwrites())
    assert torch.equal(given, PROBE)


# --- The numbers ---------------------------------------------------------------------------------


def test_the_numbers_are_those_of_captures(tmp_path):
    model = net()
    training = Training(model)
    captured = {}
    monitor = watch(tmp_path, every=4, lag=2, reduce={"conv": "flatten"}, measure="cka")
    with monitor.start(model):
        for step in range(1, 15):
            training.step()
            monitor.step()
            if step % 4 == 0 or step == 14:
                captured[step] = copy.deepcopy(model)
    captured = {0: net()} | captured
    expected = {
        step: isorep.capture(one, PROBE, layers=["conv", "out"], reduce={"conv": "flatten"})
        for step, one in captured.items()
    }
    assert monitor.states() == expected
    lines = log(tmp_path, "state")
    assert [line["step"] for line in lines] == [0, 4, 8, 12, 14]
    assert [line["earlier_step"] for line in lines] == [None, None, 0, 4, 8]
    for line in lines:
        now, earlier = expected[line["step"]], expected.get(line["earlier_step"])
        for layer in ("conv", "out"):
            assert line["to_start"][layer] == isorep.cka(now[layer], expected[0][layer]).distance
            if earlier is not None:
                assert line["to_earlier"][layer] == isorep.cka(now[layer], earlier[layer]).distance
        assert line["measure"] == "cka"
    table = monitor.trajectory()
    assert table.identical(isorep.trajectory(expected, measures="cka"))
    assert monitor.trajectory(measures="pwcca", reference="first").attrs["reference"] == 0
    (finished,) = log(tmp_path, "finish")
    assert 0 < finished["share"] < 1


def test_steps_may_be_told(tmp_path):
    monitor = watch(tmp_path, every=2)
    with monitor.start(net(), step=3):
        for done in (4, 4, 4, 5, 6):  # as where gradients are accumulated
            monitor.step(done)
    assert list(states(tmp_path)) == [3, 4, 6]


def test_a_layer_that_is_lost_costs_its_own_number(tmp_path):
    model = net()
    monitor = watch(tmp_path, every=1)
    with monitor.start(model):
        monitor.step()
        with torch.no_grad():
            model.out.weight.fill_(torch.nan)
        monitor.step()
    line = log(tmp_path, "state")[-1]
    assert line["to_start"]["conv"] == pytest.approx(0, abs=1e-6)
    assert line["to_start"]["out"] is None
    assert line["reasons"]["out"].startswith("step 2['out'] holds 291 NaN and 0 infinite")
    assert not log(tmp_path, "error")


def test_a_small_probe_is_warned_of_at_the_start_only(tmp_path):
    monitor = Monitor(PROBE[:12], layers=["conv", "out"], store=tmp_path, every=1)
    text = r"layer 'conv', and 1 more: 12 samples are few for 5 and 5 directions"
    with pytest.warns(isorep.FewSamplesWarning, match=text):
        monitor.start(net())
    Training(monitor._model).run(2, monitor)
    monitor.finish()


def test_wrapped_models_are_watched_inside(tmp_path):
    model = net()
    watch(tmp_path).start(nn.DataParallel(model)).finish()
    assert list(states(tmp_path)[0]) == ["conv", "out"]

    class FullyShardedDataParallel(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = model

    with pytest.raises(ValueError, match=r"spread over several processes \(FSDP, ZeRO-3\)"):
        watch(tmp_path / "b").start(FullyShardedDataParallel())
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
        watch(tmp_path / "b").start("net")
    with pytest.raises(ValueError, match=r"lazy modules whose weights are not initialised"):
        watch(tmp_path / "b").start(nn.Sequential(nn.LazyLinear(3)))


def test_one_process_of_many_watches(tmp_path, monkeypatch):
    monkeypatch.setattr("isorep.monitor.probe.is_first_process", lambda: False)
    monitor = watch(tmp_path / "a")
    with monitor.start(net()):
        monitor.step()
    assert not (tmp_path / "a").exists()


# --- A resumed training --------------------------------------------------------------------------


def test_a_resumed_training_goes_on_in_the_same_store(tmp_path):
    def run(store, crash):
        model = net()
        training = Training(model)
        monitor = watch(store, lag=2).start(model)
        training.run(20, monitor)
        if crash:
            checkpoint = copy.deepcopy((training, torch.get_rng_state()))
            training.run(13, monitor)  # to step 33, and no further
            training, random_state = checkpoint
            torch.set_rng_state(random_state)
            monitor = watch(store, lag=2).start(training.model, step=20)
        training.run(21, monitor)
        monitor.finish()

    run(tmp_path / "whole", crash=False)
    run(tmp_path / "resumed", crash=True)
    whole, resumed = (states(tmp_path / name) for name in ("whole", "resumed"))
    assert list(resumed) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 41]
    assert resumed == whole
    aside = sorted((tmp_path / "resumed/superseded/1").iterdir())
    assert [path.name for path in aside] == [f"step-000000{step}.npz" for step in (20, 25, 30)]
    _, again = log(tmp_path / "resumed", "start")
    assert (again["step"], again["superseded"]) == (20, [20, 25, 30])

    # The numbers, too, are as if nothing had happened, where lines after the start count.
    def numbers(store):
        last = {line["step"]: line for line in log(store, "state")}
        names = ("to_start", "earlier_step", "to_earlier")
        return {step: [line[name] for name in names] for step, line in sorted(last.items())}

    assert numbers(tmp_path / "resumed") == numbers(tmp_path / "whole")


def test_a_store_of_something_else_is_refused(tmp_path):
    store = tmp_path / "run"
    watch(store).start(net()).finish()
    before = (store / "log.jsonl").read_bytes()
    with pytest.raises(
        ValueError, match=r"has the layers conv \(mean\), out \(mean\), but this mo"
    ):
        watch(store, layers="conv").start(net(), step=5)
    with pytest.raises(ValueError, match=r"has the layers conv \(mean\), .* conv \(flatten\)"):
        watch(store, reduce="flatten").start(net(), step=5)
    with pytest.raises(ValueError, match="and the probe hold the same samples in another order"):
        Monitor(PROBE.flip(0), layers=["conv", "out"], store=store).start(net(), step=5)
    with pytest.raises(ValueError, match="unknown layer 'cnv'; did you mean 'conv'"):
        watch(store, layers="cnv").start(net(), step=5)
    assert (store / "log.jsonl").read_bytes() == before
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="holds other files and is not a monitor's store; pass a"):
        watch(tmp_path)
    with pytest.raises(ValueError, match=r"thesis.tex' is a file; pass a folder"):
        watch(tmp_path / "thesis.tex")


def test_a_training_that_starts_anew_moves_the_last_one_aside(tmp_path):
    for _ in range(2):
        monitor = watch(tmp_path).start(net())  # over no more than a start, the second time
        Training(net()).run(10, monitor)
        with pytest.warns(UserWarning, match=r"held states up to step 10, .*start\(model, step="):
            watch(tmp_path).start(net())
    assert list(states(tmp_path)) == [0]
    assert [len(list((tmp_path / "superseded" / k).iterdir())) for k in "123"] == [3, 1, 3]


# --- Nothing stops the training ------------------------------------------------------------------


class FullDiskError(OSError):
    def __init__(self):
        super().__init__(28, "No space left on device")


class BadRun:
    def log(self, row, commit):
        if row["isorep/step"]:
            raise ConnectionError("no network\nand more")


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (
            lambda patch: patch.setattr(Probe, "capture", fail(MemoryError("no more"))),
            "MemoryError",
        ),
        (
            lambda patch: patch.setattr(Store, "save", fail(FullDiskError())),
            "FullDiskError: [Errno 28] No s",
        ),
        (
            lambda patch: patch.setattr(Store, "log", fail(FullDiskError())),
            "FullDiskError: [Errno 28] No s",
        ),
        (lambda patch: None, "ConnectionError: no network"),
    ],
    ids=["capture", "save", "log", "wandb"],
)
def test_what_goes_wrong_is_told_once_and_does_not_stop_the_training(
    tmp_path, monkeypatch, break_it, reason
):
    monitor = watch(tmp_path, wandb=BadRun())
    monitor.start(net())
    break_it(monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Training(net()).run(12, monitor)
        monitor.finish()
    (one,) = caught
    text = str(one.message)
    assert text.startswith("the monitor stopped after step 5; training continues without it: ")
    assert reason in text
    assert "and more" not in text
    monkeypatch.undo()
    if "not logged in the store" in text:
        assert not log(tmp_path, "error")
    else:
        (line,) = log(tmp_path, "error")
        assert line["step"] == 5
        assert reason in line["reason"]
    assert 0 in states(tmp_path)  # and what was there can be read


def fail(error):
    def raising(*args, **options):
        raise error

    return raising


def test_where_warnings_are_errors_it_is_printed(tmp_path, monkeypatch, capsys):
    monitor = watch(tmp_path, every=1).start(net())
    monkeypatch.setattr(Probe, "capture", fail(RuntimeError("out of memory")))
    monitor.step()  # pytest turns warnings into errors
    monitor.step()
    assert capsys.readouterr().err == (
        "the monitor stopped after step 1; training continues without it: "
        "RuntimeError: out of memory\n"
    )


def test_a_disk_that_is_full_at_the_start_does_not_stop_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "save", fail(FullDiskError()))
    monitor = watch(tmp_path)
    with pytest.warns(UserWarning, match="the monitor stopped after step 0"):
        monitor.start(net())
    Training(net()).run(6, monitor)
    monitor.finish()


def test_ctrl_c_passes_and_leaves_the_training_as_it_was(tmp_path, monkeypatch):
    model = net()
    monitor = watch(tmp_path, every=1).start(model)
    monkeypatch.setattr(module, "score_prepared", fail(KeyboardInterrupt()))
    random_state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        monitor.step()
    assert model.training
    assert torch.equal(torch.get_rng_state(), random_state)
    monkeypatch.undo()
    monitor.step()  # a notebook may go on
    monitor.finish()
    assert list(states(tmp_path)) == [0, 1, 2]


def test_an_exception_in_the_block_leaves_no_final_state(tmp_path):
    monitor = watch(tmp_path)

    def crash():
        with monitor.start(net()):
            monitor.step()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert list(states(tmp_path)) == [0]
    assert not log(tmp_path, "finish")


def test_what_it_is_given_is_checked(tmp_path):
    with pytest.raises(TypeError, match="every must be a number of steps or 'auto', got 'often'"):
        watch(tmp_path, every="often")
    with pytest.raises(ValueError, match="every must be at least 1 step, or 'auto', got 0"):
        watch(tmp_path, every=0)
    with pytest.raises(
        ValueError, match=r"max_share must be a share of the time, in \(0, 1\), got 3"
    ):
        watch(tmp_path, max_share=3)
    with pytest.raises(ValueError, match="unknown measure 'pwca'; did you mean 'pwcca'"):
        watch(tmp_path, measure="pwca")
    with pytest.raises(ValueError, match="lag must be a number of states, at least 1, got 0"):
        watch(tmp_path, lag=0)
    with pytest.raises(TypeError, match=r"wandb must be a run with .log, got str"):
        watch(tmp_path, wandb="my-project")
    with pytest.raises(TypeError, match=r"tensorboard must be a SummaryWriter or a folder, got i"):
        watch(tmp_path, tensorboard=5)
    with pytest.raises(TypeError, match=r"the name of one measure, got \['pwcca', 'cka'\]"):
        watch(tmp_path, measure=["pwcca", "cka"])
    for step in (-1, 1.5):
        with pytest.raises(
            ValueError, match=f"number of steps the model is trained for, got {step}"
        ):
            watch(tmp_path).start(torch.nn.Linear(4, 2), step=step)
    with pytest.raises(ValueError, match="the probe holds no samples"):
        Monitor([], store=tmp_path)
    with pytest.raises(RuntimeError, match=r"call start\(model\) before step\(\)"):
        watch(tmp_path).step()
    with pytest.raises(FileNotFoundError, match=r"no states in .*: is it a monitor's store"):
        states(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_whole_model_is_the_default(tmp_path):
    monitor = Monitor(PROBE, store=tmp_path)
    with monitor.start(Net()):
        pass
    assert list(monitor.states()[0]) == ["conv", "norm", "drop", "out"]
