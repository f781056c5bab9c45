"""Every example of every page of docs/ runs as printed, and prints what the page shows."""

import io
import linecache
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

import isorep
from isorep.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# The figures' page is written by `isorep paper`, and has tests of its own.
PAGES = sorted(page for page in DOCS.rglob("*.md") if DOCS / "paper" not in page.parents)
TUTORIALS = [page for page in PAGES if page.parent == DOCS / "tutorials"]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A block of code, and the output that the text block after it shows: none without one."""

    page: Path
    line: int
    language: str
    code: str
    shown: str

    def __str__(self):
        return f"{self.page.name}:{self.line}"


def examples(page, *languages):
    text = page.read_text()
    fences = list(FENCED.finditer(text))
    for fence, after in zip(fences, [*fences[1:], None], strict=False):  # a page may have none
        if fence[1] not in languages:
            continue
        beside = after is not None and after[1] == "text"
        beside = beside and not text[fence.end() : after.start()].strip()
        line = text.count("\n", 0, fence.start(2)) + 1
        yield Example(page, line, fence[1], fence[2], after[2] if beside else "")


EXAMPLES = [
    example for page in PAGES if page not in TUTORIALS for example in examples(page, "python")
]


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_prints_what_the_page_shows(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for library in re.findall(r"^import (flax|keras|nnsight|onnx)\b", example.code, re.MULTILINE):
        if find_spec(library) is None:  # importing Keras would choose its backend
            pytest.skip(f"{library} is not installed")
    # In a namespace of its own: a reader may copy any block alone.
    assert trimmed(run_python(example, {"__name__": "__main__"})) == trimmed(example.shown)


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_works_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    text = page.read_text()
    for library in re.findall(r"^(?:import|from) (\w+)", text, flags=re.MULTILINE):
        if library in ("sklearn", "torch", "transformers"):
            pytest.importorskip(library)
    if page.stem == "paper":  # in place of `isorep paper fig2`, which has tests of its own
        shutil.copytree(DOCS / "paper/fig2", tmp_path / "paper/fig2")
    namespace = {"__name__": "__main__"}
    for example in examples(page, "python", "sh"):
        if named := re.match(r"# (\w+\.py)\n", example.code):
            (tmp_path / named[1]).write_text(example.code)
            # Afterwards, other tests import modules of this name anew.
            monkeypatch.setitem(sys.modules, Path(named[1]).stem, None)
            monkeypatch.delitem(sys.modules, Path(named[1]).stem)
            continue
        run = run_shell if example.language == "sh" else run_python
        assert trimmed(run(example, namespace)) == trimmed(example.shown), str(example)


def run_python(example, namespace):
    """Run a block in a namespace and return what it prints."""
    # Blank lines before keep a traceback's line number the page's. Libraries that read the source
    # get Python, not the page.
    source = "\n" * (example.line - 1) + example.code
    linecache.cache[f"<{example}>"] = (len(source), None, source.splitlines(True), f"<{example}>")
    code = compile(source, f"<{example}>", "exec")
    printed = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(printed):
        warnings.simplefilter("ignore", isorep.CodedWarning)  # goes to stderr, not on the page
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")
        exec(code, namespace)
    return printed.getvalue()


def run_shell(example, _):
    """Run the lines of a block and return what they print to standard output.

    Commands of isorep run in this process, which has imported PyTorch; a shell runs all others.
    """
    printed, status = io.StringIO(), 0
    for line in example.code.replace("\\\n", " ").splitlines():
        command = shlex.split(line.replace("$?", str(status)), comments=True)
        if command[:1] == ["isorep"]:
            with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
                patch.setattr(sys, "argv", command)
                patch.delenv("COLUMNS", raising=False)
                with pytest.raises(SystemExit) as ended:
                    main()
            status = ended.value.code or 0
        elif command:
            command = [sys.executable, *command[1:]] if command[0] == "python" else command
            alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            ended = subprocess.run(command, capture_output=True, text=True, env=alone, check=False)
            printed.write(ended.stdout)
            status = ended.returncode
    return printed.getvalue()


def trimmed(text):
    return [line.rstrip() for line in text.rstrip().splitlines()]


def anchors(text):
    """Return the names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    text = FENCED.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


def test_which_measure_names_every_measure_and_no_other():
    text = FENCED.sub("", (DOCS / "which-measure.md").read_text())
    tables = text[text.index("## What each sees") : text.index("## Strong directions")]
    cells = re.findall(r"^\| (`.*?) \|", tables, flags=re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(isorep.MEASURES)
    # Elsewhere, a name in backquotes that no other part of isorep has is meant as a measure's.
    others = {"x", "y", "k", "folds", "isorep"} | set(dir(isorep.inference))
    for name in re.findall(r"`([a-z]\w*)`", text):
        assert name in isorep.MEASURES or name in others, name


def test_the_table_of_measures_lists_every_measure():
    text = (DOCS / "measures.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == list(isorep.MEASURES)


def test_the_equations_are_of_every_measure():
    text = (DOCS / "equations.md").read_text()
    assert sorted(re.findall(r"\*\*`(\w+)`\*\*", text)) == sorted(isorep.MEASURES)


def test_the_formulas_of_other_tools_give_the_numbers_of_the_page():
    script = runpy.run_path(str(ROOT / "benchmarks/other_formulas.py"))
    *table, mean = script["rows"]()
    page = (DOCS / "other-tools.md").read_text()
    assert "\n".join(table) in page
    assert mean in page
