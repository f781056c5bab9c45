"""Lightning: its Trainer drives the monitor, and trains as without it."""

import warnings

import pytest
import torch
from helpers.small_training import PROBE, log, net
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from isorep.monitor import Monitor, states

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice


@pytest.fixture(scope="module")
def kit():
    """Import what is slow here, for the tests that need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lightning.pytorch as lightning

        from isorep.monitor.lightning import MonitorCallback

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net(noisy=True)

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            x, y = batch
            return cross_entropy(self(x), y)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    def fit(epochs, monitor=None, **options):
        torch.manual_seed(7)
        x = torch.randn(60, 1, 6, 6)
        data = TensorDataset(x, (x.mean((1, 2, 3)) > 0).long())
        module = Module()
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            accumulate_grad_batches=2,
            callbacks=[] if monitor is None else [MonitorCallback(monitor)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(data, batch_size=10, shuffle=True), **options)
        return module, trainer

    return fit


def watch(store):
    return Monitor(PROBE, layers=["net.conv", "net.out"], store=store, every=2)


def test_a_fit_is_watched_and_comes_out_the_same(kit, tmp_path):
    monitor = watch(tmp_path)
    plain, _ = kit(3)
    after = torch.get_rng_state()
    watched, trainer = kit(3, monitor)
    assert torch.equal(torch.get_rng_state(), after)
    for x, y in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True):
        assert torch.equal(x, y)
    assert trainer.global_step == 9  # 3 epochs of 6 batches, 2 to a step
    assert list(states(tmp_path)) == [0, 2, 4, 6, 8, 9]
    assert len(log(tmp_path, "state")) == 6
    assert not log(tmp_path, "error")
    assert monitor.trajectory()["layer"].to_numpy().tolist() == ["net.conv", "net.out"]


def test_a_checkpoint_resumes_in_the_same_store(kit, tmp_path):
    _, trainer = kit(1, watch(tmp_path / "run"))
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    kit(3, watch(tmp_path / "run"), ckpt_path=tmp_path / "half.ckpt")
    assert [line["step"] for line in log(tmp_path / "run", "start")] == [0, 3]
    assert list(states(tmp_path / "run")) == [0, 2, 3, 4, 6, 8, 9]
