"""Random model: the warning about a model that is not the same twice in eval mode."""

from __future__ import annotations


class RandomModelWarning(UserWarning):
    """A layer has other values when the same samples run again, in another order or batch.

    Examples
    --------
    >>> import numpy as np, isorep, warnings
    >>> rng = np.random.default_rng(0)
    >>> def dropout(batch):
    ...     return {"dropped": batch * rng.integers(0, 2, batch.shape)}
    >>> x = rng.standard_normal((40, 4))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = isorep.capture(dropout, x, progress=False)
    >>> caught[0].category is isorep.activations.RandomModelWarning
    True
    """
