"""The measures, each a short formula of an `isorep.Overlap`."""

from isorep.measures.base import Measure
from isorep.measures.cca import cca, cca_squared
from isorep.measures.cka import cka, cka_debiased
from isorep.measures.cka_rbf import cka_rbf, cka_rbf_debiased
from isorep.measures.correlation_match import hard_correlation, soft_correlation
from isorep.measures.cosine import cosine
from isorep.measures.crossnobis import crossnobis
from isorep.measures.crossnobis_distances import crossnobis_distances
from isorep.measures.dft_cca import dft_cca
from isorep.measures.distance_correlation import distance_correlation
from isorep.measures.eigenspace_overlap import eigenspace_overlap
from isorep.measures.euclidean import euclidean
from isorep.measures.gulp import gulp
from isorep.measures.jaccard_knn import jaccard_knn
from isorep.measures.linear_regression import linear_regression
from isorep.measures.mutual_knn import mutual_knn
from isorep.measures.permutation import permutation
from isorep.measures.pls_regression import pls_regression
from isorep.measures.procrustes import procrustes, procrustes_squared
from isorep.measures.pwcca import pwcca
from isorep.measures.rank_similarity import rank_similarity
from isorep.measures.registry import MEASURES, similarity
from isorep.measures.ridge_cca import ridge_cca
from isorep.measures.ridge_regression import ridge_regression
from isorep.measures.rsa import rsa
from isorep.measures.second_order_cosine import second_order_cosine
from isorep.measures.shape import shape
from isorep.measures.soft_matching import soft_matching
from isorep.measures.svcca import svcca, svcca_squared

__all__ = [
    "MEASURES",
    "Measure",
    "cca",
    "cca_squared",
    "cka",
    "cka_debiased",
    "cka_rbf",
    "cka_rbf_debiased",
    "cosine",
    "crossnobis",
    "crossnobis_distances",
    "dft_cca",
    "distance_correlation",
    "eigenspace_overlap",
    "euclidean",
    "gulp",
    "hard_correlation",
    "jaccard_knn",
    "linear_regression",
    "mutual_knn",
    "permutation",
    "pls_regression",
    "procrustes",
    "procrustes_squared",
    "pwcca",
    "rank_similarity",
    "ridge_cca",
    "ridge_regression",
    "rsa",
    "second_order_cosine",
    "shape",
    "similarity",
    "soft_correlation",
    "soft_matching",
    "svcca",
    "svcca_squared",
]
