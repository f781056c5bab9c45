"""Figures of results; each function draws into the given axes and returns them."""

from isorep.plot.clusters import clusters
from isorep.plot.correlation_spectrum import spectrum
from isorep.plot.dynamics import dynamics
from isorep.plot.groups import groups
from isorep.plot.heatmap import heatmap
from isorep.plot.profile import profile
from isorep.plot.sample_size import sample_size
from isorep.plot.style import style

__all__ = [
    "clusters",
    "dynamics",
    "groups",
    "heatmap",
    "profile",
    "sample_size",
    "spectrum",
    "style",
]
