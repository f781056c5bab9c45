"""Testing: assertions about representations, for a test suite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from isorep.comparison.diff import diff

__all__ = ["assert_similar"]

_SHOWN = 10


def assert_similar(
    a: Any,
    b: Any,
    measure: str = "pwcca",
    fail_below: float = 0.95,
    layers: str | Iterable[str] | None = None,
    data: Any = None,
    *,
    reduce: Any = "mean",
) -> None:
    """Fail if a layer of `b` is less similar to its layer in `a` than that.

    Parameters
    ----------
    a, b
        Two models, or what was captured of them: as `isorep.diff` takes its two sides.
    measure : str
        A name in `isorep.MEASURES`.
    fail_below : float
        The least similarity allowed, corrected for the number of samples where the measure can be.
    layers : str or iterable of str, optional
        Globs over the layers' names; all by default.
    data
        What models run on; see `isorep.capture`.
    reduce
        How a model's positions become features; see `isorep.capture`.

    Raises
    ------
    AssertionError
        When a layer is less similar, cannot be told for want of samples, or holds NaN; it shows the
        worst layers.
    TypeError, ValueError
        When there is nothing to compare; see `isorep.diff`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((500, 4))
    >>> assert_similar({"fc": x}, {"fc": 3 * x[:, ::-1] + 1})
    >>> assert_similar({"fc": x}, {"fc": np.maximum(x, 0)})
    Traceback (most recent call last):
    ...
    AssertionError: pwcca similarity of 1 of 1 layers is below 0.95:
    layer  similarity
    fc         0.8490  below 0.95
    """
    __tracebackhide__ = True  # by pytest, so that it shows the test's own line
    found = diff(
        a,
        b,
        data,
        layers="*" if layers is None else layers,
        reduce=reduce,
        measure=measure,
        fail_below=fail_below,
        interval=False,
        progress=False,
    )
    if found.below:
        raise AssertionError(f"{found.summary()}\n{found.to_text(_SHOWN)}")
