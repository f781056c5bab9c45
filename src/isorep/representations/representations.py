"""Representations: named (n_samples, n_features) arrays that know which samples they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

# The one reduction that gives a layer more rows than there are samples.
_MANY_ROWS = "positions"
_REPR_LAYERS = 4

Held = TypeVar("Held", covariant=True)
"""What an array is held as: in memory, or on disk until it is read."""


class Layers(Mapping[str, Held]):
    """Arrays of several layers on the same samples, wherever they are held.

    What `Representations` and what is left on disk have in common; see there.
    """

    def __init__(
        self,
        arrays: Mapping[str, Any],
        *,
        sample_ids: Sequence[str | int] | None = None,
        labels: Any = None,
        reductions: Mapping[str, str] | None = None,
        dtypes: Mapping[str, str] | None = None,
        n_samples: int | None = None,
    ) -> None:
        if not arrays:
            raise ValueError("expected at least one layer (name -> array), got none")
        self._arrays: dict[str, Any] = {}
        self._dtypes: dict[str, str] = {}
        for name, value in arrays.items():
            if not isinstance(name, str):
                raise TypeError(f"layer names are strings, got {name!r} ({type(name).__name__})")
            self._arrays[name], self._dtypes[name] = self._layer(name, value)
        self._reductions = _about_layers("reductions", reductions, self._arrays)
        self._dtypes |= _about_layers("dtypes", dtypes, self._arrays)
        self._sample_ids = None if sample_ids is None else as_ids(sample_ids)
        self._labels = None if labels is None else _labels(labels)
        self._n_samples = self._count(n_samples)

    def _count(self, n_samples: int | None) -> int:
        """Find the number of samples from all that tells it, which must agree."""
        told = {}
        if n_samples is not None:
            told["n_samples"] = int(n_samples)
        if self._sample_ids is not None:
            told["sample_ids"] = len(self._sample_ids)
        if self._labels is not None:
            told["labels"] = len(self._labels)
        for name, array in self._arrays.items():
            if self._reductions.get(name) != _MANY_ROWS:
                told[f"layer {name!r}"] = array.shape[0]
        if not told:
            raise ValueError(
                "cannot tell the number of samples from layers whose rows are positions; "
                "pass sample_ids or n_samples"
            )
        first = next(iter(told))
        for other, count in told.items():
            if count != told[first]:
                raise ValueError(
                    f"expected one row, id and label per sample, but {first} says {told[first]} "
                    f"samples and {other} says {count}; rows are samples, so transpose an array "
                    "that has them in columns, and keep only samples that all of them hold"
                )
        return told[first]

    def _layer(self, name: str, value: Any) -> tuple[Held, str]:
        """Return a layer as it is held, with the name of the dtype it came in."""
        raise NotImplementedError

    def __getitem__(self, layer: str) -> Held:
        held: Held = self._arrays[layer]
        return held

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def n_samples(self) -> int:
        """The number of samples; layers of positions have more rows."""
        return self._n_samples

    @property
    def sample_ids(self) -> tuple[str, ...] | None:
        """One id per sample, in row order; None when unknown."""
        return self._sample_ids

    @property
    def labels(self) -> NDArray[Any] | None:
        """One label per sample, (n_samples,); None when unknown."""
        return self._labels

    @property
    def reductions(self) -> dict[str, str]:
        """Layer name to the reduction that made its rows, where known (a copy)."""
        return dict(self._reductions)

    @property
    def dtypes(self) -> dict[str, str]:
        """Layer name to the coarsest dtype that its activations passed through (a copy)."""
        return dict(self._dtypes)

    def about(self) -> dict[str, Any]:
        """Return what is known beside the arrays, as keywords."""
        return {
            "sample_ids": self._sample_ids,
            "labels": self._labels,
            "reductions": self._reductions,
            "dtypes": self._dtypes,
            "n_samples": self._n_samples,
        }

    def check_same_samples(
        self, other: Layers[Any], self_name: str = "a", other_name: str = "b"
    ) -> None:
        """Make sure that row i of `self` and row i of `other` are the same sample.

        Where one side does not know its samples, only their numbers are compared.

        Parameters
        ----------
        other
            The layers to be compared with these.
        self_name, other_name
            What the error calls the two.

        Raises
        ------
        ValueError
            The numbers of samples, the samples themselves or their order differ; it says which.

        Examples
        --------
        >>> a = Representations({"fc": [[1.0], [2.0]]}, sample_ids=["cat", "dog"])
        >>> b = Representations({"fc": [[1.0], [2.0]]}, sample_ids=["dog", "cat"])
        >>> a.check_same_samples(b)
        Traceback (most recent call last):
        ...
        ValueError: a and b hold the same samples in another order: sample 0 is 'cat' in a
        and 'dog' in b; bring the rows into one order (no shuffling while capturing)
        """
        both = f"{self_name} and {other_name}"
        if self.n_samples != other.n_samples:
            raise ValueError(
                f"{both} hold different numbers of samples, {self.n_samples} and "
                f"{other.n_samples}; compare representations of the same samples, row by row"
                + self._transposed(other, self_name)
                + other._transposed(self, other_name)
            )
        mine, theirs = self.sample_ids, other.sample_ids
        if mine is None or theirs is None or mine == theirs:
            return
        missing = Counter(mine) - Counter(theirs)
        if not missing:
            i = next(i for i in range(self.n_samples) if mine[i] != theirs[i])
            raise ValueError(
                f"{both} hold the same samples in another order: sample {i} is {mine[i]!r} in "
                f"{self_name} and {theirs[i]!r} in {other_name}; bring the rows into one order "
                "(no shuffling while capturing)"
            )
        first = next(i for i in range(self.n_samples) if mine[i] in missing)
        raise ValueError(
            f"{both} hold different samples: {missing.total()} of the {self.n_samples} in "
            f"{self_name} are not in {other_name}, the first of them sample {first}, "
            f"{mine[first]!r}; capture both on the same samples, or, where the two models take the "
            "same samples in different form, give both captures the same sample_ids"
        )

    def _transposed(self, other: Layers[Any], name: str) -> str:
        """Hint at a layer that would have the other's number of samples if turned."""
        for layer, array in self._arrays.items():
            if array.shape[1] == other.n_samples:
                return f"; {name}[{layer!r}] {array.shape} looks transposed"
        return ""

    def __repr__(self) -> str:
        shown = [f"{name} {array.shape}" for name, array in self._arrays.items()]
        if len(shown) > _REPR_LAYERS:
            shown[_REPR_LAYERS // 2 : -_REPR_LAYERS // 2] = ["..."]
        layers = "1 layer" if len(self) == 1 else f"{len(self)} layers"
        samples = "1 sample" if self.n_samples == 1 else f"{self.n_samples} samples"
        return f"{type(self).__name__}({layers}, {samples}: {', '.join(shown)})"


class Representations(Layers[NDArray[Any]]):
    """The activations of several layers on the same samples, in execution order.

    An immutable mapping of layer name to array. Rows are samples and columns are features; with
    the reduction ``"positions"`` every position of every sample is a row.

    Parameters
    ----------
    arrays
        Layer name to real 2-D array-like (n_samples, n_features), in execution order. Anything that
        ``np.asarray`` takes, and PyTorch tensors, whether or not they require grad. Arrays are
        not copied. bfloat16, which NumPy lacks, becomes float32.
    sample_ids
        One id (str or int) per sample, in row order; None when it is not known which samples these
        are. Equal inputs may have equal ids.
    labels
        One label per sample, (n_samples,): integers, floats, booleans or strings.
    reductions
        Layer name to the name of the reduction that made its rows, where known.
    dtypes
        Layer name to the name of the coarsest dtype that the activations passed through, computed
        or kept, such as ``"bfloat16"``. Where not given, the dtype of the array.
    n_samples
        The number of samples. Only needed when it cannot be told from the rest: all layers are
        ``"positions"``, without ids or labels.

    Raises
    ------
    TypeError
        A layer name that is no string, an id that is neither string nor integer, an array that is
        not real.
    ValueError
        No layer, an array that is not 2-D or has masked values, or numbers of rows, ids and labels
        that disagree.

    Examples
    --------
    >>> import numpy as np
    >>> reps = Representations({"conv": np.zeros((3, 5)), "fc": np.ones((3, 2))}, sample_ids="abc")
    >>> reps
    Representations(2 layers, 3 samples: conv (3, 5), fc (3, 2))
    >>> list(reps), reps["fc"].shape, reps.n_samples, reps.sample_ids
    (['conv', 'fc'], (3, 2), 3, ('a', 'b', 'c'))
    """

    @classmethod
    def from_mapping(cls, representations: Mapping[str, Any]) -> Representations:
        """Wrap a plain mapping of layer name to array; hand on what is wrapped already.

        What `isorep.storage.open_store` opened is read into memory.

        Parameters
        ----------
        representations
            `Representations`, or a mapping of layer name to array-like (n_samples, n_features).

        Raises
        ------
        TypeError
            When it is neither.

        Examples
        --------
        >>> reps = Representations.from_mapping({"fc": [[1.0, 2.0], [3.0, 4.0]]})
        >>> Representations.from_mapping(reps) is reps
        True
        """
        if isinstance(representations, cls):
            return representations
        if isinstance(representations, Layers):
            read = {name: np.asarray(array) for name, array in representations.items()}
            return cls(read, **representations.about())
        if isinstance(representations, Mapping):
            return cls(representations)
        raise TypeError(
            "expected Representations or a mapping of layer name to (n_samples, n_features) array, "
            f"got {type(representations).__name__}; wrap a single array as {{'name': array}}"
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Save to `path`, an ``.npz`` file or a ``.zarr`` folder; see `isorep.storage.save`."""
        from isorep._formats.header import Contents
        from isorep._formats.write import write

        write(Contents(self, self.about()), path)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Representations):
            return NotImplemented
        return (
            list(self) == list(other)
            and all(_same(self[name], other[name]) for name in self)
            and self._sample_ids == other._sample_ids
            and _same(self._labels, other._labels)
            and self._reductions == other._reductions
            and self._dtypes == other._dtypes
            and self._n_samples == other._n_samples
        )

    __hash__ = None  # type: ignore[assignment]  # equality reads arrays

    def _layer(self, name: str, value: Any) -> tuple[NDArray[Any], str]:
        return _layer(name, value)


def _layer(name: str, value: Any) -> tuple[NDArray[Any], str]:
    """Return `value` as a read-only real 2-D array, with the name of the dtype it came in."""
    if hasattr(value, "detach"):  # a PyTorch tensor, told without importing PyTorch
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            return _layer(name, value.float())[0], "bfloat16"
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"layer {name!r} is a masked array with masked values: drop those samples or fill them "
            "in first"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"layer {name!r} is no array of one shape: {error}") from error
    if array.dtype.name == "bfloat16":  # what JAX calls by that name; not one of NumPy's own
        return _layer(name, array.astype(np.float32))[0], "bfloat16"
    check_layer(name, array.shape, array.dtype)
    array = array.view()  # so that the caller's own array stays writeable
    array.flags.writeable = False
    return array, array.dtype.name


def check_layer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what is no 2-D array of real numbers, with a TypeError or ValueError."""
    if dtype.kind not in "fiub":
        raise TypeError(
            f"layer {name!r} has dtype {dtype}; activations are real numbers "
            "(floats, integers or booleans)"
        )
    if len(shape) != 2:
        hint = {
            0: "a single number is no representation",
            1: "one feature is x[:, None]",
        }.get(
            len(shape),
            "reduce the positions of every sample: their mean (x.mean(...)), 'positions' (each "
            "a row) or 'flatten' (x.reshape(len(x), -1))",
        )
        raise ValueError(
            f"layer {name!r} is {len(shape)}-D, shape {shape}; expected 2-D "
            f"(n_samples, n_features): {hint}"
        )


def _about_layers(
    what: str, given: Mapping[str, str] | None, arrays: Mapping[str, Any]
) -> dict[str, str]:
    """Return `given` in the order of the layers; every key must be one of them."""
    given = given or {}
    unknown = [name for name in given if name not in arrays]
    if unknown:
        raise ValueError(f"{what} names layers that are not there: {unknown}; got {list(arrays)}")
    return {name: given[name] for name in arrays if name in given}


def as_ids(sample_ids: Sequence[str | int]) -> tuple[str, ...]:
    """Return `sample_ids` as strings, which they or integers have to be."""
    for i, given in enumerate(sample_ids):
        if isinstance(given, bool) or not isinstance(given, str | Integral):
            raise TypeError(
                f"sample ids are strings or integers, got {given!r} ({type(given).__name__}) "
                f"for sample {i}"
            )
    return tuple(str(given) for given in sample_ids)


def _labels(labels: Any) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "fiubU":
        raise ValueError(
            "expected one label per sample, a 1-D array of numbers or strings, got shape "
            f"{array.shape}, dtype {array.dtype}"
        )
    array = array.view()
    array.flags.writeable = False
    return array


def _same(x: NDArray[Any] | None, y: NDArray[Any] | None) -> bool:
    if x is None or y is None:
        return x is y
    return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
