"""One browser for all tests of the page, and one page with a section of each kind."""

import numpy as np
import pytest
from helpers.harmful import DEAD, NAMES, layers_of

import isorep
from isorep.monitor import converged


@pytest.fixture(scope="session")
def pair():
    """Two networks with labels, of which one has a dead layer and one that shares nothing."""
    labels = [f"<i>class {i % 3}</i>" for i in range(180)]
    a = isorep.Representations(layers_of(0), labels=labels)
    more = {
        DEAD: np.zeros((180, 2)),
        "unrelated": np.random.default_rng(7).standard_normal((180, 4)),
    }
    return a, isorep.Representations({**layers_of(1), **more}, labels=labels)


@pytest.fixture(scope="session")
def table(pair):
    a, b = pair
    return isorep.compare(a, b, measures=["pwcca", "cka"], chance=True, n_permutations=99)


@pytest.fixture(scope="session")
def networks():
    return {f"<u>{seed}</u>": layers_of(seed, 90) for seed in range(5)}


@pytest.fixture(scope="session")
def sweep_table(networks):
    return isorep.pairwise(networks, layers=NAMES[:3], measures=["pwcca", "procrustes"])


@pytest.fixture(scope="session")
def path_table():
    end = layers_of(0, 90)
    noise = np.random.default_rng(5)
    states = {
        step: {name: x + (4 - step) * noise.standard_normal(x.shape) for name, x in end.items()}
        for step in range(5)
    }
    return isorep.trajectory(states, layers=NAMES[:3])


@pytest.fixture(scope="session")
def settling():
    """A network whose layers settle at steps 0, 20 and 40, and one that is dead."""
    end, start = layers_of(0, 200), layers_of(1, 200)
    states = {
        step: {
            **{
                name: end[name] + max(0.0, settled - step) / 10 * start[name]
                for name, settled in zip(NAMES[:3], (0, 20, 40), strict=True)
            },
            DEAD: np.zeros((200, 2)),
        }
        for step in range(0, 81, 10)
    }
    return converged(states)


@pytest.fixture(scope="session")
def page(tmp_path_factory, pair, table, sweep_table, path_table):
    """A page with a section of each kind."""
    pytest.importorskip("plotly")
    target = tmp_path_factory.mktemp("report") / "report.html"
    a, b = pair
    groups = {name: "odd" if i % 2 else "even" for i, name in enumerate(sweep_table["x"].values)}
    results = {"Grid": table, "Sweep <b>": sweep_table, "Path": path_table}
    isorep.report(results, target, a=a, b=b, groups=groups, title="A & <b>B</b>", progress=False)
    return target
