"""Tell whether two neural representations are the same up to a change of basis."""

from isorep import plot, testing
from isorep._version import __version__
from isorep.basis import Basis
from isorep.capture import capture
from isorep.clustering import cluster
from isorep.compare import compare
from isorep.diff import diff
from isorep.inference.bartlett import bartlett
from isorep.inference.infer import infer
from isorep.measures import MEASURES, cca, cka, procrustes, pwcca, similarity, svcca
from isorep.moments import Moments
from isorep.overlap import Overlap, overlap
from isorep.pairwise import pairwise
from isorep.report import report
from isorep.representation import Representations
from isorep.sample_size import sample_size_curve
from isorep.score import FewSamplesWarning, Score
from isorep.storage import load
from isorep.trajectory import trajectory

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
