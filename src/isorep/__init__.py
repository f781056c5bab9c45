"""Compare representations of neural networks up to a change of basis.

Names and submodules are imported at their first use, so `import isorep` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        activations,
        alignment,
        inference,
        measures,
        monitor,
        paper,
        plot,
        storage,
        testing,
    )
    from ._utils.version import __version__
    from .activations.capture import capture
    from .alignment.align import align
    from .comparison.best import best
    from .comparison.clustering import cluster
    from .comparison.compare import compare
    from .comparison.compare_groups import compare_groups
    from .comparison.contrasts import contrasts
    from .comparison.diff import diff
    from .comparison.factor_trend import factor_trend
    from .comparison.pairwise import pairwise
    from .comparison.trajectory import trajectory
    from .core.basis import Basis
    from .core.coded_warning import CodedWarning, FewSamplesWarning
    from .core.moments import Moments
    from .core.overlap import Overlap, overlap
    from .core.score import Score
    from .core.warning_text import silence
    from .explanation.explain import explain
    from .explorer.report import report
    from .inference.bartlett import bartlett
    from .inference.contrast import contrast
    from .inference.infer import infer
    from .inference.sample_size_curve import sample_size_curve
    from .measures import MEASURES, cca, cka, procrustes, pwcca, similarity, svcca
    from .measures.registration import register
    from .representations.one_hot import one_hot
    from .representations.representations import Representations
    from .stitching.stitch import stitch
    from .storage import load

__all__ = [
    "MEASURES",
    "Basis",
    "CodedWarning",
    "FewSamplesWarning",
    "Moments",
    "Overlap",
    "Representations",
    "Score",
    "__version__",
    "activations",
    "align",
    "alignment",
    "bartlett",
    "best",
    "capture",
    "cca",
    "cka",
    "cluster",
    "compare",
    "compare_groups",
    "contrast",
    "contrasts",
    "diff",
    "explain",
    "factor_trend",
    "infer",
    "inference",
    "load",
    "measures",
    "monitor",
    "one_hot",
    "overlap",
    "pairwise",
    "paper",
    "plot",
    "procrustes",
    "pwcca",
    "register",
    "report",
    "sample_size_curve",
    "silence",
    "similarity",
    "stitch",
    "storage",
    "svcca",
    "testing",
    "trajectory",
]

_MODULES = {
    "MEASURES": "measures",
    "Basis": "core.basis",
    "CodedWarning": "core.coded_warning",
    "FewSamplesWarning": "core.coded_warning",
    "Moments": "core.moments",
    "Overlap": "core.overlap",
    "Representations": "representations.representations",
    "Score": "core.score",
    "__version__": "_utils.version",
    "align": "alignment.align",
    "bartlett": "inference.bartlett",
    "best": "comparison.best",
    "capture": "activations.capture",
    "cca": "measures",
    "cka": "measures",
    "cluster": "comparison.clustering",
    "compare": "comparison.compare",
    "compare_groups": "comparison.compare_groups",
    "contrast": "inference.contrast",
    "contrasts": "comparison.contrasts",
    "diff": "comparison.diff",
    "explain": "explanation.explain",
    "factor_trend": "comparison.factor_trend",
    "infer": "inference.infer",
    "load": "storage",
    "one_hot": "representations.one_hot",
    "overlap": "core.overlap",
    "pairwise": "comparison.pairwise",
    "procrustes": "measures",
    "pwcca": "measures",
    "register": "measures.registration",
    "report": "explorer.report",
    "sample_size_curve": "inference.sample_size_curve",
    "silence": "core.warning_text",
    "similarity": "measures",
    "stitch": "stitching.stitch",
    "svcca": "measures",
    "trajectory": "comparison.trajectory",
}
"""Module that defines each name; the other names of `__all__` are submodules."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'isorep' has no attribute {name!r}")
    if name not in _MODULES:
        return import_module(f"isorep.{name}")
    value = globals()[name] = getattr(import_module(f"isorep.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
