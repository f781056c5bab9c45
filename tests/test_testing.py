"""Assertions for a test suite: what passes, and what a failing test shows."""

import numpy as np
import pytest

import isorep
from isorep.testing import assert_similar

rng = np.random.default_rng(0)
X = rng.standard_normal((401, 6))


def test_alike_up_to_a_change_of_basis():
    turned = 2 * X @ rng.standard_normal((6, 6)) + 3
    assert_similar(X, turned)
    assert_similar({"fc": X}, isorep.Representations({"fc": turned}), fail_below=1)
    with pytest.raises(AssertionError, match="cka similarity of 1 of 1 layers is below"):
        assert_similar(X, turned, measure="cka")


@pytest.mark.slow
def test_shows_the_worst_layers_in_an_aligned_table():
    noise = np.linspace(0, 4, 15)
    x = rng.standard_normal((101, 2))
    a = {f"block{i}.{'attention' * (i % 2)}": x for i in range(15)}
    b = {
        name: x + size * rng.standard_normal(x.shape)
        for (name, x), size in zip(a.items(), noise, strict=True)
    }
    with pytest.raises(AssertionError) as failed:
        assert_similar(a, b, fail_below=0.9)
    first, heading, *lines = str(failed.value).splitlines()
    below = isorep.diff(a, b, fail_below=0.9, interval=False).below
    assert first == f"pwcca similarity of {len(below)} of 15 layers is below 0.9:"
    assert heading == "layer              similarity  max error  rel error"
    assert [line.split()[0] for line in lines[:10]] == [layer.layer for layer in below[:10]]
    assert lines[0].split()[4:] == ["below", "0.9"]
    assert len({line.index(".") for line in (x.removeprefix("block") for x in lines[:2])}) == 1
    end = heading.index("similarity") + len("similarity")
    assert {line[end - 4] for line in lines[:10]} <= set("0123456789")
    assert lines[10] == "... and 5 less changed"
    assert lines[11].startswith("first layer that diverges: block1.attention (relative error ")


def test_a_layer_that_is_gone_bad_fails():
    bad = X.copy()
    bad[0, 0] = np.inf
    with pytest.raises(AssertionError, match=r"b: changed\['b'\] holds 0 NaN and 1 infinite"):
        assert_similar({"a": X, "b": X}, {"a": X, "b": bad}, fail_below=0)


def test_nothing_to_compare_is_an_error_and_no_verdict():
    with pytest.raises(ValueError, match="no layer is on both sides"):
        assert_similar({"a": X}, {"b": X})
    with pytest.raises(ValueError, match="unknown layer of base and changed 'c'"):
        assert_similar({"a": X}, {"a": X}, layers="c")


@pytest.mark.slow
def test_models(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    inputs = torch.randn(301, 6)
    assert_similar(model, model, inputs)
    # Against what was captured of the model that is known to be good.
    isorep.capture(model, inputs).save(tmp_path / "good.npz")
    half = torch.nn.Sequential(*(m for m in model)).bfloat16().float()
    assert_similar(tmp_path / "good.npz", half, data=inputs, layers=["0", "2"], fail_below=0.99)
    model[2].weight.data[:, :3] = 0
    with pytest.raises(AssertionError, match="of 1 of 2 layers is below"):
        assert_similar(tmp_path / "good.npz", model, data=inputs, layers=["0", "2"])


@pytest.mark.slow
def test_a_failing_test_ends_at_its_own_line(pytester_like):
    out = pytester_like(
        "import numpy as np\n"
        "from isorep.testing import assert_similar\n"
        "def test_it():\n"
        "    x = np.random.default_rng(0).standard_normal((200, 3))\n"
        "    assert_similar({'fc': x}, {'fc': np.abs(x)})\n"
    )
    assert "test_of_a_user.py:5: AssertionError" in out
    assert "E       layer  similarity" in out
    assert "testing.py" not in out


@pytest.fixture
def pytester_like(tmp_path, monkeypatch):
    """Run pytest in this process on one file; return what it prints."""
    import io
    from contextlib import redirect_stdout

    def run(text):
        (tmp_path / "test_of_a_user.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        printed = io.StringIO()
        with redirect_stdout(printed):
            status = pytest.main(
                ["-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", ".", "test_of_a_user.py"]
            )
        assert status == 1
        return printed.getvalue()

    return run
