"""Files of weights, loaded into models."""

import pytest
import torch
from torch import nn

from isorep.model_files.checkpoints import load_weights


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_that_are_none(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"\x80\x02junk, no weights")
    with pytest.raises(ValueError, match=rf"w{suffix}': expected a state dict, as .*, got \w+: "):
        load_weights(nn.Linear(2, 2), path)


def test_weights_of_another_model(tmp_path):
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w.pt': RuntimeError: .*size mismatch for weight"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w.pt': TypeError: Expected state_dict to be dict"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"expected a state dict, .* Weights only load failed$"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
