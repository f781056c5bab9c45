"""Capture: activations out of PyTorch models, as `Representations`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from isorep._utils.optional import import_optional
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch

__all__ = ["capture"]


@overload
def capture(
    model: torch.nn.Module,
    data: Any,
    *,
    layers: str | Iterable[str] = ...,
    reduce: str | Callable[..., Any] | Mapping[str, Any] = ...,
    sample_ids: Sequence[str | int] | None = ...,
    channels: str = ...,
    max_samples: int | None = ...,
    device: torch.device | str | int | None = ...,
    dtype: Any = ...,
    out: None = ...,
    progress: bool = ...,
) -> Representations: ...


@overload
def capture(
    model: torch.nn.Module,
    data: Any,
    *,
    layers: str | Iterable[str] = ...,
    reduce: str | Callable[..., Any] | Mapping[str, Any] = ...,
    sample_ids: Sequence[str | int] | None = ...,
    channels: str = ...,
    max_samples: int | None = ...,
    device: torch.device | str | int | None = ...,
    dtype: Any = ...,
    out: str | PathLike[str],
    progress: bool = ...,
) -> Path: ...


def capture(
    model: torch.nn.Module,
    data: Any,
    *,
    layers: str | Iterable[str] = "*",
    reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
    sample_ids: Sequence[str | int] | None = None,
    channels: str = "auto",
    max_samples: int | None = None,
    device: torch.device | str | int | None = None,
    dtype: Any = None,
    out: str | PathLike[str] | None = None,
    progress: bool = True,
) -> Representations | Path:
    """Run `data` through `model` and keep what its layers put out, one row per sample.

    The model runs in eval mode and without gradients. Afterwards, also after an exception, the
    training flag of every submodule is what it was and no hook is left.

    Parameters
    ----------
    model
        Any `torch.nn.Module` that has submodules. What is compiled in it runs uncompiled.
    data
        An iterable of batches, such as a `DataLoader`. A batch is the input, a tensor whose first
        axis is the samples; a tuple or list, (input, labels or anything else); or a dict, passed as
        keywords, less ``"labels"`` and ``"label"``. Labels are kept where they are 1-D, one for
        each sample. ``"attention_mask"`` (n, T), 1 for a token and 0 for padding, masks the
        padding in every named reduction; inside a module called ``decoder`` it is
        ``"decoder_attention_mask"``, or else all of ``"decoder_input_ids"`` are tokens. Arrays do
        as well as tensors, and none is written to, whatever the model does. A single tensor, array
        or dict is cut into batches of 256, and so is a `Dataset`.
    layers
        Globs over ``model.named_modules()``, case-sensitive; ``*`` also matches dots.
    reduce
        How the positions of a sample (pixels, tokens, time steps) become its features. One of the
        following for all layers, or a mapping of glob to one of them, where the first that matches
        a layer counts, and ``"mean"`` where none does.

        - ``"mean"``: average over the positions. Half precision is averaged, and kept, in float32.
        - ``"max"``: maximum over the positions.
        - ``"flatten"``: every feature at every position is a feature; padding is 0.
        - ``"positions"``: every position is a row, sample after sample, without the padding.
        - ``"first"``, ``"last"``: the first or last token of a sequence, padding aside.
        - a callable: tensor (n, ...), samples first, to tensor (n, p). It sees the padding.

        Outputs (n, p) have no positions, and named reductions keep them as they are.
    sample_ids
        Ids of the samples in the order of the data, also of more samples than `max_samples`. By
        default a digest of each input, which depends neither on the size of the batches nor on the
        padding that an attention mask masks.
    channels
        Which axis the features are on. ``"auto"``: the first after the samples for convolutions,
        pooling, padding, batch, instance and group norms; the last for linear layers, embeddings,
        attention and recurrent layers. Other modules keep the axis of the tensor that they hand on
        (as `Sequential` does), that they were given (as activation functions do) or that a layer
        inside them put out, if they keep its shape, or at least its number of features and of axes;
        else it is the last for layer norms and in 3-D outputs, and the first in 4-D and 5-D.
        ``"first"`` or ``"last"``: that, for all layers.
    max_samples
        Stop after so many samples.
    device
        Where to run; the model goes there and comes back. By default where its parameters are.
    dtype
        The dtype to keep arrays in: ``"float16"``, ``"float32"`` or ``"float64"``. By default as
        computed; bfloat16 is held as float32. ``dtypes[layer]`` of the result is the coarser of the
        dtype computed in and the dtype kept in, such as ``"bfloat16"`` here.
    out
        A name that ends in ``.zarr``: the activations go into this store as they come, and never
        are all in memory. bfloat16 stays so there. Until all samples are in it, the store is made
        in a folder beside, ``<out>.part``, and nothing is at `out`. After a kill, the same call
        goes on after the last samples that are sure to be there: those before are read, and have to
        be the same in the same order, but are not run again. The result is the same bytes, given
        the same batches. Of a store that is complete, the call checks that it is of this model and
        this data.
    progress
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    Representations
        Layers in the order in which they ran. The second call of a layer within one forward pass is
        ``name#2``, the third ``name#3``. Rows are in the order of the data. With `out`, its path
        instead; `isorep.load` reads it.

    Warns
    -----
    UserWarning
        Once, naming layers that only a wildcard selected and that put out nothing with a row for
        each sample (position tables, say), or of which it cannot be told: 3-D outputs with two
        axes as long as the batch, in a model with layers that take samples second. They are left
        out.

    Raises
    ------
    TypeError
        Something is not of the kind described here.
    ValueError
        The model fails on a batch; the device is not there; a pattern matches no layer; a layer
        named in full never ran or put out nothing with a row for each sample, as far as can be
        told; the widths of a layer, or its number of calls, vary between batches; a value does not
        fit into `dtype`; the ids are not as many as the samples; there is no data; at `out` is
        something else, or what was begun there is of another model, layers, reduction or data.
    ImportError
        PyTorch is not installed.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    >>> images = torch.rand(10, 1, 5, 5)
    >>> reps = capture(model, images, layers=["0", "1"], reduce={"1": "flatten"})
    >>> reps
    Representations(2 layers, 10 samples: 0 (10, 4), 1 (10, 36))
    >>> reps.reductions
    {'0': 'mean', '1': 'flatten'}
    """
    import_optional("torch", "torch")
    from isorep.activations.in_memory import gather
    from isorep.activations.stream import stream
    from isorep.activations.to_store import into_store

    options: dict[str, Any] = {
        "layers": layers,
        "reduce": reduce,
        "sample_ids": sample_ids,
        "channels": channels,
        "max_samples": max_samples,
        "device": device,
        "dtype": dtype,
        "progress": progress,
    }
    if out is not None:
        return into_store(out, model, data, **options)
    return gather(stream([model], data, **options))
