import gzip
import io
import tarfile

import numpy as np
import pytest

from isorep.paper.data import cifar10
from isorep.paper.data.cifar10 import ARCHIVE, TEST, TRAIN, load

RANDOM = np.random.default_rng(0)
PIXELS = {name: RANDOM.integers(0, 256, (7, 3, 32, 32), dtype=np.uint8) for name in (*TRAIN, TEST)}
LABELS = {name: RANDOM.integers(0, 10, 7, dtype=np.uint8) for name in PIXELS}


def batch(name):
    flat = PIXELS[name].reshape(7, -1)
    return np.hstack([LABELS[name][:, None], flat]).tobytes()


@pytest.fixture
def folder(tmp_path):
    for name in PIXELS:
        (tmp_path / name).write_bytes(batch(name))
    return tmp_path


def archive(path):
    with tarfile.open(path, "w:gz") as tar:
        for name in PIXELS:
            content = batch(name)
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_images_and_labels_belong_together(folder):
    data = load(folder, seed=3, n_train=23)
    pixels = np.concatenate([PIXELS[name] for name in TRAIN])
    labels = np.concatenate([LABELS[name] for name in TRAIN])
    chosen = np.sort(np.random.default_rng(3).permutation(35)[:23])
    expected = pixels[chosen].astype(np.float64)
    mean, std = expected.mean(axis=(0, 2, 3)), expected.std(axis=(0, 2, 3))
    np.testing.assert_allclose(
        data.train_images, (expected - mean[:, None, None]) / std[:, None, None], atol=1e-5
    )
    np.testing.assert_array_equal(data.train_labels, labels[chosen])
    np.testing.assert_array_equal(data.test_labels, LABELS[TEST])
    np.testing.assert_allclose(
        data.test_images, (PIXELS[TEST] - mean[:, None, None]) / std[:, None, None], atol=1e-5
    )
    assert data.train_images.dtype == np.float32
    assert np.array_equal(np.sort(data.random_labels), np.sort(data.train_labels))


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin", "cifar10"])
def test_folders_and_archive_give_the_same(folder, tmp_path_factory, below):
    other = tmp_path_factory.mktemp("other")
    if below:
        (other / below).mkdir()
        for name in PIXELS:
            (other / below / name).write_bytes(batch(name))
    else:
        archive(other / ARCHIVE)
    before = sorted(other.rglob("*"))
    assert load(other, n_train=35).digest == load(folder, n_train=35).digest
    assert sorted(other.rglob("*")) == before  # nothing is unpacked


def test_takes_the_first_test_images(folder):
    data = load(folder, n_train=7, n_test=3)
    np.testing.assert_array_equal(data.test_labels, LABELS[TEST][:3])
    assert len(data.test_images) == 3


def test_fewer_batches_do(folder):
    for name in TRAIN[1:]:
        (folder / name).unlink()
    assert len(load(folder, n_train=7).train_images) == 7
    with pytest.raises(ValueError, match=r"n_train must be from 1 to 7, .* got 8"):
        load(folder, n_train=8)


def test_says_which_files_are_expected(tmp_path):
    with pytest.raises(ValueError, match=r"pass --data with a folder that holds data_batch_1.bin"):
        load(None)
    with pytest.raises(ValueError, match=r"no CIFAR-10 in .*: expected .*test_batch.bin"):
        load(tmp_path)
    with pytest.raises(ValueError, match="no folder"):
        load(tmp_path / "missing")
    (tmp_path / TRAIN[0]).write_bytes(batch(TRAIN[0]))
    with pytest.raises(ValueError, match="no CIFAR-10 in"):
        load(tmp_path)  # nothing to test on


def test_damaged_files_are_named(folder, tmp_path_factory):
    (folder / TEST).write_bytes(batch(TEST)[:-1])
    with pytest.raises(ValueError, match="must be a multiple of 3073 bytes"):
        load(folder, n_train=7)
    (folder / TEST).write_bytes(b"\x0b" + batch(TEST)[1:])
    with pytest.raises(ValueError, match="labels must be 0 to 9, got 11"):
        load(folder, n_train=7)
    other = tmp_path_factory.mktemp("other")
    archive(other / ARCHIVE)
    content = (other / ARCHIVE).read_bytes()
    for damaged in (content[: len(content) // 2], b"no archive", gzip.compress(b"no tar" * 999)):
        (other / ARCHIVE).write_bytes(damaged)
        with pytest.raises(ValueError, match="Download it again"):
            load(other, n_train=7)


def test_download_asks_for_the_published_archive(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    asked = {}

    def retrieve(url, **others):
        asked.update(url=url, **others)
        return str(tmp_path / ARCHIVE)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert cifar10.download(tmp_path) == tmp_path / ARCHIVE
    assert asked["url"] == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert asked["known_hash"] == "md5:c32a1d4ab5d03f1284b67883e8d87530"
