"""Loggers: TensorBoard and Weights & Biases get the numbers of the log."""

import warnings

import pytest
from helpers.small_training import PROBE, Training, log, net

from isorep.monitor import Monitor


def run(tmp_path, steps=10, start=0, **options):
    monitor = Monitor(PROBE, layers=["conv", "out"], store=tmp_path / "run", every=5, **options)
    model = net()
    monitor.start(model, step=start)
    Training(model).run(steps, monitor)
    monitor.finish()


def expected(tmp_path):
    return {
        (line["step"], f"isorep/pwcca_distance_{name}/{layer}"): value
        for line in log(tmp_path / "run", "state")
        for name in ("to_start", "to_earlier")
        for layer, value in line[name].items()
    }


class Run:
    """A run of Weights & Biases, whose counter goes on by one with each row that is committed."""

    def __init__(self):
        self.metrics, self.rows, self.step, self._row = [], [], 0, {}

    def define_metric(self, name, step_metric=None):
        self.metrics.append((name, step_metric))

    def log(self, row, step=None, commit=None):
        assert step is None or step >= self.step, "such rows are ignored"
        if step is not None and step > self.step:
            self._commit(step)
        self._row.update(row)
        if commit or (commit is None and step is None):
            self._commit(self.step + 1)

    def finish(self):
        self._commit(self.step)

    def _commit(self, next_step):
        if self._row:
            self.rows.append({**self._row, "_step": self.step})
        self._row, self.step = {}, next_step


@pytest.mark.parametrize("own_steps", [True, False])
def test_weights_and_biases(tmp_path, own_steps):
    """The script's rows are all there, whether it counts steps itself or lets the run count."""
    wandb = Run()
    monitor = Monitor(PROBE, layers=["conv", "out"], store=tmp_path / "run", every=5, wandb=wandb)
    model = net()
    training = Training(model)
    with monitor.start(model):
        for step in range(10):
            training.run(1, monitor)
            wandb.log({"loss": step}, step=step if own_steps else None)
    wandb.finish()
    assert [row["loss"] for row in wandb.rows if "loss" in row] == list(range(10))
    assert all(row["_step"] == row["loss"] for row in wandb.rows if "loss" in row)
    wandb.rows = [
        {name: value for name, value in row.items() if name not in ("loss", "_step")}
        for row in wandb.rows
        if "isorep/step" in row
    ]
    assert wandb.metrics == [("isorep/step", None), ("isorep/*", "isorep/step")]
    assert [row["isorep/step"] for row in wandb.rows] == [0, 5, 10]
    found = {
        (row["isorep/step"], name): value
        for row in wandb.rows
        for name, value in row.items()
        if name != "isorep/step"
    }
    assert found == expected(tmp_path)
    assert len(found) == 10  # at the start there is nothing earlier


class Writer:
    def __init__(self):
        self.found, self.closed = {}, False

    def add_scalar(self, name, value, step):
        self.found[step, name] = value

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_a_writer_of_the_callers_stays_open(tmp_path):
    writer = Writer()
    run(tmp_path, tensorboard=writer)
    assert writer.found == expected(tmp_path)
    assert not writer.closed


def test_a_folder_for_tensorboard(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    curves = tmp_path / "curves"
    run(tmp_path, tensorboard=curves, steps=13)
    run(tmp_path, tensorboard=str(curves), start=10, steps=5)  # resumed, 13 is superseded
    events = EventAccumulator(str(curves)).Reload()
    found = {
        (scalar.step, name): scalar.value
        for name in events.Tags()["scalars"]
        for scalar in events.Scalars(name)
    }
    wanted = {key: value for key, value in expected(tmp_path).items() if key[0] != 13}
    assert found.keys() == wanted.keys()
    assert {step for step, _ in found} == {0, 5, 10, 15}
    for key, value in found.items():
        assert abs(value - wanted[key]) < 1e-6  # float32
