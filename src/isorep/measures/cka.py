"""Linear CKA: centred kernel alignment of the two covariances."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep.basis import Solver
from isorep.measures import _chance
from isorep.measures._measure import Measure, Reading
from isorep.overlap import Overlap
from isorep.score import Score


def _read(overlap: Overlap) -> Reading:
    xp = array_namespace(overlap.matrix)
    # In units of the largest singular value: fourth powers of anything else could overflow.
    sx = overlap.x.singular_values / overlap.x.singular_values[0]
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    shared = xp.sum((sx[:, None] * overlap.matrix * sy) ** 2)
    return Reading(float(shared / xp.sqrt(xp.sum(sx**4) * xp.sum(sy**4))), overlap)


CKA = Measure(
    name="cka",
    formula="||diag(sx) M diag(sy)||_F^2 / (||sx^2|| ||sy^2||)",
    description="linear centred kernel alignment (biased, as usually reported)",
    reference="Kornblith et al. 2019, equation 5 and table 1",
    read=_read,
    invariance="orthogonal",
    chance=_chance.linear_cka,
)


def cka(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Linear CKA: how well the samples' inner products on one side match those on the other.

    ``||Xc^T Yc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F)`` with centred columns. Directions count by
    their variance squared, so a few strong ones decide. Nothing is whitened, and n < p is no
    obstacle; but this estimate is biased upwards with few samples.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric; in
        [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> rotated = x @ np.linalg.qr(np.ones((4, 4)) + np.eye(4))[0]
    >>> round(isorep.cka(x, 3 * rotated + 5).similarity, 9)
    1.0
    """
    return CKA.between(x, y, solver=solver)
