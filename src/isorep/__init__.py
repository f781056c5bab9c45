"""Tell whether two neural representations are the same up to a change of basis."""

from isorep import plot, testing
from isorep._utils.version import __version__
from isorep.activations.capture import capture
from isorep.comparison.clustering import cluster
from isorep.comparison.compare import compare
from isorep.comparison.diff import diff
from isorep.comparison.pairwise import pairwise
from isorep.comparison.trajectory import trajectory
from isorep.core.basis import Basis
from isorep.core.moments import Moments
from isorep.core.overlap import Overlap, overlap
from isorep.core.score import FewSamplesWarning, Score
from isorep.explorer.report import report
from isorep.inference.bartlett import bartlett
from isorep.inference.infer import infer
from isorep.inference.sample_size_curve import sample_size_curve
from isorep.measures import MEASURES, cca, cka, procrustes, pwcca, similarity, svcca
from isorep.representations.representations import Representations
from isorep.storage import load

__all__ = [
    "MEASURES",
    "Basis",
    "FewSamplesWarning",
    "Moments",
    "Overlap",
    "Representations",
    "Score",
    "__version__",
    "bartlett",
    "capture",
    "cca",
    "cka",
    "cluster",
    "compare",
    "diff",
    "infer",
    "load",
    "overlap",
    "pairwise",
    "plot",
    "procrustes",
    "pwcca",
    "report",
    "sample_size_curve",
    "similarity",
    "svcca",
    "testing",
    "trajectory",
]
