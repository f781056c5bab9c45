"""Live: what TensorBoard and Weights & Biases are told is what the log says."""

import warnings

from small_training import PROBE, Training, log, net

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
    def __init__(self):
        self.metrics, self.rows = [], []

    def define_metric(self, name, step_metric=None):
        self.metrics.append((name, step_metric))

    def log(self, row):
        self.rows.append(row)


def test_weights_and_biases(tmp_path):
    wandb = Run()
    run(tmp_path, wandb=wandb)
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
