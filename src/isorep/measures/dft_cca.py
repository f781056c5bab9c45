"""DFT-CCA: canonical correlations of convolutional maps, one spatial frequency at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NoReturn, get_args

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from isorep._utils.arrays import Array, as_samples, check_finite
from isorep._utils.validation import unknown_name
from isorep.core.basis import Basis, NoVarianceError, Solver
from isorep.core.overlap import Overlap, couple
from isorep.core.score import Score
from isorep.measures.base import Measure, few_samples
from isorep.measures.cca import mean_correlation

Channels = Literal["first", "last"]


@dataclass(frozen=True)
class MapMeasure(Measure):
    """A measure of maps, which an overlap cannot hold: it takes two arrays and nothing else.

    Its `function` is ``((x, y, solver), **options) -> Score``.
    """

    function: Callable[..., Any]

    def __call__(self, overlap: Overlap, **options: Any) -> NoReturn:
        """Refuse: an overlap has lost the maps."""
        raise ValueError(
            f"{self.name} compares maps, (n, channels, height, width), which an overlap does not "
            f"hold: call isorep.measures.{self.name}(x, y) with the maps themselves"
        )

    def between(
        self,
        x: Any,
        y: Any,
        *,
        solver: Solver = "auto",
        correct: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> Score:
        """Compare two arrays of maps; the score's warnings are issued.

        `seed` is for callers that know the measure by its name alone: no map is drawn at random.
        """
        self.check_options(options)
        if correct:
            self.check_correctable(options)
        score: Score = self.function((x, y, solver), **{**self.fixed_options, **options})
        return score.warn(stacklevel=3)


@dataclass(frozen=True)
class Spectrum:
    """Maps as coefficients of their spatial frequencies, each ready to be a `Basis`.

    `coefficients` is (n, c, height, width // 2 + 1), complex, of maps centred over the samples;
    `pixel` (c,) the root mean square of each channel's pixels, not centred.
    """

    coefficients: Array
    pixel: Array
    shape: tuple[int, int]
    dtype: str
    solver: Solver

    def at(self, u: int, v: int, *, real: bool) -> Basis | None:
        """Prepare the coefficients of a frequency, v >= 0; None where they have no variance."""
        xp = array_namespace(self.coefficients)
        z = self.coefficients[:, :, u % self.shape[0], v]
        x, pixel = xp.real(z), self.pixel
        if not real:
            # The complex matrix as a real one of twice the rows and columns: products and adjoints
            # carry over, and every singular value comes twice.
            x = xp.concat(
                [xp.concat([x, -xp.imag(z)], axis=1), xp.concat([xp.imag(z), x], axis=1)], axis=0
            )
            pixel = xp.concat([pixel, pixel])
        try:
            # The constant goes with the mean; by it, the rank rule knows how much of a frequency
            # the rounding of the pixels can be, however little of the maps the frequency holds.
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
    # Squares of anything much larger or smaller could overflow or vanish.
    largest = xp.max(xp.abs(flat))
    maps = xp.reshape(flat / xp.where(largest > 0, largest, 1.0), (n, c, height, width))
    centred = maps - xp.mean(maps, axis=0)
    # Scaled so that the noise of rounding is as large in each coefficient as in each pixel.
    return Spectrum(
        coefficients=xp.fft.rfftn(centred, axes=(2, 3), norm="ortho"),
        pixel=xp.sqrt(xp.mean(maps**2, axis=(0, 2, 3))),
        shape=(height, width),
        dtype=dtype,
        solver=solver,
    )


def _shared(one: int, other: int) -> range:
    """Return the frequencies that axes of two lengths have in common, in cycles per axis.

    All of one length, ``-(l - 1) // 2`` to ``l // 2``. Of different lengths those below the Nyquist
    frequency of the shorter: at that one, an axis of even length holds two frequencies in one.
    """
    shorter = min(one, other)
    below = (shorter - 1) // 2
    return range(-below, (shorter // 2 if one == other else below) + 1)


def _frequencies(x: tuple[int, int], y: tuple[int, int]) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(u, v, real)`` for one of each pair of conjugate frequencies, v >= 0."""
    heights, widths = (_shared(*lengths) for lengths in zip(x, y, strict=True))

    def conjugate(k: int, shared: range) -> int:
        return -k if -k in shared else k  # at the Nyquist frequency of an even length, itself

    for v, u in product(widths, heights):
        partner = conjugate(v, widths), conjugate(u, heights)
        if (v, u) >= partner:
            yield u, v, (v, u) == partner


def _compute(sides: tuple[Any, Any, Solver], channels: Channels = "first") -> Score:
    if channels not in get_args(Channels):
        raise ValueError(unknown_name("channels", str(channels), get_args(Channels)))
    *maps, solver = sides
    x, y = (_spectrum(z, name, channels, solver) for z, name in zip(maps, "xy", strict=True))
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
        total += times * mean_correlation(couple(x_basis, y_basis))
        count += times
        x_rank, y_rank = max(x_rank, x_basis.rank // times), max(y_rank, y_basis.rank // times)
    if count == 0:
        raise ValueError("x and y share no spatial frequency at which both have variance")
    similarity = min(total / count, 1.0)
    return Score(
        similarity=similarity,
        distance=DFT_CCA.distance.from_similarity(similarity),
        measure=DFT_CCA.name,
        n_samples=n,
        x_rank=x_rank,
        y_rank=y_rank,
        warnings=few_samples(n, x_rank, y_rank),
    )


DFT_CCA = MapMeasure(
    name="dft_cca",
    formula="mean(rho) of M at each spatial frequency, and the mean of these",
    description="mean canonical correlation of convolutional maps, frequency by frequency",
    reference="Raghu et al. 2017, theorem 1 (discrete Fourier transform CCA)",
    function=_compute,
    invariance="linear",
    requires="maps",
)


def dft_cca(x: Any, y: Any, *, channels: Channels = "first", solver: Solver = "auto") -> Score:
    """Mean canonical correlation of convolutional maps, one spatial frequency at a time.

    Each map goes through the two-dimensional discrete Fourier transform. At each frequency the n
    samples' complex coefficients of all channels are an (n, c) matrix, centred, and the canonical
    correlations of two such matrices are taken as for real ones; the similarity is the mean over
    frequencies of the mean correlation. Where the data are translation invariant this is CCA of all
    c * height * width pixels, whose covariance is then block diagonal in frequency, at the cost of
    one CCA of c channels a frequency. It needs samples by the channel, not by the pixel.

    - A frequency (u, v) and its negative have conjugate coefficients and the same correlations: one
      is computed and counts twice. Frequency 0, and those of an axis of even length at its Nyquist
      frequency, are their own negatives, and real.
    - Axes of one length share all frequencies. Of different lengths they share those below the
      Nyquist frequency of the shorter, in cycles per axis: -2 to 2 for 5 and 8, -1 to 1 for 4
      and 8.
    - A frequency at which a side has no variance beyond the rounding of its pixels is left out.

    Parameters
    ----------
    x, y : (n, a, h, w) and (n, b, k, l) arrays
        Maps of the same n samples; channels and sizes may differ. An (n, p) layer without positions
        is ``x[:, :, None, None]``, to be compared with the others' frequency 0.
    channels : {"first", "last"}
        "last": both are (n, height, width, channels).
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Its ranks are the most directions at any frequency. Invariant to every invertible linear map
        of either side's channels, to circular shifts of its maps, and to circular convolution with
        any filter that lets every frequency pass; symmetric; in [0, 1]. `cca` for maps of one
        position.

    Raises
    ------
    TypeError, ValueError
        When a side is no finite, real array of 4 dimensions with at least 2 samples; when the
        samples differ in number; when there is no frequency at which both have variance.

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
    return DFT_CCA.between(x, y, solver=solver, channels=channels)
