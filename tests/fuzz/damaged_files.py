"""Damaged files: every format with flipped bits, cut, or with other bytes put in."""

import json
import shutil
from pathlib import Path

import numpy as np
from refusals import REFUSALS, check_refusal

import isorep
from isorep.comparison.export import to_json
from isorep.comparison.read_result import read_result
from isorep.storage import load, open_store

SAMPLES = Path(__file__).parents[1] / "formats" / "files"
X = np.random.default_rng(0).standard_normal((40, 3))


def own_npz(path):
    isorep.Representations({"fc": X, "half": X.astype("f2")}, sample_ids=range(40)).save(path)


def own_zarr(path):
    own_npz(path)


def npy(path):
    np.save(path, X)


def packed_npz(path):
    np.savez_compressed(path, x=X, y=X**2)


def table_json(path):
    path.write_text(to_json(isorep.compare({"fc": X}, {"fc": X**2}, measures="cka")))


def table_zarr(path):
    isorep.compare({"fc": X}, {"fc": X**2}, measures="cka").to_zarr(path)


def sweep_zarr(path):
    isorep.pairwise({"a": {"fc": X}, "b": {"fc": X**2}}, measures="cka", out=path)


OWN = {
    "own.npz": own_npz,
    "own.zarr": own_zarr,
    "x.npy": npy,
    "packed.npz": packed_npz,
    "table.json": table_json,
    "table.zarr": table_zarr,
    "sweep.zarr": sweep_zarr,
}
RESULTS = ("table.json", "table.zarr", "sweep.zarr")


def sources():
    """Return the names of all files to damage: those written here, and those of other programs."""
    foreign = sorted(SAMPLES.iterdir()) if SAMPLES.is_dir() else []
    return [*OWN, *(path for path in foreign if not path.name.endswith((".md", ".py")))]


def damaged_file(rng, folder):
    """Damage one file and read it in every way: right numbers or a refusal."""
    names = sources()
    source = names[rng.integers(len(names))]
    if isinstance(source, Path):
        path = folder / source.name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
    else:
        path = folder / source
        OWN[source](path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    target = files[rng.integers(len(files))]
    before = target.read_bytes()
    target.write_bytes(damage(rng, before))
    is_chunk = "/c/" in str(target)
    for read in (read_result,) if path.name in RESULTS else (load, open_store, whole_store):
        try:
            found = read(path)
        except REFUSALS as error:
            check_refusal(error, path)
            continue
        if path.name in ("own.npz", "own.zarr") and (is_chunk or path.is_file()) and read is load:
            # Checksums cover every number.
            np.testing.assert_array_equal(np.asarray(found["fc"][:]), X)
    if path.name == "sweep.zarr":
        resumed(path)


def whole_store(path):
    stored = open_store(path)
    return {name: stored[name][:] for name in stored}


def resumed(path):
    """Resume a damaged sweep: the numbers of a new one, or a refusal."""
    networks = {"a": {"fc": X}, "b": {"fc": X**2}}
    try:
        table = isorep.pairwise(networks, measures="cka", out=path)
        values = table["cka"].values
    except REFUSALS as error:
        check_refusal(error, path)
        return
    np.testing.assert_array_equal(values, isorep.pairwise(networks, measures="cka")["cka"].values)


def damage(rng, content):
    """Return the bytes of a file after one accident, or several."""
    content = bytearray(content)
    for _ in range(1 + rng.integers(3)):
        if not content:
            break
        i, j = sorted(rng.integers(len(content) + 1, size=2))
        kind = rng.integers(6)
        if kind <= 1:  # the most likely accident
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        elif kind == 2:
            del content[i:]
        elif kind == 3:
            del content[i : min(j, i + 16)]
        elif kind == 4:
            content[i:i] = rng.bytes(1 + rng.integers(16))
        else:
            content[i : i + 8] = [b"\0" * 8, b"\xff" * 8, json.dumps(2**40).encode()][
                rng.integers(3)
            ]
    return bytes(content)
