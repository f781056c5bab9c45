"""Captures into a store and is killed over and over; `test_to_store` runs it as a process.

Each capture runs in a fork, which has what this process has imported.
"""

import os
import random
import shutil
import signal
import sys
import time
import traceback
from itertools import count
from pathlib import Path

import torch
import zarr.codecs  # noqa: F401  # so that no fork has to
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import isorep
from isorep._formats import resumable
from isorep._formats import zarr as store
from isorep.activations import recorder
from isorep.activations.model_call import call_model

SAMPLES, BATCH = 23, 4
KILLS = 5  # at random moments


def capture(out):
    """Capture into `out`; a file beside it gets a line for each sample that the model runs on."""
    log = out.with_suffix(".log").open("a")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv2d(1, 3, 3)
            self.low = nn.Linear(3, 5).half()
            self.brain = nn.Linear(3, 4).bfloat16()

        def forward(self, x):
            y = self.conv(x).mean((2, 3))
            return self.low(y.half()), self.brain(y.bfloat16())

    x = torch.randn(SAMPLES, 1, 5, 5, generator=torch.Generator().manual_seed(1))
    x[:, 0, 0, 0] = torch.arange(SAMPLES)
    data = DataLoader(TensorDataset(x, torch.arange(SAMPLES) % 3), batch_size=BATCH)

    def logged(model, batch):
        for number in batch.inputs[:, 0, 0, 0]:
            print(int(number), file=log, flush=True)
        call_model(model, batch)

    recorder.call_model = logged  # not in the passes that look for axes
    isorep.capture(Net(), data, reduce={"conv": "positions"}, out=out)


def in_a_fork(work, kill=None):
    """Return the status of `work()` in a process of its own, which `kill(child)` may end."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if kill is not None:
        kill(child)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_soon_after_a_sample(log, child, delays):
    """Kill `child` a random time after it has run a sample, or leave it if it ends before."""
    before = log.stat().st_size if log.exists() else 0
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if log.exists() and log.stat().st_size > before:
            time.sleep(delays.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
            return
        time.sleep(0.001)


def killed_before(event, out):
    """Kill this process before it writes, moves or removes something for the `event`-th time."""
    left = event

    def hook(name, arguments):
        nonlocal left
        if name == "open" and not (arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if name not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            return
        if out.name not in str(arguments[0]) or ".log" in str(arguments[0]):
            return
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    capture(out)


def store_of(out):
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


def check(out, expected):
    assert store_of(out) == expected, out
    assert not resumable.part_of(out).exists()
    # Each sample ran, and few more than once: those of the batches after the last commit.
    ran = list(map(int, out.with_suffix(".log").read_text().split()))
    assert set(ran) == set(range(SAMPLES))
    return len(ran) - SAMPLES


def main(folder, every):
    resumable._SECONDS = 0.0  # a commit after each batch
    store._CHUNK_ROWS = 8
    os.fsync = os.fstat  # a kill loses nothing that was written, unlike a loss of power
    torch.set_num_threads(1)
    plain = folder / "plain.zarr"
    assert in_a_fork(lambda: capture(plain)) == 0
    expected = store_of(plain)
    assert check(plain, expected) == 0

    # Before a change to the files, and then taken up until the end.
    for event in count(step=every):
        out = folder / "events.zarr"
        out.with_suffix(".log").unlink(missing_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        status = in_a_fork(lambda event=event, out=out: killed_before(event, out))
        if status == 0:
            break
        assert status == -signal.SIGKILL
        assert in_a_fork(lambda out=out: capture(out)) == 0
        assert check(out, expected) <= BATCH
    print("killed before each of", event, "changes, or every so many")

    # At any moment, again and again, and then left alone until the end.
    delays, kills = random.Random(7), 0
    out = folder / "moments.zarr"
    log = out.with_suffix(".log")
    while kills < KILLS and in_a_fork(
        lambda: capture(out), kill=lambda child: kill_soon_after_a_sample(log, child, delays)
    ):
        kills += 1
    if kills == KILLS:
        assert in_a_fork(lambda: capture(out)) == 0
    assert check(out, expected) <= kills * BATCH
    print("killed", kills, "times")


if __name__ == "__main__":
    main(Path(sys.argv[1]), every=int(sys.argv[2]))
