"""Groups: the bounds of the axis come from the measure, and from the data where it has none."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot

from isorep.plot.groups import groups


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.mark.parametrize(
    ("measure", "label", "bounds"),
    [
        ("pwcca", "pwcca distance, 0 is the same", (0, 1)),
        ("cosine", "cosine distance, 0 is the same", (0, 2)),
        ("procrustes", "procrustes distance (radians), 0 is the same", (0, np.pi / 2)),
        # The greatest mean and standard deviation of a layer: that of 0.5 and 0.9.
        ("euclidean", "euclidean distance (units of the features), 0 is the same", (0, 0.9)),
    ],
)
def test_axis(measure, label, bounds):
    near, far = [[0.1, 0.2], [0.3, 0.2]], [[0.5, 0.4], [0.9, 0.4]]
    ax = groups({"near": near, "far": far}, ["conv", "fc"], measure)
    assert ax.get_ylabel() == label
    assert ax.get_ylim() == pytest.approx(bounds)
