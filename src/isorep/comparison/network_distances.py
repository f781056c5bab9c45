"""Network distances: the distances between all networks, layer by layer, from a table or matrix."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.validation import unknown_name
from isorep._utils.version import __version__
from isorep.comparison.clustering import check_distances, named_items
from isorep.core.warning_text import WarningText

if TYPE_CHECKING:
    import xarray


ALPHA = 0.05
"""p-value that a test must be able to reach."""


@dataclass(frozen=True, eq=False)
class NetworkDistances:
    """Distances between N networks at each layer.

    Attributes
    ----------
    networks : tuple
        Names of the networks.
    layers : tuple of str or None
        Names of the layers; None for a matrix, which has no layer.
    values : (L, N, N) float64 array
        Mean of both orders, with 0 on the diagonal; L is 1 for a matrix.
    reasons : tuple of str
        For each layer, why its networks cannot be compared; "" if they can.
    measure : str
        Measure of the distances; "" if it is unknown.
    """

    networks: tuple[Hashable, ...]
    layers: tuple[str, ...] | None
    values: NDArray[np.float64]
    reasons: tuple[str, ...]
    measure: str

    @classmethod
    def from_table(
        cls, distances: xarray.Dataset | xarray.DataArray | ArrayLike, measure: str | None
    ) -> NetworkDistances:
        """Read a table of `isorep.pairwise`, or a matrix of distances.

        Parameters
        ----------
        distances
            A table over x, y and layer; or an (N, N) matrix, whose coordinate names the networks.
        measure : str, optional
            Measure of the table; by default its first.

        Raises
        ------
        TypeError, ValueError
            If it is no table of `isorep.pairwise` and no matrix of distances, or lacks the measure.
        """
        if not hasattr(distances, "data_vars"):
            if measure is not None:
                raise ValueError(
                    f"measure={measure!r} chooses among the measures of a table of "
                    "isorep.pairwise, and a matrix has the distances of one: leave it out"
                )
            return cls._from_matrix(distances)
        table: Any = distances
        dims = table.dims
        kind = table.attrs.get("kind")
        if kind != "pairwise" or not {"x", "y"} <= set(table.sizes) <= {"x", "y", "layer"}:
            raise ValueError(
                "expected a table of isorep.pairwise over x, y and layer, or a matrix of "
                f"distances, got a table of {f'isorep.{kind}' if kind else 'unknown origin'} over "
                f"{', '.join(map(str, table.sizes))}"
            )
        measures = np.atleast_1d(table.attrs["measures"]).tolist()
        name = measures[0] if measure is None else measure
        if name not in measures:
            raise ValueError(unknown_name("measure of this table", name, measures))
        if "layer" not in table.dims:
            table = table.expand_dims("layer")
        variable = table[f"{name}_distance"].transpose("layer", "x", "y")
        networks = tuple(table["x"].to_numpy().tolist())
        if networks != tuple(table["y"].to_numpy().tolist()):
            raise ValueError(
                "the table has other networks along x than along y: select the same ones, as in "
                "table.sel(x=names, y=names)"
            )
        texts = table["reason"].transpose("layer", "x", "y").to_numpy()
        values = _symmetric(variable.to_numpy())
        layers = tuple(np.atleast_1d(table["layer"].to_numpy()).tolist())
        return cls(
            networks,
            layers if "layer" in dims else None,
            values,
            tuple(map(_reason, values, texts)),
            name,
        )

    @classmethod
    def _from_matrix(cls, distances: Any) -> NetworkDistances:
        matrix, names = named_items(distances)
        values = np.asarray(matrix, dtype=np.float64)
        check_distances(values, names)
        attrs = getattr(distances, "attrs", {})
        return cls(names, None, _symmetric(values[None]), ("",), str(attrs.get("measure", "")))

    def by_layer(
        self, compute: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
    ) -> dict[str, NDArray[np.float64]]:
        """Return what a function computes of each layer's distances, stacked along the layers.

        Layers whose networks cannot be compared have NaN.

        Raises
        ------
        ValueError
            If no layer can be compared.
        """
        computed = {
            layer: compute(values)
            for layer, (values, reason) in enumerate(zip(self.values, self.reasons, strict=True))
            if not reason
        }
        if not computed:
            raise ValueError(self.reasons[0])
        blank = {
            name: np.full_like(array, np.nan) for name, array in min(computed.items())[1].items()
        }
        rows = [computed.get(layer, blank) for layer in range(len(self.values))]
        return {name: np.stack([row[name] for row in rows]) for name in blank}

    def to_dataset(
        self,
        arrays: Mapping[str, NDArray[np.float64]],
        coords: Mapping[str, Any],
        attrs: Mapping[str, Any],
        descriptions: Mapping[str, str],
    ) -> xarray.Dataset:
        """Return arrays, (L, ...), as a table over the layers, if there are any, and `coords`."""
        import xarray

        table = xarray.Dataset(
            {
                name: (
                    ("layer", *list(coords)[: array.ndim - 1]),
                    array,
                    {"long_name": descriptions[name]} if name in descriptions else {},
                )
                for name, array in arrays.items()
            }
            | {"reason": ("layer", list(self.reasons))},
            coords={**coords, **({} if self.layers is None else {"layer": list(self.layers)})},
            attrs={"isorep_version": __version__, "measure": self.measure, **attrs},
        )
        return table.isel(layer=0) if self.layers is None else table


def few_networks(
    arrays: Mapping[str, NDArray[np.float64]], tests: Iterable[str], networks: str
) -> list[WarningText]:
    """Return a warning of the tests whose smallest possible p-value is above 0.05.

    Parameters
    ----------
    arrays
        For each of `tests`, the smallest p-values under its name and "_smallest_p_value".
    tests
        Names of the tests.
    networks
        Description of the networks.
    """
    smallest = {name: float(np.nanmax(arrays[f"{name}_smallest_p_value"])) for name in tests}
    affected = [name for name, p_value in smallest.items() if p_value > ALPHA]
    if not affected:
        return []
    worst = max(smallest.values())
    return [
        WarningText(
            "few-networks",
            f"{networks} are too few for {', '.join(affected)}: their smallest possible p-value is "
            f"{worst:.2g}",
            "train more networks, such as four or more for each of two groups",
        )
    ]


def _symmetric(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of both orders, with 0 on the diagonal."""
    both: NDArray[np.float64] = (values + np.swapaxes(values, 1, 2)) / 2.0
    diagonal = np.arange(both.shape[1])
    both[:, diagonal, diagonal] = 0.0
    return both


def _reason(distances: NDArray[np.float64], texts: NDArray[Any]) -> str:
    """Return why the networks of a layer cannot be compared with each other; "" if they can."""
    if np.isfinite(distances).all():
        return ""
    text = next((str(text) for text in texts.ravel() if text), "a distance is infinite")
    return f"not all networks could be compared: {text}"
