"""Quick: the parameters of a test that `make check` runs; the others are marked slow."""

import pytest

OF_EACH_KIND = (
    *("pwcca", "cka", "linear_regression", "euclidean", "permutation"),
    *("cka_debiased", "rsa", "mutual_knn"),
)
"""A measure of each kind: canonical correlations, kernels, prediction, paired features and matched
neurons; of samples: debiased, dissimilarities and neighbours."""


def with_few_folds(measure):
    """Return a measure that holds samples out with 3 folds, which fit 12 times and not 30."""
    return measure.with_options(folds=3) if measure.holds_out() else measure


def slow_unless(quick, values):
    """Return `values` as parameters, marked slow if they are not among `quick`."""
    return [
        value if value in quick else pytest.param(*_arguments(value), marks=pytest.mark.slow)
        for value in values
    ]


def _arguments(value):
    return value if isinstance(value, tuple) else (value,)
