"""Common space: one space for several networks, and their average in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from isorep._utils.arrays import ArrayLike, to_numpy
from isorep._utils.validation import as_integer, check_name
from isorep.alignment.linear_maps import Floats, LinearMaps, centred, thin_svd
from isorep.core.basis import Basis
from isorep.core.warning_text import WarningText, issue
from isorep.measures.sample_size_warnings import FEW_SAMPLES
from isorep.representations.sample_order import difference

Method = Literal["cca", "procrustes"]

CONVERGED = 1e-12
"""Relative change of the residual at which the iteration of Procrustes ends."""

MOST_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class CommonSpace:
    """A space of k dimensions in which several networks lie; see `isorep.alignment.common_space`.

    Attributes
    ----------
    average : (n, k) float64 array
        The networks' samples, averaged in the space.
    agreement : (k,) float64 array
        Mean over networks of the squared correlation of each dimension of `average` with the
        samples of the network in that dimension, in [0, 1].
    means : dict of network to (p,) float64 array
        Means of the features.
    maps : dict of network to LinearMaps
        Matrices from the centred features to the space, (p, k), and back, (k, p).
    warnings : tuple of str
        What may mislead, such as too few samples for "cca".

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((300, 2))
    >>> networks = {name: shared + 0.1 * rng.standard_normal((300, 2)) for name in "abc"}
    >>> space = isorep.alignment.common_space(networks)
    >>> space.average.shape, bool((space.agreement > 0.98).all())
    ((300, 2), True)
    """

    average: Floats
    agreement: Floats
    means: Mapping[str, Floats]
    maps: Mapping[str, LinearMaps]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        n, k = self.average.shape
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return f"CommonSpace({len(self.maps)} networks, {n} samples, {k} dimensions{warnings})"

    def transform(self, network: str, x: ArrayLike) -> Floats:
        """Map samples of a network into the space, (m, p) to (m, k)."""
        check_name("network", network, self.maps)
        samples = centred(x, self.means[network], f"x of {network!r}")
        return samples @ self.maps[network].forward

    def inverse_transform(self, network: str, points: ArrayLike) -> Floats:
        """Map points of the space to the features of a network, (m, k) to (m, p).

        For "cca" it is the least-squares prediction of the features from `average`.
        """
        check_name("network", network, self.maps)
        origin = np.zeros(self.average.shape[1])
        return self.means[network] + centred(points, origin, "points") @ self.maps[network].backward


def common_space(
    networks: Mapping[str, ArrayLike | Basis],
    method: Method = "cca",
    *,
    n_components: int | None = None,
) -> CommonSpace:
    """Bring several representations of the same samples into one space, and average them there.

    Parameters
    ----------
    networks : mapping of name to (n, p) array or Basis
        Two or more representations of the same n samples, with any number of features.
    method : {"cca", "procrustes"}
        - "cca", generalised CCA: the space has orthonormal dimensions G that minimise ``sum_i
          ||G - X_i W_i||_F^2``: what all networks share, whatever its variance. With as many
          directions in all as there are samples, any data agree; keep ten samples per direction of
          all networks together;
        - "procrustes", generalised Procrustes analysis: each network is centred, scaled to norm 1
          and rotated to the average of all, which is computed again until it does not change.
    n_components : int, optional
        Dimensions k of the space, the most agreed first ("cca") or those of the most variance
        ("procrustes"). Default: the smallest rank of a network ("cca"), the largest ("procrustes").

    Returns
    -------
    CommonSpace

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two networks, a side is not a representation, the samples differ, or
        `n_components` is too large.

    References
    ----------
    Kettenring 1971, Canonical analysis of several sets of variables (MAXVAR). Carroll 1968,
    Generalization of canonical correlation analysis to three or more sets of variables. Gower 1975,
    Generalized Procrustes analysis.

    Examples
    --------
    Three networks that share two dimensions; their average shows these better than any network:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> networks = {
    ...     name: np.hstack([shared, np.zeros((500, 3))]) + rng.standard_normal((500, 5))
    ...     for name in "abc"
    ... }
    >>> space = isorep.alignment.common_space(networks, n_components=2)
    >>> space.average.shape, space.agreement.round(1)
    ((500, 2), array([0.7, 0.7]))
    >>> alone, averaged = (isorep.cca(z, shared).similarity for z in (networks["a"], space.average))
    >>> round(alone, 2), round(averaged, 2)
    (0.68, 0.85)
    """
    check_name("method", method, get_args(Method))
    if not isinstance(networks, Mapping) or len(networks) < 2:
        raise TypeError(
            "expected a mapping of at least two names to representations, got "
            f"{type(networks).__name__}" + (f" of {len(networks)}" * isinstance(networks, Mapping))
        )
    bases = {name: _basis(side, name) for name, side in networks.items()}
    first = next(iter(bases))
    for name in bases:
        _check_same_samples(bases[first], bases[name], first, name)
    space = _generalised_cca if method == "cca" else _generalised_procrustes
    ranks = [basis.rank for basis in bases.values()]
    largest = min(ranks) if method == "cca" else max(ranks)
    k = largest if n_components is None else as_integer(n_components, "n_components")
    if not 1 <= k <= largest:
        raise ValueError(f"n_components must be from 1 to {largest} for these networks, got {k}")
    average, maps = space(list(bases.values()), k)
    return CommonSpace(
        average,
        _agreement(average, bases.values(), maps),
        {name: to_numpy(basis.mean) for name, basis in bases.items()},
        dict(zip(bases, maps, strict=True)),
        issue(_few_samples(bases[first].n_samples, ranks, method), stacklevel=2),
    )


def _few_samples(n: int, ranks: Sequence[int], method: Method) -> tuple[str, ...]:
    """Warn if the directions of all networks together fit noise."""
    n_directions = sum(ranks)
    if method != "cca" or n >= FEW_SAMPLES * n_directions:
        return ()
    return (
        WarningText(
            "few-samples",
            f"{n} samples are few for the {n_directions} directions of all networks together: "
            f"unrelated networks would agree too, in some dimensions by more than "
            f"{1 / len(ranks):.2f}",
            f"take more samples ({FEW_SAMPLES * n_directions}), keep fewer principal components of "
            "each network, or use method='procrustes'",
        ),
    )


def _basis(side: ArrayLike | Basis, name: str) -> Basis:
    return side if isinstance(side, Basis) else Basis.from_array(side, name=repr(name))


def _check_same_samples(basis: Basis, other: Basis, name: str, other_name: str) -> None:
    if basis.n_samples != other.n_samples:
        raise ValueError(
            f"{name!r} has {basis.n_samples} samples (rows) and {other_name!r} has "
            f"{other.n_samples}: all networks must hold the same samples in the same order"
        )
    if None not in (basis.sample_ids, other.sample_ids) and basis.sample_ids != other.sample_ids:
        raise ValueError(
            difference(
                basis.sample_ids or (),
                other.sample_ids or (),
                repr(name),
                repr(other_name),
                if_reordered="bring all networks into one order by their labels",
                if_different="select the same samples of all networks by their labels",
            )
        )


def _generalised_cca(bases: Sequence[Basis], k: int) -> tuple[Floats, list[LinearMaps]]:
    """Return the k left singular vectors of ``[Q_1, ..., Q_m]``, and the maps of each network."""
    q = [to_numpy(basis.q) for basis in bases]
    average = thin_svd(np.hstack(q))[0][:, :k]
    maps = []
    for basis, columns in zip(bases, q, strict=True):
        rotation = columns.T @ average
        maps.append(
            LinearMaps(to_numpy(basis.directions(rotation)), rotation.T @ to_numpy(basis.loadings))
        )
    return average, maps


def _generalised_procrustes(bases: Sequence[Basis], k: int) -> tuple[Floats, list[LinearMaps]]:
    """Return the average after the best rotations in k dimensions, and the maps of each network."""
    norms = [float(np.linalg.norm(to_numpy(basis.singular_values))) for basis in bases]
    sides = [to_numpy(basis.scores) / norm for basis, norm in zip(bases, norms, strict=True)]
    average = max(sides, key=lambda side: side.shape[1])
    residual = np.inf
    for _ in range(MOST_ITERATIONS):
        rotations = [_rotation(side.T @ average) for side in sides]
        rotated = [side @ rotation for side, rotation in zip(sides, rotations, strict=True)]
        average = np.mean(rotated, axis=0)
        previous, residual = residual, float(np.sum((np.array(rotated) - average) ** 2))
        if previous - residual <= CONVERGED * len(sides):
            break
    axes = thin_svd(average)[2][:k].T
    maps = []
    for basis, norm, rotation in zip(bases, norms, rotations, strict=True):
        turned = rotation @ axes
        loadings = to_numpy(basis.loadings / basis.singular_values[:, None])
        maps.append(LinearMaps(loadings.T @ turned / norm, norm * turned.T @ loadings))
    return average @ axes, maps


def _rotation(products: Floats) -> Floats:
    u, _, vt = thin_svd(products)
    rotation: Floats = u @ vt
    return rotation


def _agreement(average: Floats, bases: Iterable[Basis], maps: Sequence[LinearMaps]) -> Floats:
    """Return the mean squared correlation of each dimension with that of the networks, (k,)."""
    squares = np.zeros(average.shape[1])
    for basis, (forward, _) in zip(bases, maps, strict=True):
        points = to_numpy(basis.q) @ (to_numpy(basis.loadings) @ forward)
        sizes = np.sum(average**2, axis=0) * np.sum(points**2, axis=0)
        products = np.sum(average * points, axis=0) ** 2
        # A dimension that a network lacks has agreement 0.
        squares += np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 0)
    mean: Floats = squares / len(maps)
    return mean
