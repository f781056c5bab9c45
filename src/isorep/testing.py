"""Testing: assertions about representations, for a test suite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

from isorep.comparison.diff import diff
from isorep.comparison.diffing.layer_matching import LayerMap
from isorep.measures.measure_spec import Spec

if TYPE_CHECKING:
    from isorep.activations.options import ModelOptions

__all__ = ["assert_similar"]

_MOST_SHOWN = 10


def assert_similar(
    base: Any,
    changed: Any,
    data: Any = None,
    *,
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]] = "*",
    map: LayerMap | None = None,  # noqa: A002
    measure: Spec = "pwcca",
    fail_below: float = 0.95,
    allow_missing: str | Iterable[str] = (),
    seed: int = 0,
    **options: Unpack[ModelOptions],
) -> None:
    """Fail if a layer of `changed` is less similar to its layer in `base` than a threshold.

    It also fails if a layer is missing in `changed`, or cannot be judged.

    Parameters
    ----------
    base, changed : torch.nn.Module, Representations, mapping, path or array
        Two models, or captures of them; see `isorep.diff`.
    data : iterable of batches, optional
        Data to run models on; see `isorep.capture`.
    layers, map : optional
        Layers to compare, and how their names are matched; see `isorep.diff`.
    measure : str or mapping
        A name in `isorep.MEASURES`, alone or with options; see `isorep.compare`.
    fail_below : float
        Smallest similarity allowed, corrected for finite-sample bias if the measure can be.
    allow_missing : str or iterable of str
        Globs over layers of `base` that may be missing in `changed`.
    seed : int
        Random seed for the correction.
    **options
        How to capture models, as `isorep.diff` takes them: ``reduce``, ``max_samples`` and others.

    Raises
    ------
    AssertionError
        When a layer is less similar, contains NaN, is missing, or cannot be judged; the message
        shows the most changed layers.
    TypeError, ValueError
        When nothing can be compared; see `isorep.diff`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((500, 4))
    >>> assert_similar({"fc": x}, {"fc": 3 * x[:, ::-1] + 1})
    >>> assert_similar({"fc": x}, {"fc": np.maximum(x, 0)})
    Traceback (most recent call last):
    ...
    AssertionError: pwcca similarity of 1 of 1 layers is below 0.95:
    layer  similarity  max error  rel error
    fc         0.8488    3.9e+00    1.0e+00  below 0.95
    first layer that diverges: fc (relative error 1.0e+00, tolerance 1.5e-08)
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    result = diff(
        base,
        changed,
        data,
        layers=layers,
        map=map,
        measure=measure,
        fail_below=fail_below,
        allow_missing=allow_missing,
        interval=False,
        seed=seed,
        progress=False,
        **options,
    )
    if result.below or result.missing or result.not_judged:
        raise AssertionError(f"{result.summary()}\n{result.to_text(_MOST_SHOWN)}")
