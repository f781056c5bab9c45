"""Shell options: commands with odd values, in an order and number that nobody planned."""

import contextlib
import io
import sys

import isorep
from isorep import cli

VALUES = [
    "", "-", "0", "-1", "1.5", "nan", "inf", "1e999", "2GB", "x", "*", "!*", "[", "fc", "no such",
    "a.npz", "b.zarr", "gone.npz", "a.npz@x", "m:f", ".", "/", "out.zarr", "out.json", "out.csv",
    "cka", "pwcca(", "linear_regression(folds=0)", "ridge_cca(penalty=nan)", "cka(x=1)", "\x1b[31m",
    "\ud800", "9" * 400, "=1", "a=b", "order", "first", "last", "out.html", "out.png", "raise",
    "omit",
]  # fmt: skip
COMMANDS = {
    "compare": (2, "--measure --layers --layers-a --layers-b --json --csv --plot --html --seed "
                "--memory --permutations --groups --order --nan-policy --data --correct "
                "--interval --chance --dry-run"),
    "pairwise": (2, "--layer --measure -o --precision --memory --groups --order --nan-policy"),
    "trajectory": (2, "--layers --measure -o --precision --memory --reference --groups --order "
                   "--nan-policy"),
    "diff": (2, "--layers --measure -o --fail-below --allow-missing --map --seed --no-interval "
             "--all-layers --nan-policy"),
    "report": (1, "-o --a --b --group --title --layers --ids --labels --groups --order"),
    "measures": (1, ""),
    "capture": (1, "--data --weights --layers -o"),
}  # fmt: skip
FLAGS = {"--correct", "--interval", "--chance", "--dry-run", "--no-interval", "--all-layers"}


def shell_options(rng, folder):
    """Run a command: a known exit status, and no traceback."""
    x = rng.standard_normal((30, 3))
    layers = {"fc": x, "dead": 0 * x, "\x1b[31m": x**2}
    isorep.Representations(layers, sample_ids=range(30)).save(folder / "a.npz")
    isorep.Representations(layers, sample_ids=range(30)).save(folder / "b.zarr")
    names = sorted(COMMANDS)
    command = names[rng.integers(len(names))]
    n_arguments, options = COMMANDS[command]
    known = options.split()
    words = [command]
    words += [value(rng, ("a.npz", "b.zarr")) for _ in range(n_arguments + (rng.random() < 0.1))]
    for _ in range(rng.integers(5) if known else 0):
        option = known[rng.integers(len(known))]
        words += [option] if option in FLAGS else [option, value(rng, ("out.zarr", "out.json"))]
    status, err = run(words)
    assert status in (0, 1, 2, 3), f"{words}: status {status}\n{err}"
    assert "Traceback" not in err, f"{words}\n{err}"
    assert "it comes from line" not in err, f"{words}\n{err}"
    assert "\x1b[31m" not in err, f"{words}\n{err}"
    if status == 2:
        assert err.strip(), f"{words}: status 2 without a word"


def value(rng, likely):
    return str(rng.choice(likely)) if rng.random() < 0.5 else VALUES[rng.integers(len(VALUES))]


def run(words):
    err = io.StringIO()
    before = sys.argv
    sys.argv = ["isorep", *words]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        return int(ended.code or 0), err.getvalue()
    finally:
        sys.argv = before
    return 0, err.getvalue()
