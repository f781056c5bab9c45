"""Labels of samples come from arrays and from lines of text, as numbers if all of them are."""

import numpy as np
import pytest

from isorep.cli.sample_labels import read_sample_labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3\n1\n3\n", [3, 1, 3]),
        ("0.5\n1e-3", [0.5, 1e-3]),
        ("dog\ncat\n\n", ["dog", "cat"]),
        ("dög\n3\n dog ", ["dög", "3", " dog "]),
    ],
)
def test_lines_of_a_text(tmp_path, text, expected):
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
    labels = read_sample_labels(tmp_path / "labels.txt")
    assert labels.tolist() == expected
    assert labels.dtype.kind == np.asarray(expected).dtype.kind


def test_arrays(tmp_path):
    assert read_sample_labels(None) is None
    np.save(tmp_path / "a.npy", ["b", "a"])
    assert read_sample_labels(tmp_path / "a.npy").tolist() == ["b", "a"]
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"cannot read .*pickled\.npy'"):
        read_sample_labels(tmp_path / "pickled.npy")
