"""The library works with its required packages alone; what needs an extra says which."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
REFUSED = [
    "dask",
    "distributed",
    "faiss",
    "filelock",
    "h5netcdf",
    "h5py",
    "matplotlib",
    "ml_dtypes",
    "numcodecs",
    "plotly",
    "pyarrow",
    "rich",
    "safetensors",
    "sklearn",
    "torch",
    "typer",
    "zarr",
]
"""Modules of all extras."""

REFUSE = f'''
import sys
REFUSED = {REFUSED}

class Refuse:
    """A finder of modules that does not find those of the extras."""

    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        refused = name.partition(".")[0] in REFUSED
        return None if refused else self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)

sys.meta_path[:] = map(Refuse, sys.meta_path)
'''

WORK = """
import json, warnings
from pathlib import Path
import numpy as np
import isorep

warnings.simplefilter("ignore", isorep.CodedWarning)
random = np.random.default_rng(0)
x = random.standard_normal((60, 4))
y = x @ random.standard_normal((4, 4)) + random.standard_normal((60, 4))
networks = {"first": {"fc": x}, "second": {"fc": y}, "third": {"fc": x**3}}
values = {
    "pwcca": isorep.pwcca(x, y).similarity,
    "cka": isorep.cka(x, y).similarity,
    "corrected": isorep.infer(x, y, measure="pwcca", n_permutations=19, seed=0).corrected,
}
table = isorep.compare({"fc": x}, {"fc": y}, measures=["pwcca", "rsa"])
values["table"] = table["pwcca"].item()
values["pairs"] = isorep.pairwise(networks)["pwcca"].values.ravel().tolist()
layers = isorep.Representations({"fc": x}, sample_ids=[str(i) for i in range(60)])
layers.save("a.npz")
assert isorep.load("a.npz")["fc"].tobytes() == x.tobytes()
np.savetxt("a.csv", x, delimiter=",", header="a,b,c,d", comments="")
assert np.allclose(isorep.load("a.csv")["a"], x)
print(json.dumps(values))
"""

FEATURES = {
    "layers.save('a.zarr')": "zarr: pip install 'isorep[store]'",
    "isorep.pairwise(networks, out='sweep.zarr')": "zarr: pip install 'isorep[store]'",
    "isorep.capture(lambda batch: {'fc': batch}, x, out='c.zarr')": (
        "zarr: pip install 'isorep[store]'"
    ),
    "isorep.pairwise(networks, scheduler='tcp://127.0.0.1:1')": (
        "distributed: pip install 'isorep[cluster]'"
    ),
    "isorep.plot.heatmap(table)": "matplotlib: pip install 'isorep[plot]'",
    "isorep.report(table, 'page.html')": "plotly: pip install 'isorep[report]'",
    "isorep.align(x, y)": "sklearn: pip install 'isorep[align]'",
    "isorep.capture(type('Net', (), {'named_modules': None})(), x)": (
        "torch: pip install 'isorep[torch]'"
    ),
    "isorep.stitch": "torch: pip install 'isorep[torch]'",
    "isorep.activations.capture_moments": "torch: pip install 'isorep[torch]'",
    "isorep.load(empty('a.safetensors'))": "safetensors: pip install 'isorep[safetensors]'",
    "isorep.load(empty('a.h5'))": "h5py: pip install 'isorep[hdf5]'",
    "isorep.load(empty('a.pt'))": "torch: pip install 'isorep[torch]'",
    "isorep.load(empty('a.parquet'))": "pyarrow: pip install 'isorep[parquet]'",
}

MESSAGES = f"""
def empty(name):
    Path(name).touch()
    return name

messages = {{}}
for code in {list(FEATURES)!r}:
    try:
        eval(code)
    except ImportError as error:
        messages[code] = str(error)
print(json.dumps(messages))
"""


def run(code, folder, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.fixture(scope="module")
def lean(tmp_path_factory):
    """Numbers and messages of a process without extras."""
    ended = run(REFUSE + WORK + MESSAGES, tmp_path_factory.mktemp("lean"))
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_refused_modules_are_those_of_the_extras():
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    names = {re.split(r"[>\[]", requirement)[0] for extra in extras for requirement in extra}
    renamed = {"scikit-learn": "sklearn", "faiss-cpu": "faiss", "ml-dtypes": "ml_dtypes"}
    only_paper = {"pooch", "mnist1d"}
    modules = {renamed.get(name, name) for name in names - {"isorep"} - only_paper}
    assert modules | {"distributed"} == set(REFUSED)


def test_comparisons_need_no_extra_and_give_the_same_numbers(lean, tmp_path):
    with_extras = run(WORK, tmp_path)
    assert with_extras.returncode == 0, with_extras.stderr
    assert lean[0] == json.loads(with_extras.stdout)


@pytest.mark.parametrize("feature", FEATURES)
def test_what_needs_an_extra_names_it(lean, feature):
    assert lean[1].get(feature) == f"this needs {FEATURES[feature]}"


def test_the_shell_says_in_one_line_what_to_install(tmp_path):
    script = REFUSE + "from isorep.__main__ import main\nmain()"
    ended = run(script, tmp_path, "compare", "a.npz", "b.npz")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "isorep: error: this needs typer: pip install 'isorep[cli]'\n"


def test_the_shell_says_before_the_work_what_its_output_needs(tmp_path):
    pytest.importorskip("typer")
    refused = REFUSE.replace("'typer', ", "").replace("'rich', ", "")
    script = refused + "from isorep.__main__ import main\nmain()"
    files = ["missing.npz", "missing.npz"]
    for output, extra in [("heat.png", "plot"), ("page.html", "report")]:
        option = {"plot": "--plot", "report": "--html"}[extra]
        ended = run(script, tmp_path, "compare", *files, option, output)
        assert ended.returncode == 2
        assert ended.stderr.endswith(f"pip install 'isorep[{extra}]'\n"), ended.stderr
