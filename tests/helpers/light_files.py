"""Small files that need no heavy library, each made by the format's own, and what they hold.

``python -m helpers.light_files`` in tests/ writes the files anew. matlab73.mat is of hdf5storage,
which writes as MATLAB does and is not needed to read it.
"""

import shutil
from pathlib import Path

import numpy as np

FILES = Path(__file__).parents[1] / "formats" / "files"

N = 6
UNITS = np.sin(np.arange(24)).reshape(N, 4)
WIDE = np.cos(np.arange(18)).reshape(N, 3).astype(np.float32)
TRIALS = (np.arange(48) ** 2 % 37 / 8).reshape(N, 2, 4)  # samples, features, times; exact means
IDS = ["img3", "img1", "img4", "img0", "img5", "img9"]
CLASSES = np.array([0, 1, 0, 0, 1, 0])


def write_numpy_arrays(path):
    np.savez(path, units=UNITS, trials=TRIALS, image=np.array(IDS), target=CLASSES, epoch=3)


def variables_of_matlab():
    names = np.array(IDS, dtype=object)
    net = {"units": UNITS, "wide": WIDE}
    return {"net": net, "trials": TRIALS, "image": names, "target": CLASSES, "rig": "B"}


def write_matlab5(path):
    import scipy.io

    scipy.io.savemat(path, variables_of_matlab())


def write_matlab73(path):
    import hdf5storage

    options = {"format": "7.3", "oned_as": "row", "store_python_metadata": False}
    hdf5storage.savemat(str(path), variables_of_matlab(), **options)


def write_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["net/units"] = UNITS
        file["net/wide"] = WIDE
        file["trials"] = TRIALS
        file["image"] = IDS
        file["target"] = CLASSES


def write_torch_tensors(path):
    import torch

    units, wide, trials, target = map(torch.from_numpy, (UNITS, WIDE, TRIALS, CLASSES))
    net = {"units": units, "wide": [wide, wide.bfloat16()]}
    torch.save({"net": net, "trials": trials, "image": IDS, "target": target}, path)


def write_safetensors_tensors(path):
    from safetensors.numpy import save_file

    save_file({"units": UNITS, "wide": WIDE, "trials": TRIALS, "target": CLASSES}, path)


def write_pandas_table(path):
    import pandas

    frame = pandas.DataFrame(UNITS, columns=[f"unit{i}" for i in range(4)], index=IDS)
    frame["target"] = CLASSES
    frame["label"] = ["cat, or dog", "dog", *IDS[2:]]
    frame.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",")


def write_npy_shards(path):
    path.mkdir()
    for i, rows in enumerate(np.array_split(UNITS, 12)):  # two digits: texts have another order
        np.save(path / f"units_shard{i}.npy", rows)


def write_safetensors_index(path):
    """Write layers into two files with an index, as Hugging Face writes large models."""
    import torch
    from huggingface_hub import save_torch_state_dict

    path.mkdir()
    tensors = {"units": torch.from_numpy(UNITS), "wide": torch.from_numpy(WIDE)}
    save_torch_state_dict(tensors, path, max_shard_size=200)


FORMATS = {
    "arrays.npz": write_numpy_arrays,
    "matlab5.mat": write_matlab5,
    "matlab73.mat": write_matlab73,
    "arrays.h5": write_hdf5,
    "tensors.pt": write_torch_tensors,
    "tensors.safetensors": write_safetensors_tensors,
    "units.csv": write_pandas_table,
    "units.tsv": write_pandas_table,
    "npy_shards": write_npy_shards,
    "sharded_safetensors": write_safetensors_index,
}

if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for name, write in FORMATS.items():
        target = FILES / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        write(target)
