"""Capture: the activations of a model or function, as `Representations` or in a store."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack, overload

from isorep._utils.optional import import_optional
from isorep.activations.activation_batch import ActivationBatch
from isorep.activations.function_passes import FunctionPasses
from isorep.activations.in_memory import joined
from isorep.activations.options import CaptureOptions
from isorep.activations.to_store import checked_store, write_to_store
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch

    Model = torch.nn.Module | Callable[[Any], Mapping[str, Any]]

__all__ = ["capture"]


class Source(Protocol):
    """A model or function with its data."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what the capture depends on besides its data, as JSON."""

    def run(self, captured: Sequence[str]) -> Generator[ActivationBatch, None, None]:
        """Return the activations of all samples but the `captured` ones, which must come first."""


@overload
def capture(
    model: Model, data: Any, *, out: None = None, **options: Unpack[CaptureOptions]
) -> Representations: ...


@overload
def capture(
    model: Model,
    data: Any,
    *,
    out: str | PathLike[str],
    **options: Unpack[CaptureOptions],
) -> Path: ...


def capture(
    model: Model,
    data: Any,
    *,
    layers: str | Iterable[str] = "*",
    reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
    mask: Mapping[str, str | None] | None = None,
    heads: str | Iterable[str] = (),
    skip: Any = None,
    sample_ids: Sequence[str | int] | None = None,
    channels: str = "auto",
    max_samples: int | None = None,
    device: torch.device | str | int | None = None,
    dtype: Any = None,
    probe: bool = True,
    tokenizer: Any = None,
    out: str | PathLike[str] | None = None,
    progress: bool = True,
) -> Representations | Path:
    """Run `data` through `model` and return the activations of its layers, one row per sample.

    A PyTorch model runs in eval mode and without gradients. Afterwards, also after an exception,
    every submodule has its training flag back and all hooks are removed.

    Which axis of an output are the samples and which the features is not guessed from lengths. With
    `probe`, the first samples run again before the first batch, and what PyTorch computes from them
    is followed from the inputs to each output.

    Parameters
    ----------
    model
        Any `torch.nn.Module` that has submodules. Compiled parts of it run uncompiled. Or a
        function that gets a batch of the data and returns ``{layer: array}``, for models of other
        libraries: NumPy, JAX, TensorFlow or PyTorch arrays with the samples on the first axis, for
        each batch the same layers with the same features. It needs no PyTorch. An array of three
        axes is (n, tokens, features) unless `channels` says otherwise, one of four needs
        `channels`, and custom reductions get NumPy arrays. With `probe`, the function is called
        twice for the first batch, to see whether it is random.
    data
        Iterable of batches, such as a `DataLoader`. A batch is one of the following.

        - A tensor: the input, whose first axis is the samples.
        - A tuple or list: (input, labels or anything else). What follows the input is passed on if
          the model requires more arguments. The input may be a list with an image for each sample.
        - A dict: keywords of the model, or the only argument of a model that takes one. Values may
          be dicts and lists of tensors. ``"label"`` is passed on if the model has a parameter of
          that name, and ``"labels"`` if it requires one.

        Labels are kept if they are 1-D, one for each sample. ``"attention_mask"`` (n, T), 1 for a
        token and 0 for padding, excludes the padding from every named reduction of layers whose
        positions are these tokens, and ``"decoder_attention_mask"`` those of the decoder's tokens.
        NumPy arrays can be used instead of tensors. No input is
        written to, even if the model works in place. Floats are cast to the dtype of the model's
        first parameter. A single tensor, array or dict, and a `Dataset`, is cut into batches of
        256, unless an input has no row for each sample (packed patches). `PairedData` holds the
        inputs of two models. A data set of Hugging Face is read in batches of its columns that the
        model takes, and a dask array chunk by chunk. A list of texts, or an iterable of such lists,
        needs `tokenizer`.

        A function gets each batch unchanged. If a batch is a tuple or list that begins with an
        array or texts, these identify the samples. A list has an item for each sample.
    layers
        Glob patterns for ``model.named_modules()``, case-sensitive; ``*`` also matches dots. A
        pattern such as ``"!*.dropout"`` leaves out layers.
    reduce
        Reduction of the positions of a sample (pixels, tokens, time steps) to its features. Either
        one reduction for all layers, or a mapping of glob pattern to reduction: the first pattern
        that matches a layer applies, and ``"mean"`` if none does. A reduction is one of:

        - ``"mean"``: average over the positions. Half precision is averaged, and kept, in float32.
        - ``"max"``: maximum over the positions.
        - ``"flatten"``: every feature at every position is a feature; padding is 0.
        - ``"positions"``: every position is a row, sample after sample, without the padding.
          ``row_positions[layer]`` of the result has the sample, position and token of each row.
        - ``"first"``, ``"last"``: the first or last token of a sequence that is not padding.
        - a callable: tensor (n, ...), samples first, to tensor (n, p). It also sees the padding; if
          it has a parameter ``mask``, it gets the mask (n, T) of the positions, or None.

        Outputs (n, p) have no positions, and named reductions keep them unchanged.
    mask
        Glob pattern to the name of the input that masks the positions of these layers, (n, T), or
        None for no mask; the first pattern that matches applies. By default a layer has the mask of
        the tokens that its positions are. Frames of speech have the mask that the model computes
        for them.
    heads
        Glob patterns of layers that have attention heads on an axis of their own, (n, T, H, d), and
        each head of which is to be a layer: ``name.head0``, ``name.head1``, ... By default such a
        layer is (n, T, H * d).
    skip
        Positions to leave out of the rows, which the model still sees: their numbers, such as
        ``[0]`` for the class token or ``[0, -1]`` for the first and last token that are not
        padding; ``{"tokens": [101, 102]}`` by token id, ``{"positions": ..., "tokens": ...}`` by
        both; or a mapping of glob pattern to these.
    sample_ids
        Ids of the samples in the order of the data; with `max_samples` there may be more ids than
        samples. By default an id is a digest of all that the model gets, of its values and not its
        dtype, which depends neither on the batch size nor on padding that an attention mask masks.
        Booleans do not count. A loader that shuffles takes no ids.
    channels
        Axis of the features: ``"first"`` or ``"last"`` after the samples for all layers, or
        ``"auto"``. Then the features are what weights last computed: the outputs of the latest
        linear or convolutional layer, embedding or norm, followed through every operation. After
        ``x + f(x)`` they are the axis that holds features on both sides. If nothing is known, as
        for an input that a layer returns unchanged, a warning names the layer and the axis taken:
        the last of three, and the first of more.
    max_samples
        Number of samples after which to stop.
    device
        Device to run on; the model is moved there and back. By default the device of its
        parameters.
    dtype
        dtype of the arrays: ``"float16"``, ``"float32"`` or ``"float64"``. By default the dtype of
        the activations, with bfloat16 held as float32. ``dtypes[layer]`` of the result is the
        coarser of the dtype of the activations and the dtype of the array; it can be
        ``"bfloat16"``.
    probe
        Whether to run the first eight samples again, all but one and in another order, to see which
        axis follows them. Without it, the first samples run once more, and the axis is only what
        PyTorch computed from the first axis of the inputs. The model's buffers and attributes and
        the random generators are restored afterwards.
    tokenizer
        Hugging Face tokenizer, for data that are texts. Batches are padded on the right, and texts
        longer than the model takes are cut. A function without a tokenizer gets the texts.
    out
        Path that ends in ``.zarr``: a store that the activations are written to as they are
        computed, so that they are never all in memory. bfloat16 stays bfloat16 in it. Until it is
        complete, the store is in the folder ``<out>.part`` and nothing is at `out`. After an
        interruption, the same call resumes after the last committed sample: earlier samples are
        read, and must be the same in the same order, but are not run again. With the same batches
        the result has the same bytes. If the store is complete, the call only checks that it is of
        this model and this data. A function is known by its name, its options, and what it returns
        for the first batch, which is run each time.
    progress
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Returns
    -------
    Representations
        Layers in the order in which they ran. The second call of a layer within one forward pass is
        ``name#2``, the third ``name#3``. Rows are in the order of the data. With `out`, the path of
        the store is returned instead; `isorep.load` reads it.

    Warns
    -----
    UserWarning
        Each warning names the layers that it is about.

        - Layers that only a wildcard selected are left out: their output has no row for each sample
          (position tables, for example), or they do not run equally often in each batch.
        - The axis of the features is unknown.
        - Rows include padding, since the positions are not the tokens of a mask.
        - Samples occur more than once.
        - The model does not get a tensor that may be one of its optional arguments.
    RandomModelWarning
        The same samples give other values in another order: the model draws random numbers in eval
        mode, keeps a state from one batch to the next, or depends on the order of a batch.

    Raises
    ------
    TypeError
        An argument has another type than described here, or a function returns no dict.
    ValueError
        - The model fails on a batch, or the device is not available.
        - A pattern matches no layer. A layer named in full did not run, or its output has no row
          for each sample.
        - The width of a layer, or the number of calls of one named in full, varies between batches.
        - A value does not fit into `dtype`.
        - There are no samples, or not as many ids as samples.
        - A function has other layers or features in a later batch, or an option does not apply to
          functions.
        - `out` is something else, or holds a capture with another model, layers, reduction or data.
    ImportError
        The model is a PyTorch model and PyTorch is not installed.

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

    A function, here of NumPy arrays:

    >>> import numpy as np
    >>> weights = np.random.default_rng(0).standard_normal((25, 6))
    >>> def relu(batch):
    ...     return {"relu": np.maximum(batch @ weights, 0)}
    >>> capture(relu, images.numpy().reshape(10, 25))
    Representations(1 layer, 10 samples: relu (10, 6))
    """
    options: CaptureOptions = {
        "layers": layers if isinstance(layers, str) else list(layers),  # read more than once
        "reduce": reduce,
        "mask": mask,
        "heads": (heads,) if isinstance(heads, str) else tuple(heads),
        "skip": skip,
        "sample_ids": sample_ids,
        "channels": channels,
        "max_samples": max_samples,
        "device": device,
        "dtype": dtype,
        "probe": probe,
        "tokenizer": tokenizer,
        "progress": progress,
    }
    if out is None:
        return joined(_source(model, data, options).run(()))
    path = checked_store(out)
    source = _source(model, data, options)
    write_to_store(path, source.fingerprint(), source.run)
    return Path(out)


def _source(model: Any, data: Any, options: CaptureOptions) -> Source:
    """Return what runs a model, or calls a function, on the data."""
    if hasattr(model, "named_modules"):
        import_optional("torch", "torch")
        from isorep.activations.model_passes import ModelPasses

        return ModelPasses(model, data, options)
    if not callable(model):
        raise TypeError(
            "model should be a torch.nn.Module or a function batch -> {layer: array}, got "
            f"{type(model).__name__}"
        )
    return FunctionPasses(model, data, options)
