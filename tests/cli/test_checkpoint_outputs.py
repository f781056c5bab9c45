"""Each checkpoint of a capture has a file of its own."""

from pathlib import Path

import pytest

from isorep.cli.checkpoints import outputs_of


def test_no_two_checkpoints_share_an_output():
    files = [Path("a/b.pt"), Path("c/b.pt")]
    outputs = outputs_of(files, Path("out/run.zarr"))
    assert outputs == {
        files[0]: Path("out/run-a-b.zarr"),
        files[1]: Path("out/run-c-b.zarr"),
    }
    with pytest.raises(ValueError, match=r"'a/b\.pt' and 'a-b\.pt' would both be 'run-a-b\.zarr'"):
        outputs_of([*files, Path("a-b.pt")], Path("out/run.zarr"))
