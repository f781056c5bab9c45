import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from isorep.storage import load


def test_npy_is_one_layer_named_after_the_file(tmp_path):
    x = np.asfortranarray(np.arange(15, dtype=np.float16).reshape(5, 3))
    np.save(tmp_path / "layer.4.npy", x)
    reps = load(tmp_path / "layer.4.npy")
    assert list(reps) == ["layer.4"]
    np.testing.assert_array_equal(reps["layer.4"], x)
    assert reps["layer.4"].dtype == np.float16
    assert (reps.sample_ids, reps.labels, reps.reductions) == (None, None, {})


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_npz_is_a_layer_for_each_array_in_order(tmp_path, write):
    # "x" and "x.npy" are told apart, which np.load does not do.
    given = {
        "x.npy": np.ones((5, 2)),
        "a/b": np.eye(5, dtype=np.float32),
        "x": np.zeros((5, 3), np.int8),
    }
    write(tmp_path / "a.npz", **given)
    reps = load(tmp_path / "a.npz")
    assert list(reps) == list(given)
    for name, array in given.items():
        np.testing.assert_array_equal(reps[name], array)
        assert reps[name].dtype == array.dtype
    assert reps.sample_ids is None


def test_safetensors(tmp_path):
    x = torch.linspace(-2, 3, 21).reshape(7, 3)
    given = {f"fc{i}": x.to(d) for i, d in ((10, torch.float64), (2, torch.float16))}
    given["bf"] = x.bfloat16()
    given["int"] = x.to(torch.int32)
    save_file(given, tmp_path / "a.safetensors", metadata={"format": "pt"})
    reps = load(tmp_path / "a.safetensors")
    assert list(reps) == ["bf", "fc2", "fc10", "int"]
    for name, tensor in given.items():
        np.testing.assert_array_equal(reps[name], tensor.to(torch.float64).numpy())
    assert reps.dtypes == {"bf": "bfloat16", "fc2": "float16", "fc10": "float64", "int": "int32"}
    assert reps["bf"].dtype == np.float32


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_no_pickle_is_ever_loaded(tmp_path):
    objects = np.array([[Boom()]], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Boom()))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Boom()))
    with pytest.raises(ValueError, match=r"a.npy'.*Object arrays cannot be loaded"):
        load(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"a.npz'.*array 'x'.*Object arrays cannot be loaded"):
        load(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"raw.npy'.*expected an .npy"):
        load(tmp_path / "raw.npy")
    with pytest.raises(ValueError, match=r"raw.npz'.*expected an .npz"):
        load(tmp_path / "raw.npz")


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors"])
def test_what_is_no_such_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    np.save(tmp_path / "good.npy", np.ones((3, 2)))
    bad = [b"", b"hello world, this is no array"]
    if suffix == "npy":
        bad.append((tmp_path / "good.npy").read_bytes()[:-1])
    for content in bad:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"a.{suffix}'.*expected an? .{suffix}"):
            load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=rf"a.{suffix}'.*expected an? .{suffix}"):
        load(path)


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("archive/data.pkl", "...")
    with pytest.raises(ValueError, match=r"a.npz'.*got a zip with 'archive/data.pkl'"):
        load(tmp_path / "a.npz")


def test_arrays_that_are_no_representations(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((5, 2)), y=np.ones(5))
    with pytest.raises(ValueError, match=r"a.npz'.*layer 'y' is 1-D"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.ones((5, 2)), y=np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"a.npz'.*'x' says 5 samples and layer 'y' says 4"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a.npz'.*at least one layer"):
        load(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", np.ones((5, 2), complex))
    with pytest.raises(ValueError, match=r"a.npy'.*dtype complex128"):
        load(tmp_path / "a.npy")
    save_file({"x": torch.ones(2, 2, dtype=torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"a.safetensors'.*'x' has dtype F8_E4M3"):
        load(tmp_path / "a.safetensors")
