"""Few neurons: a similarity as high as two samples of neurons of one population would show."""

from __future__ import annotations

from math import sqrt

from array_api_compat import array_namespace

from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText
from isorep.measures.chance_levels import linear_cka

LIMITED = 0.6
"""CKA of two samples of neurons of one population below which the number of neurons is felt."""

NEAR_LIMIT = (0.65, 1.5)
"""Multiples of this limit between which CKA varies from one draw of 20 neurons to the next."""

FAINT = 0.1
"""Limit below which it is too uncertain: the neurons have hardly anything in common. Also the CKA
of unrelated data above which the samples are too few to tell."""

FEWEST, MOST = 10, 50
"""Numbers of neurons between which they may be a recording, and the limit is certain enough."""


def few_neurons(overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if CKA is low because of the number of neurons rather than a difference.

    If neurons are drawn at random from a population with kernel K, the kernel of p of them is K
    plus noise, which attenuates CKA. The inner products of different neurons are free of this
    noise, so their share of ``||K||_F^2`` gives the CKA of two such draws.
    """
    p, q = overlap.x.n_features, overlap.y.n_features
    if not FEWEST <= min(p, q) <= MOST or linear_cka(overlap) > FAINT:
        return ()
    limit = sqrt(_common(overlap.x) * _common(overlap.y))
    if not FAINT < limit < LIMITED:
        return ()
    shared = float(array_namespace(overlap.cross).sum(overlap.cross**2))
    cka = shared / sqrt(overlap.x.axes.gram_square * overlap.y.axes.gram_square)
    low, high = NEAR_LIMIT
    if not low * limit < cka < high * limit:
        return ()
    return (
        WarningText(
            "few-neurons",
            f"{p} and {q} neurons are few: two random samples of so many neurons of one population "
            f"would show a CKA of about {limit:.2f}, and this pair shows {cka:.2f}",
            "take more neurons, or estimate the CKA of the populations "
            "(cka_debiased(features=sampled)); if the layers are complete, silence the warning",
        ),
    )


def _common(basis: Basis) -> float:
    """Return the share of ``||K||_F^2`` that another sample of neurons would repeat."""
    n, p = basis.n_samples, basis.n_features
    shares = basis.dominance
    # Unrelated neurons have squared inner products of a_i a_j / (n - 1) by chance.
    chance = (shares.effective_directions - shares.feature_squares) / (n - 1)
    common = (1 - shares.feature_squares - chance) * p / (p - 1)
    return min(max(common, 0.0), 1.0)
