import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from isorep._formats.npz import read_npz
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
    with pytest.raises(ValueError, match=r"a.npy'.*array of Python objects.*save texts"):
        load(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"a.npz'.*layer 'x' has dtype object"):
        load(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"array 'x'.*array of Python objects.*save texts"):
        read_npz(tmp_path / "a.npz").layers["x"][:]
    np.savez(tmp_path / "a.npz", fc=np.ones((3, 2)), config=Boom(), y=objects[0])
    with pytest.warns(UserWarning, match=r"left out: config \(\) object, y \(1,\) object"):
        assert list(load(tmp_path / "a.npz")) == ["fc"]
    with pytest.raises(ValueError, match=r"a.npz'.*array 'y'.*array of Python objects.*save texts"):
        load(tmp_path / "a.npz", labels="y")
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
    np.savez(tmp_path / "a.npz", y=np.ones(5))
    with pytest.raises(ValueError, match=r"a.npz'.*layer 'y' is 1-D"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.ones((5, 2)), y=np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"a.npz'.*'x' has 5 samples and layer 'y' has 4"):
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


def test_a_tensor_of_float8_is_left_out_beside_others(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(3, 2), "y": torch.ones(3, 2, dtype=torch.float8_e4m3fn)}, path)
    assert list(load(path, layers="x")) == ["x"]
    with pytest.warns(UserWarning, match=r"left out: y \(3, 2\) F8_E4M3\."):
        assert list(load(path)) == ["x"]
    with pytest.raises(ValueError, match=r"a.safetensors'.*'y' has dtype F8_E4M3; expected real"):
        load(path, layers=["x", "y"])


def npy(shape, data=b"", descr="<f8"):
    """A .npy with a header that may claim anything."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


HUGE = [(10**7, 10**7), (2**40, 2**40), (10**30, 1), (0, 10**30), (-3, -1), (3, 5)]


@pytest.mark.parametrize("shape", HUGE)
@pytest.mark.parametrize("how", ["npy", "stored", "deflated", "lying"])
def test_a_header_that_claims_more_than_there_is(tmp_path, shape, how):
    content = npy(shape, bytes(24))
    path = tmp_path / ("a.npy" if how == "npy" else "a.npz")
    if how == "npy":
        path.write_bytes(content)
    else:
        kind = zipfile.ZIP_DEFLATED if how == "deflated" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("x.npy", content)
    if how == "lying":  # the member's own length, in the central directory, as well
        data = bytearray(path.read_bytes())
        start = data.index(b"PK\x01\x02")
        data[start + 24 : start + 28] = (2**32 - 2).to_bytes(4, "little")
        path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"cannot load '.*{path.name}': "):
        load(path)


def test_a_header_that_cannot_be_parsed(tmp_path):
    good = npy((3, 2), bytes(48))
    for bad in (
        good.replace(b"(3, 2)", b"(3, 2 "),
        good.replace(b"(3, 2), }", b"((((((((("),
        good[:30],
    ):
        (tmp_path / "a.npy").write_bytes(bad)
        with pytest.raises(ValueError, match=r"a.npy'.*expected an .npy"):
            load(tmp_path / "a.npy")
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", bad)
        with pytest.raises(ValueError, match=r"a.npz'.*array 'x': "):
            load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("offset", "value", "text"), [(8, 1, "is encrypted"), (10, 99, "compression method")]
)
def test_a_zip_that_cannot_be_unpacked(tmp_path, offset, value, text):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((3, 2)))
    data = bytearray(path.read_bytes())
    # The same flag, or method, in the member's own header and in the central directory.
    data[data.index(b"PK\x03\x04") + offset - 2] = value
    data[data.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"a.npz'.*expected an .npz .*{text}"):
        load(path)
