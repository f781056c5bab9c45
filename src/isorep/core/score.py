"""Score: the result of a measure, with the sizes behind it and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from isorep._utils.html_table import html_table
from isorep.core.warning_text import issue

_LONG = ("warnings", "provenance")
"""Attributes that are not in the table of a notebook as they are."""


@dataclass(frozen=True)
class Score:
    """Similarity and distance of two representations by one measure.

    Attributes
    ----------
    similarity : float
        Higher is more alike; 1 for representations that are equal up to what the measure ignores.
    distance : float
        Lower is more alike; ``1 - similarity``, or an angle in radians, or a norm in the units of
        the features.
    measure : str
        Name of the measure in `isorep.MEASURES`.
    n_samples : int
        Rows of both representations.
    x_rank, y_rank : int
        Number of directions of each side that the measure used.
    uncorrected : float or None
        Similarity before the correction for finite-sample bias; None if there was no correction.
    warnings : tuple of str
        Reasons to read the number with care, each a `WarningText` with a code; empty if there are
        none.
    n_omitted : int
        Rows that were left out because they have NaN, with ``nan_policy="omit"``.
    precision : str
        "single" if the similarity was computed from float32 products, else "double".
    error : float
        Bound of the error of the similarity that float32 products cause; 0 in double precision.
    provenance : dict
        Versions of libraries, options, and digests of both sides, of a measure that was called on
        data; see docs/provenance.md. Two scores are equal whatever it says.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000, 4))
    >>> score = isorep.pwcca(x, x + noise)
    >>> score
    Score(pwcca: similarity=0.7034, distance=0.2966, n_samples=1000, x_rank=4, y_rank=4)
    >>> round(score.similarity + score.distance, 6), score.warnings
    (1.0, ())
    """

    similarity: float
    distance: float
    measure: str
    n_samples: int
    x_rank: int
    y_rank: int
    uncorrected: float | None = None
    warnings: tuple[str, ...] = ()
    n_omitted: int = 0
    precision: Literal["double", "single"] = "double"
    error: float = 0.0
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        uncorrected = "" if self.uncorrected is None else f", uncorrected={self.uncorrected:.4g}"
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        omitted = f", n_omitted={self.n_omitted}" if self.n_omitted else ""
        error = f", error<{self.error:.1g}" if self.error else ""
        return (
            f"Score({self.measure}: similarity={self.similarity:.4g}, distance={self.distance:.4g}"
            f"{error}{uncorrected}, n_samples={self.n_samples}{omitted}, x_rank={self.x_rank}, "
            f"y_rank={self.y_rank}{warnings})"
        )

    def _repr_html_(self) -> str:
        rows = {name: value for name, value in vars(self).items() if name not in _LONG}
        warnings = [("warning", text) for text in self.warnings]
        return html_table("Score", [*rows.items(), *warnings])

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain Python values, with the warnings as a list.

        Examples
        --------
        >>> Score(0.5, 0.5, "cka", n_samples=9, x_rank=2, y_rank=3).to_dict()["warnings"]
        []
        """
        return {**vars(self), "warnings": list(self.warnings)}

    def warn(self, stacklevel: int) -> Score:
        """Issue the warnings as Python warnings too, and return the score itself."""
        issue(self.warnings, stacklevel + 1)
        return self
