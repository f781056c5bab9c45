"""Size and import time of isorep: the core and each extra.

    python benchmarks/install.py

Installs isorep into two new environments, without extras and with all of them, at the versions of
constraints.txt. The size of an extra is that of the packages it adds to the core. Times are
processor times, the least of ten processes, without the start of Python.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("import isorep", "import isorep; isorep.pwcca", "import isorep; isorep.compare")
PROCESSES = 10

SIZES = """
import json
from importlib.metadata import distribution, PackageNotFoundError
from packaging.requirements import Requirement

sizes = {}

def needed(name, extras):
    "Return the packages that a package and its extras need, itself included."
    waiting, seen = [(name, frozenset(extras))], set()
    while waiting:
        if (item := waiting.pop()) in seen:
            continue
        seen.add(item)
        name, extras = item
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if name not in sizes:
            files = [package.locate_file(file) for file in package.files or ()]
            sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
        for text in package.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": x}) for x in (*extras, "")):
                waiting.append((requirement.name.lower(), frozenset(requirement.extras)))
    return {name for name, _ in seen if name in sizes}

core = needed("isorep", [])
extras = distribution("isorep").metadata.get_all("Provides-Extra")
found = {"core": core} | {extra: needed("isorep", [extra]) - core for extra in extras}
print(json.dumps({name: [sum(map(sizes.get, x)), len(x)] for name, x in found.items()}))
"""


def run(python: Path, code: str) -> str:
    """Return what a program prints."""
    command = [str(python), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def seconds(python: Path, code: str) -> float:
    """Return the processor time of an import."""
    timed = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
    return min(float(run(python, timed)) for _ in range(PROCESSES))


def main() -> None:
    """Install both, measure and print two Markdown tables."""
    with tempfile.TemporaryDirectory() as folder:
        pythons = {}
        for name, target in {"core": ".", "all": ".[all]"}.items():
            venv.create(Path(folder, name), with_pip=True)
            python = pythons[name] = Path(folder, name, "bin", "python")
            constraints = ["--constraint", "constraints.txt"]
            command = [python, "-m", "pip", "install", "--quiet", "--no-compile", *constraints]
            subprocess.run([*command, target], check=True, cwd=ROOT, stdout=sys.stderr)
        sizes = json.loads(run(pythons["all"], SIZES))
        print("| extra | packages | MB |\n|---|---|---|")
        for name, (size, count) in sizes.items():
            print(f"| {name} | {count} | {size / 1e6:.1f} |")
        print("\n| import | core, s | all, s |\n|---|---|---|")
        for code in CODE:
            times = " | ".join(f"{seconds(python, code):.2f}" for python in pythons.values())
            print(f"| `{code}` | {times} |")


if __name__ == "__main__":
    main()
