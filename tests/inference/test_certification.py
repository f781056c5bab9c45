"""Certification: built-in measures hold what they declare, and false declarations are found."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import isorep
from isorep.cli import main
from isorep.inference.certification import certify
from isorep.measures import MEASURES


def not_held(name):
    return [check.name for check in certify(MEASURES[name]) if check.verdict == "does not hold"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cka", "linear_regression", "cosine"])
def test_measures_of_isorep_hold_what_they_declare(name):
    assert not_held(name) == []


@pytest.mark.slow
def test_false_declarations_are_found():
    def lopsided(x, y):
        """Share of x's variance in y's first feature, which is no similarity."""
        x, y = x - x.mean(0), y[:, :1] - y[:, :1].mean(0)
        return float(np.sum((x.T @ y) ** 2) / np.sum(x**2) / np.sum(y**2))

    isorep.register(lopsided, invariance="linear")
    found = not_held("lopsided")
    assert found[0] == "similarity to itself is 1"
    assert {"symmetric", "invariant to rotation"} <= set(found)

    def squared(x, y):
        return isorep.measures.cosine(x, y).similarity ** 2

    isorep.register(squared, invariance="scaling", metric=True)
    assert not_held("squared") == ["triangle inequality"]

    random = np.random.default_rng(0)
    isorep.register(lambda x, y: random.uniform(), name="random", similarity_range=(-1, 1))
    assert {"the same twice", "any order of samples"} <= set(not_held("random"))

    def strict(x, y):
        raise RuntimeError("only on Tuesdays")

    isorep.register(strict)
    checks = certify(MEASURES["strict"])
    assert {check.verdict for check in checks} == {"does not hold"}
    assert checks[0].seen == "RuntimeError: only on Tuesdays"
    with pytest.raises(ValueError, match="dft_cca compares maps"):
        certify(MEASURES["dft_cca"])


@pytest.mark.slow
def test_the_shell_prints_a_table_and_ends_with_1_if_something_does_not_hold(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "measures_of_user.py").write_text(
        "import isorep, numpy as np\n"
        "@isorep.register(invariance='orthogonal', symmetric=False)\n"
        "def same(x, y):\n"
        "    'A linear kernel alignment.'\n"
        "    return isorep.cka(x, y).similarity\n"
        "number = 3\n"
    )

    def shell(*arguments):
        monkeypatch.setattr(sys, "argv", ["isorep", "certify", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    status, out, _ = shell("measures_of_user:same")
    assert status == 1
    assert "same: A linear kernel alignment." in out
    assert out.splitlines()[-1] == "does not hold: direction: y given x"
    status, out, _ = shell("cka")
    assert (status, out.splitlines()[-1]) == (0, "every declared property holds on these data")
    status, _, err = shell("measures_of_user:number")
    assert (status, "number is a int: expected what isorep.register returned" in err) == (2, True)
