"""DFT-CCA: canonical correlations of convolutional maps, one spatial frequency at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from isorep._utils.arrays import Array, as_samples, check_finite
from isorep._utils.validation import check_name
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import couple
from isorep.core.principal_axes import NoVarianceError
from isorep.measures.base import MeasureValue
from isorep.measures.cca import mean_correlation
from isorep.measures.measure_function import measure
from isorep.representations.missing_values import NanPolicy, complete_rows
from isorep.representations.sample_table import paired

Channels = Literal["first", "last"]


@dataclass(frozen=True)
class Maps:
    """Two arrays of maps of the same samples, not yet prepared."""

    x: Any
    y: Any
    solver: Solver = "auto"
    n_omitted: int = 0

    @classmethod
    def from_arrays(
        cls, x: Any, y: Any, *, solver: Solver = "auto", nan_policy: NanPolicy = "raise"
    ) -> Maps:
        """Pair two arrays as `isorep.overlap` does: by labels, and without NaN."""
        check_name("nan_policy", nan_policy, get_args(NanPolicy))
        x, y, *_ = paired(x, y)
        if nan_policy == "raise":
            return cls(x, y, solver)
        sides, kept = complete_rows({"x": x, "y": y})
        x, y = sides.values()
        return cls(x, y, solver, int((~kept).sum()))

    @property
    def n_samples(self) -> int:
        """Number of samples of x."""
        return int(np.shape(self.x)[0])


@dataclass(frozen=True)
class Spectrum:
    """Maps as coefficients of their spatial frequencies.

    Attributes
    ----------
    coefficients : (n, c, height, width // 2 + 1) complex array
        Fourier coefficients of the maps, centred over the samples.
    pixel : (c,) array
        Root mean square of each channel's pixels, not centred.
    shape : (int, int)
        Height and width of the maps.
    dtype : str
        Floating-point type of the maps.
    solver : str
        See `isorep.Basis.from_array`.
    """

    coefficients: Array
    pixel: Array
    shape: tuple[int, int]
    dtype: str
    solver: Solver

    def at(self, u: int, v: int, *, real: bool) -> Basis | None:
        """Return the basis of one frequency, v >= 0, or None if it has no variance."""
        xp = array_namespace(self.coefficients)
        z = self.coefficients[:, :, u % self.shape[0], v]
        x, pixel = xp.real(z), self.pixel
        if not real:
            # A complex matrix written as a real one, with twice the rows and columns: products and
            # adjoints carry over, and every singular value occurs twice.
            x = xp.concat(
                [xp.concat([x, -xp.imag(z)], axis=1), xp.concat([xp.imag(z), x], axis=1)], axis=0
            )
            pixel = xp.concat([pixel, pixel])
        try:
            # Centring removes the constant. It tells the rank rule how large the rounding of the
            # pixels can be, even at a frequency with little of the maps' variance.
            return Basis.from_array(x + pixel, solver=self.solver, dtype=self.dtype)
        except NoVarianceError:
            return None


def _spectrum(x: Any, name: str, channels: Channels, solver: Solver) -> Spectrum:
    if not is_array_api_obj(x):
        x = np.asarray(x)
    if x.ndim != 4:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}; dft_cca compares maps, (n, channels, height, "
            f"width), or (n, height, width, channels) with channels='last'"
        )
    xp = array_namespace(x)
    if channels == "last":
        x = xp.permute_dims(x, (0, 3, 1, 2))
    n, c, height, width = x.shape
    flat, dtype = as_samples(xp.reshape(x, (n, c * height * width)), name)
    check_finite(xp, flat, name)
    # In units of the largest entry: squares of other units could overflow or vanish.
    largest = xp.max(xp.abs(flat))
    maps = xp.reshape(flat / xp.where(largest > 0, largest, 1.0), (n, c, height, width))
    centred = maps - xp.mean(maps, axis=0)
    # Scaled so that rounding is as large in each coefficient as in each pixel.
    return Spectrum(
        coefficients=xp.fft.rfftn(centred, axes=(2, 3), norm="ortho"),
        pixel=xp.sqrt(xp.mean(maps**2, axis=(0, 2, 3))),
        shape=(height, width),
        dtype=dtype,
        solver=solver,
    )


def _shared(x_length: int, y_length: int) -> range:
    """Return the frequencies that axes of two lengths have in common, in cycles per axis.

    Axes of the same length l share ``-(l - 1) // 2`` to ``l // 2``. Axes of different lengths share
    the frequencies below the Nyquist frequency of the shorter one: at the Nyquist frequency, an
    axis of even length mixes two frequencies.
    """
    shorter = min(x_length, y_length)
    below = (shorter - 1) // 2
    return range(-below, (shorter // 2 if x_length == y_length else below) + 1)


def _frequencies(x: tuple[int, int], y: tuple[int, int]) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(u, v, real)`` for one of each pair of conjugate frequencies, v >= 0."""
    heights, widths = (_shared(*lengths) for lengths in zip(x, y, strict=True))

    def conjugate(k: int, shared: range) -> int:
        return -k if -k in shared else k  # the Nyquist frequency of an even length is its own

    for v, u in product(widths, heights):
        partner = conjugate(v, widths), conjugate(u, heights)
        if (v, u) >= partner:
            yield u, v, (v, u) == partner


@measure(
    title="DFT-CCA",
    formula="mean(rho) of M at each spatial frequency, and the mean of these",
    description="mean canonical correlation of convolutional maps, frequency by frequency",
    reference="Raghu et al. 2017, theorem 1 (discrete Fourier transform CCA)",
    invariance="linear",
    emphasis="equal",
    requires="maps",
    couple=Maps.from_arrays,
)
def dft_cca(maps: Maps, *, channels: Channels = "first") -> MeasureValue:
    """Mean canonical correlation of convolutional maps, one spatial frequency at a time.

    Each map is transformed by the two-dimensional discrete Fourier transform. At each frequency the
    complex coefficients of the n samples and c channels are an (n, c) matrix. It is centred, and
    the canonical correlations of two such matrices are computed as for real matrices. The
    similarity is the mean over frequencies of the mean correlation. For translation-invariant data
    this equals CCA of all c * height * width pixels, whose covariance is block diagonal in
    frequency, at the cost of one CCA of c channels per frequency. The number of samples it needs
    grows with the channels, not with the pixels.

    - A frequency (u, v) and its negative have conjugate coefficients and the same correlations, so
      one of them is computed and counts twice. Frequency 0, and the Nyquist frequency of an axis of
      even length, are their own negatives and have real coefficients.
    - Axes of the same length share all frequencies. Axes of different lengths share the frequencies
      below the Nyquist frequency of the shorter one, in cycles per axis: -2 to 2 for lengths 5 and
      8, -1 to 1 for lengths 4 and 8.
    - A frequency does not count if a side has no variance there beyond the rounding of its pixels.

    Parameters
    ----------
    x, y : (n, p, h, w) and (n, q, k, l) arrays
        Maps of the same n samples; channels and sizes may differ. Pass an (n, p) layer without
        positions as ``x[:, :, None, None]``; it is compared with frequency 0 of the other side.
    channels : {"first", "last"}
        Layout of both arrays; "last" is (n, height, width, channels).

    Returns
    -------
    Score
        Its ranks are the largest at any frequency. Invariant to every invertible linear map of
        either side's channels, to circular shifts of its maps, and to circular convolution with any
        filter that removes no frequency; symmetric; in [0, 1]. Equals `cca` for maps of one
        position.

    Raises
    ------
    TypeError, ValueError
        If a side is not a finite, real array of 4 dimensions with at least 2 samples, the numbers
        of samples differ, or there is no frequency at which both sides have variance.

    References
    ----------
    Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017, SVCCA, section on convolutional layers.

    Examples
    --------
    Mixed channels, shifted maps:

    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 3, 5, 4))
    >>> y = np.roll(np.einsum("nchw,cd->ndhw", x, np.triu(np.ones((3, 3)))), (1, 2), axis=(2, 3))
    >>> round(isorep.measures.dft_cca(x, y).similarity, 9)
    1.0
    """
    x = _spectrum(maps.x, "x", channels, maps.solver)
    y = _spectrum(maps.y, "y", channels, maps.solver)
    n = x.coefficients.shape[0]
    if n != y.coefficients.shape[0]:
        raise ValueError(
            f"x has {n} samples and y has {y.coefficients.shape[0]}: both must hold the same "
            "samples in the same order"
        )
    total, count, x_rank, y_rank = 0.0, 0, 0, 0
    for u, v, real in _frequencies(x.shape, y.shape):
        x_basis, y_basis = x.at(u, v, real=real), y.at(u, v, real=real)
        if x_basis is None or y_basis is None:
            continue
        times = 1 if real else 2
        total += times * float(mean_correlation(couple(x_basis, y_basis)))
        count += times
        x_rank, y_rank = max(x_rank, x_basis.rank // times), max(y_rank, y_basis.rank // times)
    if count == 0:
        raise ValueError("x and y share no spatial frequency at which both have variance")
    return MeasureValue(total / count, (x_rank, y_rank), whitened=True)
