"""Explanation: where two representations differ, in directions, samples and neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from isorep._utils.html_table import html_table
from isorep._utils.validation import as_integer, check_name
from isorep.core.score import Score
from isorep.explanation.explanation_text import explanation_lines

if TYPE_CHECKING:
    import pandas
    import xarray

Part = Literal[
    "directions",
    "samples",
    "classes",
    "tokens",
    "positions",
    "groups",
    "pairs",
    "x_neurons",
    "y_neurons",
]

_MISSING = {
    "classes": "pass labels=",
    "tokens": "pass layers whose rows know their tokens, of isorep.capture(reduce='positions')",
    "positions": "pass layers whose rows know their positions, of "
    "isorep.capture(reduce='positions')",
}
"""What to do if the samples have no such part."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Where two representations differ: which directions, samples and neurons.

    ``print(explanation)`` is a summary; `top` returns what differs most.

    Attributes
    ----------
    score : Score
        The similarity that is explained.
    directions : xarray.Dataset
        Pairs of directions, from shared to unshared. Over (direction,): ``correlation``,
        ``held_out_correlation``, ``p_value`` (adjusted for the number of pairs), ``shared`` (above
        noise), and ``x_variance`` and ``y_variance``, the shares of each side's variance. Over
        (x_neuron, direction) and (y_neuron, direction): ``x_direction`` and ``y_direction``, the
        weights of the neurons. The attributes ``x_unpaired_variance`` and ``y_unpaired_variance``
        are the shares that have no pair.
    samples : xarray.Dataset
        Over (sample,), the rows: ``contribution``, similarity without the sample minus similarity
        with it; ``change``, squared held-out residual of a prediction from the other side, over the
        mean squared distance of the samples from their mean; ``misfit``, how much worse the two
        sides of the sample fit each other than those of the others, in standard deviations;
        ``p_value`` of the misfit (adjusted for the number of samples) and ``stands_out``;
        ``neighbours_kept``, share of neighbours that both sides have; ``group``, number of the row
        of `groups`, 0 without one. Coordinates: ``sample_name``, and ``label``, ``position`` and
        ``token`` where they are known. The attribute ``method`` says how contributions were
        computed.
    classes, tokens, positions : xarray.Dataset or None
        The same by label, token and position: ``n_samples``, mean ``contribution`` with
        ``contribution_low`` and ``contribution_high``, ``change``, the share of the class's own
        variance that is not predicted, with its interval, mean ``misfit``, ``p_value`` and
        ``stands_out``. None without labels, tokens or positions.
    groups : pandas.DataFrame
        Groups of samples that one side links and the other does not: ``grouped_by`` ("x" or "y"),
        ``n_samples``, ``x_links`` and ``y_links`` (mean number of neighbours within the group), and
        ``p_value``.
    pairs : pandas.DataFrame
        Pairs of samples that are neighbours on one side alone, most distant on the other side
        first: ``sample``, ``other``, ``grouped_by``, ``x_distance``, ``y_distance`` (over the root
        mean square distance).
    x_neurons, y_neurons : xarray.Dataset
        Each neuron, predicted from the other side. Over (x_neuron,) or (y_neuron,): ``r_squared``
        and ``correlation`` of the held-out prediction, ``p_value`` (adjusted for the number of
        neurons), ``predicted`` (above noise); ``partner``, the neuron of the other side that is
        matched one to one, ``partner_correlation``, ``partner_p_value`` and ``has_partner``.
    alpha : float
        Level of all tests.
    names : (str, str)
        Names of the two sides.
    warnings : tuple of str
        Reasons to read the explanation with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 200, 4))
    >>> explanation = isorep.explain(x, np.hstack([x[:, :2], y[:, :2]]), "cka", n_permutations=39)
    >>> explanation.directions["shared"].to_numpy()
    array([ True,  True, False, False])
    """

    score: Score
    directions: xarray.Dataset
    samples: xarray.Dataset
    classes: xarray.Dataset | None
    tokens: xarray.Dataset | None
    positions: xarray.Dataset | None
    groups: pandas.DataFrame
    pairs: pandas.DataFrame
    x_neurons: xarray.Dataset
    y_neurons: xarray.Dataset
    alpha: float
    names: tuple[str, str] = ("x", "y")
    warnings: tuple[str, ...] = ()

    def top(self, k: int = 5, part: Part = "samples") -> pandas.DataFrame:
        """Return the k rows of a part that differ most.

        Parameters
        ----------
        k : int
            Largest number of rows.
        part : str
            "directions", least held-out correlation first; "samples", largest misfit first
            (contribution, if no misfit is known); "classes", "tokens" or "positions", largest mean
            misfit first; "groups", least p-value first; "pairs", most distant on the other side
            first; "x_neurons" or "y_neurons", worst predicted first.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ValueError
            If the part is unknown or not known of these samples, or k is negative.

        Examples
        --------
        >>> import numpy as np, isorep
        >>> x = np.random.default_rng(0).standard_normal((100, 3))
        >>> y = x + 0.1 * np.random.default_rng(1).standard_normal((100, 3))
        >>> y[7] = -3 * y[7]
        >>> isorep.explain(x, y, "cka", n_permutations=39).top(1).index.tolist()
        [7]
        """
        check_name("part", part, get_args(Part))
        if as_integer(k, "k") < 0:
            raise ValueError(f"k must be 0 or more, got {k}")
        table = getattr(self, part)
        if table is None:
            raise ValueError(f"the {part} of these samples are unknown: {_MISSING[part]}")
        if part == "groups":
            return self.groups.sort_values("p_value", kind="stable").head(k)
        if part == "pairs":
            return self.pairs.head(k)
        # Weights of directions have another axis.
        frame: pandas.DataFrame = table.drop_vars(
            ["x_direction", "y_direction", "x_neuron", "y_neuron"] if part == "directions" else [],
            errors="ignore",
        ).to_dataframe()
        key, ascending = _ORDER[part]
        if not np.isfinite(frame[key]).any():
            key = "contribution" if "contribution" in frame else key
        return frame.sort_values(key, ascending=ascending, kind="stable").head(k)

    def __repr__(self) -> str:
        shared = int(self.directions["shared"].sum())
        outlying = int(self.samples["stands_out"].sum())
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return (
            f"Explanation({self.score.measure}: similarity={self.score.similarity:.4g}, "
            f"{shared} of {self.directions.sizes['direction']} directions shared, "
            f"{outlying} of {self.samples.sizes['sample']} samples stand out{warnings})"
        )

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in explanation_lines(self).items())

    def _repr_html_(self) -> str:
        warnings = [("warning", text) for text in self.warnings]
        return html_table("Explanation", [*explanation_lines(self).items(), *warnings])


_ORDER: Mapping[str, tuple[str, bool]] = {
    "directions": ("held_out_correlation", True),
    "samples": ("misfit", False),
    "classes": ("misfit", False),
    "tokens": ("misfit", False),
    "positions": ("misfit", False),
    "x_neurons": ("r_squared", True),
    "y_neurons": ("r_squared", True),
}
"""Variable that each part is sorted by, and whether the least value comes first."""
