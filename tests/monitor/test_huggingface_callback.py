"""Hugging Face: its Trainer drives the monitor, and trains as without it."""

import warnings

import numpy as np
import pytest
import torch
from helpers.small_training import log
from torch.utils.data import Dataset

import isorep
from isorep.monitor import Monitor, states

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' advice

TOKENS = torch.randint(1, 30, (48, 7), generator=torch.Generator().manual_seed(1))
MASK = (torch.arange(7) < torch.randint(3, 8, (48, 1), generator=torch.Generator())).long()


class Sentences(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        label = int(TOKENS[index, 0] > 15)
        return {"input_ids": TOKENS[index], "attention_mask": MASK[index], "labels": label}


@pytest.fixture(scope="module")
def train():
    """Import what is slow here, for the tests that need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import BertConfig, BertForSequenceClassification, Trainer
        from transformers import TrainingArguments as Arguments

        from isorep.monitor.huggingface import MonitorCallback

    def run(folder, epochs, monitor=None, trainer_options=None, **options):
        torch.manual_seed(2)
        config = BertConfig(
            vocab_size=30,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
        )
        model = BertForSequenceClassification(config)
        trainer = Trainer(
            model,
            Arguments(
                str(folder),
                num_train_epochs=epochs,
                per_device_train_batch_size=8,
                learning_rate=1e-2,
                lr_scheduler_type="constant",
                use_cpu=True,
                report_to="none",
                disable_tqdm=True,
                save_strategy="epoch",
                logging_strategy="no",
                **(trainer_options or {}),
            ),
            train_dataset=Sentences(),
            eval_dataset=Sentences(),
            callbacks=[] if monitor is None else [MonitorCallback(monitor)],
        )
        trainer.train(**options)
        return model

    return run


OPTIONS = {
    "probe": {"input_ids": TOKENS, "attention_mask": MASK},
    "layers": ["bert.encoder.layer.?", "bert.pooler"],
    "every": 3,
    "measure": "cka",
}


def watch(store):
    return Monitor(**OPTIONS, store=store)


@pytest.mark.slow
def test_a_training_is_watched_and_comes_out_the_same(train, tmp_path):
    monitor = watch(tmp_path / "run")
    plain = train(tmp_path / "a", 2)
    after = torch.get_rng_state()
    watched = train(tmp_path / "b", 2, monitor)
    assert torch.equal(torch.get_rng_state(), after)
    for x, y in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True):
        assert torch.equal(x, y)
    assert list(states(tmp_path / "run")) == [0, 3, 6, 8]
    assert not log(tmp_path / "run", "error")
    table = monitor.trajectory()
    layers = ["bert.encoder.layer.0", "bert.encoder.layer.1", "bert.pooler"]
    assert table["layer"].to_numpy().tolist() == layers
    assert (table["cka_distance"].sel(step=0) > 0).all()

    # Resumed from the checkpoint of the first epoch, in the same store: step 6 was of the future.
    first = monitor.states()
    again = watch(tmp_path / "run")
    train(tmp_path / "b", 2, again, resume_from_checkpoint=str(tmp_path / "b/checkpoint-4"))
    _, start = log(tmp_path / "run", "start")
    assert (start["step"], start["superseded"]) == (4, [6, 8])
    assert list(states(tmp_path / "run")) == [0, 3, 4, 6, 8]
    assert again.states()[8] == first[8]


@pytest.mark.slow
def test_the_final_state_is_not_the_best_one_put_back(train, tmp_path):
    """The trainer loads its best checkpoint before it says that training is over."""
    best = {
        "load_best_model_at_end": True,
        "eval_strategy": "epoch",
        "metric_for_best_model": "loss",
        "greater_is_better": True,  # so that it is the first
    }
    plain = Monitor(**{**OPTIONS, "every": 1}, store=tmp_path / "plain")
    train(tmp_path / "a", 2, plain, {"eval_strategy": "epoch"})
    monitor = Monitor(**OPTIONS, store=tmp_path / "run")
    model = train(tmp_path / "b", 2, monitor, best)
    assert list(states(tmp_path / "run")) == [0, 3, 6, 8]
    assert monitor.states()[8] == plain.states()[8]
    back = isorep.capture(model, OPTIONS["probe"], layers=OPTIONS["layers"])
    np.testing.assert_allclose(
        back["bert.pooler"], plain.states()[4]["bert.pooler"], rtol=1e-5, atol=1e-6
    )
