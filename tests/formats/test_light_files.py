"""Small files that other programs made are read, with right values; damaged ones are refused."""

import re
import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch
from helpers.light_files import CLASSES, FILES, IDS, TRIALS, UNITS, WIDE
from safetensors.numpy import save_file

from isorep._formats.formats import find_format
from isorep._formats.matlab_structure import check_structure
from isorep.representations.activation_file import ActivationFile
from isorep.storage import load, open_or_load, open_store

MEANS = TRIALS.mean(2)
NESTED = {"net/units": UNITS, "net/wide": WIDE, "trials": MEANS}

HELD = {
    "arrays.npz": {"units": UNITS, "trials": MEANS},
    "matlab5.mat": NESTED,
    "matlab73.mat": NESTED,
    "arrays.h5": NESTED,
    "tensors.pt": {
        "net/units": UNITS,
        "net/wide/0": WIDE,
        "net/wide/1": torch.from_numpy(WIDE).bfloat16().float().numpy(),
        "trials": MEANS,
    },
    "tensors.safetensors": {"trials": MEANS, "units": UNITS, "wide": WIDE},
}


def opened_or_loaded(path, **options):
    return open_or_load(ActivationFile.from_path(path, **options))


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("read", [load, opened_or_loaded])
def test_a_file_with_everything_is_read(name, read):
    options = {} if name == "tensors.safetensors" else {"ids": "image"}
    with warnings.catch_warnings():  # MATLAB's text "rig"; the epoch in .npz
        warnings.simplefilter("ignore")
        layers = read(FILES / name, reduce="mean", channels="first", labels="target", **options)
    assert list(layers) == list(HELD[name])
    for layer, values in HELD[name].items():
        assert layers[layer].dtype == values.dtype, layer
        np.testing.assert_array_equal(np.asarray(layers[layer]), values)
        np.testing.assert_array_equal(layers[layer][2:5], values[2:5])
    assert layers.labels.tolist() == CLASSES.tolist()
    assert layers.sample_ids == (tuple(IDS) if options else None)
    assert layers.reductions == {"trials": "mean"}


@pytest.mark.parametrize("name", ["units.csv", "units.tsv"])
def test_a_table_of_pandas(name):
    with pytest.warns(UserWarning, match=r"left out: target \(6,\) int64, label \(6,\) text"):
        reps = load(FILES / name)
    np.testing.assert_array_equal(reps["units"], UNITS)
    assert reps.sample_ids == tuple(IDS)
    reps = load(FILES / name, layers="unit?", labels="label", groups="target")
    assert (reps.labels[0], reps.groups.tolist()) == ("cat, or dog", CLASSES.tolist())
    assert load(FILES / name, layers=["unit2", "target"])["units"].shape == (6, 2)


def test_shards_are_joined_in_the_order_of_their_numbers():
    for reps in (load(FILES / "npy_shards"), open_store(FILES / "npy_shards")):
        assert list(reps) == ["units"]
        for rows in (slice(None), slice(2, 5), slice(4, 4)):
            np.testing.assert_array_equal(reps["units"][rows], UNITS[rows])


def test_layers_in_several_files_of_safetensors(tmp_path):
    folder = FILES / "sharded_safetensors"
    for path in (folder, folder / "model.safetensors.index.json"):
        reps = open_store(path)
        assert list(reps) == ["units", "wide"]
        np.testing.assert_array_equal(reps["units"][:], UNITS)
        np.testing.assert_array_equal(reps["wide"][:], WIDE)
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / "model.safetensors.index.json").unlink()  # the names say it too
    assert list(load(tmp_path / "x")) == ["units", "wide"]
    (tmp_path / "x" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match=r"x': part 2 of 'model' is missing"):
        load(tmp_path / "x")
    shutil.copy(folder / "model.safetensors.index.json", tmp_path / "x")
    with pytest.raises(ValueError, match=r"the file model-00002-of-00002\.safetensors .* missing"):
        load(tmp_path / "x")
    for content in ("{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": []}}'):
        (tmp_path / "x" / "model.safetensors.index.json").write_text(content)
        with pytest.raises(ValueError, match=r"expected an index of \.safetensors files"):
            load(tmp_path / "x")


@pytest.mark.parametrize(
    "name", ["matlab5.mat", "matlab73.mat", "arrays.h5", "tensors.pt", "tensors.safetensors"]
)
def test_cut_and_foreign_files_are_refused(name, tmp_path):
    whole = (FILES / name).read_bytes()
    path = tmp_path / name
    for content in (b"", whole[:10], whole[: len(whole) // 2], b"no such format " * 100):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"cannot load '.*{name}': expected .*, got "
        ) as error:
            load(path)
        assert "\n" not in str(error.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=rf"cannot load '.*{name}': expected .*, got "):
        load(path)


def test_what_matlab_writes_in_hdf5_has_the_axes_of_matlab(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in (("resp", UNITS), ("vector", CLASSES[:, None]), ("one", np.eye(1))):
            file.create_dataset(name, data=array.T).attrs["MATLAB_class"] = np.bytes_("double")
        file["plain"] = UNITS[:4]
        empty = file.create_dataset("empty", data=np.array([0, 5], np.uint64))
        empty.attrs["MATLAB_class"] = np.bytes_("double")
        empty.attrs["MATLAB_empty"] = np.uint8(1)
        sparse = file.create_group("sparse")
        sparse.attrs["MATLAB_class"], sparse.attrs["MATLAB_sparse"] = np.bytes_("double"), 7
        sparse["data"], sparse["ir"], sparse["jc"] = np.ones(1), np.zeros(1, int), np.array([0, 1])
        text = file.create_dataset("text", data=np.array([[97, 99], [0x1F600 >> 10, 0]], np.uint16))
        text.attrs["MATLAB_class"] = np.bytes_("char")
        refs = file.create_group("#refs#")
        for i, word in enumerate(("ab", "ü")):
            codes = refs.create_dataset(str(i), data=np.frombuffer(word.encode("utf-16-le"), "<u2"))
            codes.attrs["MATLAB_class"] = np.bytes_("char")
            refs.create_dataset(f"n{i}", data=UNITS.T + i).attrs["MATLAB_class"] = np.bytes_(
                "double"
            )
        for name, keys in (("words", "01"), ("cells", ("n0", "n1"))):
            cells = np.array([[refs[key].ref for key in keys]], dtype=h5py.ref_dtype)
            data = file.create_dataset(name, data=cells, dtype=h5py.ref_dtype)
            data.attrs["MATLAB_class"] = np.bytes_("cell")
        file["#refs#/self"] = np.zeros(3)
    arrays = find_format(tmp_path / "a.h5").open(tmp_path / "a.h5").layers
    assert {name: array.shape for name, array in arrays.items()} == {
        "cells/0": (6, 4),
        "cells/1": (6, 4),
        "empty": (0, 5),
        "one": (),
        "plain": (4, 4),
        "resp": (6, 4),
        "sparse": (7,),
        "text": (2,),
        "vector": (6,),
        "words": (2,),
    }
    assert arrays["words"].tolist() == ["ab", "ü"]
    np.testing.assert_array_equal(arrays["cells/1"][:], UNITS + 1)
    with pytest.warns(UserWarning, match=r"left out: empty \(0, 5\) object, one .*, sparse \(7,"):
        reps = load(tmp_path / "a.h5", layers="!plain")
    np.testing.assert_array_equal(reps["resp"], UNITS)
    np.testing.assert_array_equal(
        open_store(tmp_path / "a.h5", layers="resp")["resp"][3:], UNITS[3:]
    )
    assert load(tmp_path / "a.h5", layers=["resp", "vector"])["vector"].shape == (6, 1)
    with pytest.raises(ValueError, match=r"labels='empty' is an array of shape \(0, 5\)"):
        load(tmp_path / "a.h5", layers="resp", labels="empty")


def test_files_of_pytorch_of_every_form(tmp_path):
    path = tmp_path / "fc.pt"
    x = torch.from_numpy(UNITS)
    torch.save(x.requires_grad_(), path)
    assert list(load(path)) == ["fc"]
    torch.save([x.detach(), x.detach().half()], path)
    reps = load(path)
    assert reps.dtypes == {"0": "float64", "1": "float16"}
    torch.save({"h": x.detach()}, path, _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(open_store(path)["h"][1:], UNITS[1:])
    torch.save({"a": x.detach(), "n": 3, "none": None, "flag": [True, False]}, path)
    with pytest.warns(UserWarning, match=r"left out: n \(\) int64, flag \(2,\) bool"):
        reps = load(path)
    torch.save({"a": torch.zeros(9)}, path)  # in place: what was read before stays
    np.testing.assert_array_equal(reps["a"], UNITS)


def test_files_of_pytorch_that_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(torch.nn.Linear(3, 2).state_dict(), path)
    with pytest.raises(ValueError, match=r"'weight' looks like a weight .* module:name@weights"):
        load(path)
    torch.save(torch.nn.Linear(3, 2), path)
    with pytest.raises(ValueError, match=r"holds a whole model \(torch.nn.*could run code"):
        load(path)
    torch.save({"x": torch.eye(3).to_sparse()}, path)
    with pytest.raises(ValueError, match=r"tensor 'x' is sparse or quantised: save tensor.to_d"):
        load(path)
    nested = torch.zeros(2, 2)
    for _ in range(40):
        nested = [nested]
    torch.save(nested, path)
    with pytest.raises(ValueError, match=r"lies in more than 32 containers"):
        load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty first line"),
        ("a,b\n1,2\n3\n", "1 values in line 3 for 2 columns"),
        ("a,b\n1,2,3\n", "3 values in line 2 for 2 columns"),
        ('a,b\n\n1,2\n"x\ny",2\n\n3\n', "1 values in line 7 for 2 columns"),
        ("a,a\n1,2\n", "the name 'a' for several columns"),
        ("a,,b\n1,2,3\n", "a column without a name"),
        ("0.5,1.5\n1,2\n", "numbers in the first line, 0.5, 1.5, and no names"),
        ("a;b\n1;2\n", "semicolons between the names, 'a;b': save the table with commas"),
        ("a\xe9,b\n1,2\n", "bytes that are not UTF-8 text: save it as UTF-8"),
        ("a\0,\0b\0\n\0", "bytes of 0, which no text has: save the table as UTF-8"),
        ("a,b\n1,2\n# x\n", r"1 values in line 3 .*: leave out comments \(#\) below the header"),
    ],
)
def test_what_is_no_table(text, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(text.encode("latin1"))
    with pytest.raises(
        ValueError, match=rf"a\.csv': expected a table of values .* got .*{message}"
    ):
        load(tmp_path / "a.csv")


def test_missing_numbers_and_words_of_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,u,v\nNA,1.5,NaN\nNone,NA,2\n"a\nb",,3.5\n')
    reps = load(path, ids="id")
    np.testing.assert_array_equal(reps["a"], [[1.5, np.nan], [np.nan, 2], [np.nan, 3.5]])
    assert reps.sample_ids == ("NA", "None", "a\nb")
    path.write_text("0,1\n3,4\n5,7\n")  # names that only count, as pandas writes them
    assert load(path)["a"].tolist() == [[3, 4], [5, 7]]
    path.write_text(",u\n0,1.5\n1,2.5\n")
    assert load(path).sample_ids is None


def saved(folder, **arrays):
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (("conv1", "fc"), ["conv1", "fc"]),
        (("layer1", "layer10", "layer9"), ["layer1", "layer9", "layer10"]),
        (("shard_0", "shard_1"), ["x"]),
        (("part-00001-of-00002", "part-00002-of-00002"), ["part"]),
        (("fc_part0", "fc_part1", "conv_part0", "conv_part1"), ["conv", "fc"]),
        (("batch0-h.2", "batch1-h.2", "batch0-h.10", "batch1-h.10"), ["h.2", "h.10"]),
        (("only7",), ["only7"]),
    ],
)
def test_names_say_what_the_files_of_a_folder_are(names, layers, tmp_path):
    folder = saved(tmp_path / "x", **{name: UNITS + i for i, name in enumerate(names)})
    (folder / "notes.txt").write_text("not read")
    reps = load(folder)
    assert list(reps) == layers
    n_parts = len(names) // len(layers)
    assert reps.n_samples == n_parts * len(UNITS)


def test_numbered_files_are_told_apart_by_their_shapes(tmp_path):
    parts = load(saved(tmp_path / "parts", acts0=UNITS[:4], acts1=UNITS[4:]))
    np.testing.assert_array_equal(parts["parts"], UNITS)
    assert list(load(saved(tmp_path / "layers", x0=UNITS, x1=UNITS[:, :2]))) == ["x0", "x1"]
    with pytest.raises(ValueError, match=r"x0.npy, x1.npy, ... have .* same shapes, and may be"):
        load(saved(tmp_path / "unknown", x0=UNITS, x1=UNITS))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"shard0": UNITS, "shard2": UNITS}, "part 1 is missing"),
        ({"fc_shard2": UNITS, "fc_shard3": UNITS}, "part 1 of 'fc' is missing"),
        ({"a-1-of-3": UNITS, "a-2-of-3": UNITS}, "part 3 of 'a' is missing"),
        ({"shard0": UNITS, "shard00": UNITS}, "part 0 is there but not expected"),
        ({"shard0": UNITS, "other": UNITS}, "names of parts and other names, such as 'other'"),
        ({"shard0": UNITS, "shard1": WIDE}, r"shard1 has shape \(6, 3\), float32, and shard0"),
        ({"shard0": UNITS, "shard1": UNITS.astype("f4")}, "parts that differ in rows alone"),
    ],
)
def test_parts_that_do_not_fit(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=rf"x': .*{message}"):
        load(saved(tmp_path / "x", **arrays))


def test_parts_with_several_arrays(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    for i, rows in enumerate((slice(0, 4), slice(4, 6))):
        part = {"units": UNITS[rows], "wide": WIDE[rows], "target": CLASSES[rows]}
        save_file(part, folder / f"chunk{i}.safetensors")
    reps = load(folder, labels="target")
    assert list(reps) == ["units", "wide"]
    np.testing.assert_array_equal(reps["units"], UNITS)
    assert reps.labels.tolist() == CLASSES.tolist()
    save_file({"units": UNITS, "wide": WIDE, "z": CLASSES}, folder / "chunk2.safetensors")
    with pytest.raises(ValueError, match="only one of chunk0 and chunk2 has an array 'target'"):
        load(folder)
    torch.save(torch.from_numpy(UNITS), folder / "fc.pt")
    with pytest.raises(ValueError, match=r"a folder of .pt and .safetensors files: put each kind"):
        load(folder)


def test_layers_with_several_arrays(tmp_path):
    for name in ("encoder", "decoder"):
        torch.save(
            {"a": torch.from_numpy(UNITS), "b": torch.from_numpy(WIDE)}, tmp_path / f"{name}.pt"
        )
    torch.save(torch.from_numpy(UNITS), tmp_path / "head.pt")
    assert list(load(tmp_path)) == ["decoder/a", "decoder/b", "encoder/a", "encoder/b", "head"]
    (tmp_path / "head.pt").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match=r"head\.pt: expected tensors, as torch\.save"):
        load(tmp_path)


def test_files_beside_an_index_that_it_does_not_list_are_named(tmp_path):
    shutil.copytree(FILES / "sharded_safetensors", tmp_path / "x")
    save_file({"other": UNITS}, tmp_path / "x" / "other.safetensors")
    np.save(tmp_path / "x" / "more.npy", UNITS)
    with pytest.warns(UserWarning, match=r"left out: more\.npy, other\.safetensors\."):
        assert list(load(tmp_path / "x")) == ["units", "wide"]


@pytest.mark.parametrize("other", ["labels.npz", "meta.csv", "sub/"])
def test_what_else_a_folder_holds_is_named(other, tmp_path):
    np.save(tmp_path / "conv1.npy", np.eye(4))
    (tmp_path / "config.json").write_text("{}")  # describes the folder
    assert list(load(tmp_path)) == ["conv1"]
    if other == "sub/":
        (tmp_path / "sub").mkdir()
    else:
        (tmp_path / other).write_text("")
    name = other.rstrip("/")
    with pytest.warns(UserWarning, match=f"that are not .npy are left out: {name}. Load them"):
        assert list(load(tmp_path)) == ["conv1"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("trial, u1 ,u2\n a, 1.5, 2\n b , 3 ,4.5\n", "utf-8"),
        ("# of mouse 3, by me\n#\ntrial,u1,u2\na,1.5,2\nb,3,4.5\n", "utf-8"),
        ("# trial,u1,u2\na,1.5,2\nb,3,4.5\n", "utf-8"),  # as numpy.savetxt writes its header
        ("#trial,u1,u2\na,1.5,2\nb,3,4.5\n", "utf-8"),
        ("trial,u1,u2\na,1.5,2\nb,3,4.5\n", "utf-16"),
        ("trial,u1,u2\na,1.5,2\nb,3,4.5\n", "utf-32"),
        ('# made\n"trial", "u1","u2"\r\n"a", 1.5,2\r\n"b",3,4.5\r\n', "utf-8-sig"),
    ],
)
def test_tables_as_people_write_them(text, encoding, tmp_path):
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    reps = load(tmp_path / "a.csv", layers="u*", ids="trial")
    np.testing.assert_array_equal(reps["a"], [[1.5, 2], [3, 4.5]])
    assert reps.sample_ids == ("a", "b")


def test_a_table_of_savetxt(tmp_path):
    np.savetxt(tmp_path / "a.tsv", UNITS, delimiter="\t", header="first\nu0\tu1\tu2\tu3")
    reps = load(tmp_path / "a.tsv", layers=["u1", "u3"])
    np.testing.assert_allclose(reps["a"], UNITS[:, [1, 3]], rtol=1e-15)


def test_ids_in_a_column_without_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",u\n3.0,1.5\n4.0,2.5\n")  # integers of pandas that had a gap
    assert load(path).sample_ids == ("3", "4")
    for label in ("3", "a"):
        path.write_text(f",u\n{label},1.5\n,2.5\n")
        with pytest.raises(ValueError, match=r"label of sample 1 of the column without a name is"):
            load(path)


@pytest.mark.parametrize("version", ["4", "5"])
def test_sparse_matrices_of_matlab_are_dense_layers(tmp_path, version):
    dense = np.where(UNITS > 0.5, UNITS, 0)
    matrices = {
        "x": scipy.sparse.csc_matrix(dense),
        "column": scipy.sparse.csc_matrix(dense[:, :1]),
    }
    scipy.io.savemat(tmp_path / "a.mat", matrices | {"y": UNITS}, format=version)
    reps = load(tmp_path / "a.mat", layers=["x", "y", "column"])
    np.testing.assert_array_equal(reps["x"], dense)
    np.testing.assert_array_equal(reps["column"], dense[:, :1])
    np.testing.assert_array_equal(open_store(tmp_path / "a.mat", layers="x")["x"][2:5], dense[2:5])


def test_sparse_matrices_of_matlab_73(tmp_path):
    dense = np.where(UNITS > 0.5, UNITS, 0)
    matrix = scipy.sparse.csc_matrix(dense)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("x", "zeros"):
            group = file.create_group(name)
            group.attrs["MATLAB_class"], group.attrs["MATLAB_sparse"] = np.bytes_("double"), 6
        file["x/data"], file["x/ir"] = matrix.data, matrix.indices.astype(np.uint64)
        file["x/jc"] = matrix.indptr.astype(np.uint64)
        file["zeros/jc"] = np.zeros(5, np.uint64)
    reps = load(tmp_path / "a.h5")
    np.testing.assert_array_equal(reps["x"], dense)
    np.testing.assert_array_equal(reps["zeros"], np.zeros((6, 4)))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["x/ir"][0] = 10**6
    with pytest.raises(ValueError, match=r"indices|index"):
        load(tmp_path / "a.h5")


@pytest.mark.parametrize("value", [UNITS, {"fc": UNITS}, [torch.from_numpy(UNITS), UNITS]])
def test_arrays_of_numpy_in_a_file_of_pytorch(tmp_path, value):
    path = tmp_path / "a.pt"
    torch.save(value, path)
    with pytest.raises(
        ValueError, match=r"it holds arrays of NumPy .*numpy.savez\('arrays.npz', \*"
    ):
        load(path)
    # What the message says:
    arrays = torch.load(path, weights_only=False)
    if isinstance(arrays, dict):
        np.savez(tmp_path / "arrays.npz", **arrays)
        np.testing.assert_array_equal(load(tmp_path / "arrays.npz")["fc"], UNITS)


def test_objects_as_ids_of_an_npz(tmp_path):
    np.savez(tmp_path / "a.npz", x=UNITS, image=np.array(IDS, object))
    with pytest.raises(ValueError, match=r"array 'image': an array of Python objects.*astype\(str"):
        load(tmp_path / "a.npz", ids="image")


def test_every_kind_of_variable_of_matlab_passes_the_check(tmp_path):
    variables = {
        "numbers": UNITS,
        "small": np.int8([1, 2]),
        "complex": 1j * UNITS,
        "sparse": scipy.sparse.csc_matrix(1j * np.eye(4)),
        "struct": {"x": 1, "nested": {"text": "ab", "cell": np.array([1, "a", UNITS], object)}},
        "structs": np.array([(1, "a"), (2, "b")], [("x", object), ("y", object)]),
        "no_fields": {},
        "blanks": " " * 5,
        "empty": np.zeros((0, 3)),
        "large": np.zeros((700, 500)),
    }
    for compressed in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", variables, do_compression=compressed)
        check_structure(tmp_path / "a.mat")
    for path in (Path(scipy.io.matlab.__file__).parent / "tests" / "data").glob("test*.mat"):
        if "hdf5" not in path.name:  # files that MATLAB wrote on many computers
            check_structure(path)


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        (128, 3, "a variable has type 3"),
        (132, 10**6, "it ends within a variable"),
        (144, 99, "a variable has class 99"),
        (152, 0, "an element has type 0 and 8 bytes"),
        (160, -5, r"a variable has shape \(-5, 4\)"),
        (156, 4 * 2**20, "a shape of 4194304 bytes"),
        (176, 11, "an element has type 11 and 192 bytes"),
        (180, 10**6, "it ends within a variable"),
    ],
)
def test_a_damaged_variable_of_matlab(tmp_path, place, value, text):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": UNITS})
    content = bytearray(path.read_bytes())
    content[place : place + 4] = value.to_bytes(4, "little", signed=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"a.mat': expected a .mat file, got .*damaged: {text}"):
        load(path)


@pytest.mark.parametrize(("old", "new"), [(1, 2**26), (2, 2**26)])
def test_a_cell_that_claims_more_than_the_file_has(tmp_path, old, new):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": np.array([UNITS, "a"], object)})
    content = path.read_bytes()
    dims = np.array([1, 2], "<i4").tobytes()
    path.write_bytes(
        content.replace(dims, dims.replace(bytes([old, 0, 0, 0]), new.to_bytes(4, "little")), 1)
    )
    with pytest.raises(ValueError, match=r"it is damaged: \d+ variables in \d+ bytes"):
        load(path)


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        ("001 01 1 1.0", ("001", "01", "1", "1.0")),
        ("1.0 2.0 3.0 4.0", ("1", "2", "3", "4")),  # integers of a program that writes floats
        ("1 2 3 4", ("1", "2", "3", "4")),
        ("1 2.5 3 4", ("1", "2.5", "3", "4")),
        ("007 a 1 2", ("007", "a", "1", "2")),
    ],
)
@pytest.mark.parametrize("name", ["id", ""])
def test_ids_of_csv_keep_their_text(texts, ids, name, tmp_path):
    lines = [f"{name},unit1,unit2", *(f"{x},0.{i},1.5" for i, x in enumerate(texts.split()))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert load(tmp_path / "a.csv", **({"ids": name} if name else {})).sample_ids == ids


@pytest.mark.parametrize("word", ["n/a", "#N/A", "<NA>", "NULL", ""])
def test_words_for_missing_numbers(word, tmp_path):
    (tmp_path / "a.csv").write_text(f"a,b\n0.5,1.5\n0.25,{word}\n0.1,2.5\n")
    np.testing.assert_array_equal(load(tmp_path / "a.csv")["a"][:, 1], [1.5, np.nan, 2.5])


@pytest.mark.parametrize("word", ["-", "?", '"1,000.5"'])
def test_a_note_names_the_text_that_makes_a_column_text(word, tmp_path):
    (tmp_path / "a.csv").write_text(f"a,b\n0.5,1.5\n0.25,{word}\n0.1,2.5\n")
    text = word.strip('"')
    with pytest.warns(
        UserWarning, match=re.escape(f"b (3,) text because of row 1, {text!r}. Pass")
    ):
        assert load(tmp_path / "a.csv")["a"].shape == (3, 1)
    with pytest.raises(ValueError, match=re.escape(f"'b' is text because of row 1, {text!r}; exp")):
        load(tmp_path / "a.csv", layers=["a", "b"])


def test_links_within_an_hdf5_file_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw/r0"] = UNITS
        file["V1"] = h5py.SoftLink("/raw/r0")
        file["V2"] = file["raw/r0"]
        file["areas"] = h5py.SoftLink("/raw")
        file["nothing"] = h5py.SoftLink("/no/such")
        file["circle"] = h5py.SoftLink("/circle")
    reps = load(tmp_path / "a.h5")
    assert sorted(reps) == ["V1", "V2", "areas/r0", "raw/r0"]
    for name in reps:
        np.testing.assert_array_equal(reps[name], UNITS)
    assert open_store(tmp_path / "a.h5", layers="V1")["V1"].shape == UNITS.shape


@pytest.mark.parametrize("sizes", [(6, 6), (6, 4)])
def test_a_list_of_tensors_may_be_batches(sizes, tmp_path):
    torch.save([torch.ones(n, 3) for n in sizes], tmp_path / "a.pt")
    with pytest.warns(UserWarning, match=r"'a' is a list of 2 tensors .* save torch\.cat\(tensors"):
        assert load(tmp_path / "a.pt", layers="0")["0"].shape == (6, 3)


def test_dates_of_csv_are_an_order(tmp_path):
    dates = ["2024-05-02", "2024-05-01", "2024-05-03T12:30"]
    lines = ["a,day", *(f"0.{i}5,{date}" for i, date in enumerate(dates))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    order = load(tmp_path / "a.csv", order="day").order
    np.testing.assert_array_equal(order, np.array(dates, "M8[m]"))


def test_an_error_about_rows_names_the_file_once(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"x": [[1.0, 2.0], [1.0], [3.0, 4.0]]})
    parquet.write_table(table, tmp_path / "rag.parquet")
    with pytest.raises(ValueError, match=r"rag.parquet'") as error:
        load(tmp_path / "rag.parquet")
    assert str(error.value).count("rag.parquet") == 1
