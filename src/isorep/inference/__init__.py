"""Inference: significance, intervals, chance levels and finite-sample bias of similarities."""

from isorep.inference.animal_ceiling import AnimalCeiling, animal_ceiling
from isorep.inference.bartlett import Bartlett, bartlett
from isorep.inference.ceilings import with_ceilings
from isorep.inference.chance import calibrated, chance
from isorep.inference.contrast import Contrast, contrast
from isorep.inference.encoding import encoding
from isorep.inference.held_out import HeldOut, held_out
from isorep.inference.infer import Inference, infer
from isorep.inference.interval import Interval, interval
from isorep.inference.jackknife import jackknife
from isorep.inference.manova import FTest, Manova, manova
from isorep.inference.network_permutations import (
    Exact,
    exact_p_value,
    mean_between,
    mean_within,
    observed_value,
    permute_labels,
    permute_order,
)
from isorep.inference.noise_ceiling import NoiseCeiling, noise_ceiling
from isorep.inference.null_distribution import NullDistribution, null_distribution
from isorep.inference.permanova import explained_share, pseudo_f
from isorep.inference.permutation_test import PermutationTest, permutation_test
from isorep.inference.random_matrix_edge import RandomMatrixEdge, random_matrix_edge
from isorep.inference.reliability import Reliability, reliability
from isorep.random_matrix.tracy_widom import tracy_widom_quantile, tracy_widom_sf
from isorep.random_matrix.wachter import Wachter

__all__ = [
    "AnimalCeiling",
    "Bartlett",
    "Contrast",
    "Exact",
    "FTest",
    "HeldOut",
    "Inference",
    "Interval",
    "Manova",
    "NoiseCeiling",
    "NullDistribution",
    "PermutationTest",
    "RandomMatrixEdge",
    "Reliability",
    "Wachter",
    "animal_ceiling",
    "bartlett",
    "calibrated",
    "chance",
    "contrast",
    "encoding",
    "exact_p_value",
    "explained_share",
    "held_out",
    "infer",
    "interval",
    "jackknife",
    "manova",
    "mean_between",
    "mean_within",
    "noise_ceiling",
    "null_distribution",
    "observed_value",
    "permutation_test",
    "permute_labels",
    "permute_order",
    "pseudo_f",
    "random_matrix_edge",
    "reliability",
    "tracy_widom_quantile",
    "tracy_widom_sf",
    "with_ceilings",
]
