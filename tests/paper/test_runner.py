import csv
import json
import sys
from dataclasses import asdict, dataclass
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from isorep import cli
from isorep.inference import Exact
from isorep.paper import FIGURES, SCALES, Entry, runner
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.control import Control

QUIET = Console(quiet=True)
FILES = {"figX.png", "figX.svg", "figX.csv", "claims.json"}
FOLDER = FILES | {"time.json"}


@dataclass(frozen=True)
class SetUp:
    size: int = 2
    seed: int = 0


@pytest.fixture
def figure(monkeypatch):
    """A figure that computes nothing, in the table as figX."""
    seen = []

    def compute(setup, run):
        seen.append((setup, run))
        return setup

    module = SimpleNamespace(
        SETUPS={scale: SetUp(size) for size, scale in enumerate(SCALES)},
        compute=compute,
        draw=lambda result: Figure(figsize=(1, 1)),
        claims=lambda result: [
            Claim("X", "it is so", "x", "difference", (Contrast("here", 0.3, None, Exact(0, 0)),))
        ],
        rows=lambda result: [{"size": result.size, "value": 0.1}],
        facts=lambda result: {"data": "none"},
    )
    monkeypatch.setitem(sys.modules, "isorep.paper.figures.figx", module)
    before = dict(FIGURES)
    FIGURES["figX"] = Entry("figx", "Nothing", "nothing")
    yield seen
    FIGURES.clear()
    FIGURES.update(before)  # in the same order, which pages show


def test_writes_figure_data_and_claims(figure, tmp_path):
    out = tmp_path / "a" / "b"
    made = runner.reproduce("FigX", "small", seed=7, data=tmp_path, out=out, console=QUIET)
    ((setup, run),) = figure
    assert setup == SetUp(1, 7)
    assert (run.out, run.data, run.console) == (out, tmp_path, QUIET)
    assert {file.name for file in made.files} == FILES
    assert {file.name for file in (out / "figX").iterdir()} == FOLDER
    assert (out / "figX" / "figX.png").read_bytes().startswith(b"\x89PNG")
    with (out / "figX" / "figX.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"size": "1", "value": "0.1"}]
    written = json.loads((out / "figX" / "claims.json").read_text())
    assert written["claims"][0]["verdict"] == "reproduced"
    assert written["setup"] == asdict(setup)
    assert written["facts"] == {"data": "none"}
    assert written["command"].startswith("isorep paper figX --scale small --device auto --seed 7")
    assert written["versions"]["isorep"]


def test_other_data_are_a_source(figure, tmp_path):
    module = sys.modules["isorep.paper.figures.figx"]
    module.SETUPS["digits"] = SetUp(9)
    options = {"out": tmp_path, "console": QUIET}
    runner.reproduce("figX", source="digits", seed=3, **options)
    assert figure[-1][0] == SetUp(9, 3)
    written = json.loads((tmp_path / "figX" / "claims.json").read_text())
    assert written["command"].endswith("--source digits")
    for scale, source in (("small", "digits"), ("laptop", "digit")):
        with pytest.raises(ValueError, match=f"source '{source}' is unknown.* are: digits"):
            runner.reproduce("figX", scale, source=source, **options)
    del module.SETUPS["digits"]
    with pytest.raises(ValueError, match="other data of this figure are: none"):
        runner.reproduce("figX", source="digits", **options)


def test_the_same_run_writes_the_same_bytes(figure, tmp_path):
    first = runner.reproduce("figX", out=tmp_path / "a", console=QUIET)
    again = runner.reproduce("figX", out=tmp_path / "b", console=QUIET)
    for one, other in zip(first.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_longest_run_gives_the_time(figure, tmp_path, monkeypatch):
    seconds = iter([0.0, 99.7, 0.0, 3.0])
    monkeypatch.setattr(runner, "perf_counter", lambda: next(seconds))
    for _ in range(2):  # the second run finds trained networks
        runner.reproduce("figX", out=tmp_path, console=QUIET)
        assert (tmp_path / "figX" / "time.json").read_text() == '{"seconds": 100}\n'


def test_a_figure_can_have_controls(figure, tmp_path):
    module = sys.modules["isorep.paper.figures.figx"]
    module.controls = lambda result: [Control("Other noise", ("k",), (("3",),))]
    runner.reproduce("figX", out=tmp_path, console=QUIET)
    written = json.loads((tmp_path / "figX" / "claims.json").read_text())
    assert written["controls"] == [{"title": "Other noise", "columns": ["k"], "rows": [["3"]]}]


def test_a_failure_leaves_the_old_files_whole(figure, tmp_path, monkeypatch):
    made = runner.reproduce("figX", out=tmp_path, console=QUIET)
    before = [file.read_bytes() for file in made.files]

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        runner.reproduce("figX", seed=1, out=tmp_path, console=QUIET)
    assert {file.name for file in (tmp_path / "figX").iterdir()} == FOLDER
    assert [file.read_bytes() for file in made.files] == before


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_keeps_to_the_protocol(name):
    entry = FIGURES[name]
    module = runner.module_of(entry)
    assert set(module.SETUPS) - {"digits"} == set(SCALES)
    assert all(callable(getattr(module, part)) for part in PARTS)
    for scale in SCALES:
        setup = runner.setup_of(entry, scale, 3)
        assert setup.seed == 3
        json.dumps(asdict(setup), allow_nan=False)


PARTS = ("compute", "draw", "claims", "rows", "facts")


@pytest.fixture
def shell(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["isorep", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fgi3"], "unknown figure 'fgi3'; did you mean 'fig3'"),
        (["fig3", "--scale", "labtop"], "unknown scale 'labtop'; did you mean 'laptop'"),
        (["fig3", "--seed", "-1"], "seed must not be negative, got -1"),
        (["fig3", "--device", "abacus"], "device 'abacus' is not available"),
        (["fig3", "--scale", "small"], "pass --data with a folder that holds data_batch_1.bin"),
        (["fig3", "--scale", "small", "--data", "none"], "no folder 'none'"),
        (["fig3", "--scale", "small", "--data", "."], "no CIFAR-10 in '.': expected a folder"),
        (["fig6", "--scale", "small"], "needs Penn Treebank: pass --data with a folder that holds"),
        (["fig6", "--scale", "small", "--data", "none"], "no folder 'none': --data must name"),
        (["fig6", "--scale", "small", "--data", "."], "Penn Treebank needs ptb.valid.txt"),
        (["fig3", "-o", "file"], "out must be a folder, but 'file' is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_message_and_status_2(shell, tmp_path, arguments, message):
    (tmp_path / "file").write_text("mine")
    status, out, err = shell("paper", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_list_names_every_figure_and_scale(shell):
    status, out, _ = shell("paper", "list")
    assert status == 0
    for name, entry in FIGURES.items():
        assert name in out
        assert entry.title.split()[0] in out
    assert all(f"--scale {scale}" in out for scale in SCALES)


def test_all_goes_on_after_a_figure_that_fails(figure, shell, monkeypatch, tmp_path):
    for name in list(FIGURES):
        if name not in ("fig2", "figX"):
            del FIGURES[name]

    def fail(setup, run):
        raise ValueError("no data")

    monkeypatch.setattr("isorep.paper.figures.fig2.compute", fail)
    status, out, err = shell("paper", "all", "-o", "out")
    assert status == 2
    assert "fig2: no data" in err
    assert "1 of 2 figures failed: fig2" in err
    assert "it is so" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figX", "README.md"}
    assert "## figX" in (tmp_path / "out" / "README.md").read_text()


def test_stopped_by_the_user_it_says_how_to_go_on(figure, shell, monkeypatch):
    def stop(setup, run):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["isorep.paper.figures.figx"], "compute", stop)
    status, out, err = shell("paper", "figX")
    assert (status, out) == (130, "")
    assert "stopped; trained networks are kept, and the same command resumes" in err
    assert "Traceback" not in err


def test_without_pytorch_one_line_brings_all_that_figures_need(shell, monkeypatch):
    def find(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=find), *sys.meta_path])
    status, _, err = shell("paper", "fig2")
    assert status == 2
    assert "this needs torch: pip install 'isorep[torch,paper]'" in err
