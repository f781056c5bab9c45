"""Stream: the activations of one or several models on the same data, batch by batch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from isorep._utils.optional import import_optional
from isorep.activations.options import CaptureOptions, with_defaults

if TYPE_CHECKING:
    import torch

    from isorep.activations.activation_batch import ActivationBatch


def stream(
    models: Sequence[torch.nn.Module],
    data: Any,
    *,
    keep_on: torch.device | str | None = "cpu",
    captured: Sequence[str] = (),
    **options: Unpack[CaptureOptions],
) -> Generator[ActivationBatch, None, None]:
    """Run every model on each batch of `data`, and yield the activations of their layers.

    Each batch is read once and goes through all models. So row i is the same sample in all of them,
    also for data in random order or data that can be read only once. The generator keeps nothing of
    a batch that it yielded.

    The models are in eval mode and have hooks until the generator is exhausted or closed. Then they
    are as they were before, also after an exception.

    Parameters
    ----------
    models
        Modules with submodules. One may occur twice, or be a part of another.
    data
        Samples, as for `isorep.capture`.
    keep_on
        Device that rows are moved to as soon as they are computed; None leaves them on the device
        of the model.
    captured
        Ids of the samples at the start of the data that an earlier stream ran. They are read and
        compared, but not run.
    **options
        Options of `isorep.capture`, but not ``out``: ``layers``, ``reduce``, ``sample_ids``,
        ``channels``, ``max_samples``, ``device``, ``dtype`` and ``progress``. They apply to each of
        the models. By default a dtype stays as computed, bfloat16 included.

    Returns
    -------
    generator of ActivationBatch
        One for each batch that is not empty. Close it if you stop before its end.

    Warns
    -----
    UserWarning
        As `isorep.capture` does, at the end of the data.

    Raises
    ------
    TypeError, ValueError
        As `isorep.capture` does. Errors in the arguments are raised at once, errors in the data at
        the batch that has them.

    Examples
    --------
    >>> import torch
    >>> a, b = (torch.nn.Sequential(torch.nn.Linear(3, p), torch.nn.ReLU()) for p in (4, 5))
    >>> for batch in stream([a, b], torch.rand(300, 3), layers="1"):
    ...     print(batch.n_samples, *(tuple(arrays["1"].shape) for arrays in batch.arrays))
    256 (256, 4) (256, 5)
    44 (44, 4) (44, 5)
    """
    import_optional("torch", "torch")
    from isorep.activations.forward_passes import forward_passes

    return forward_passes(models, data, with_defaults(options), keep_on, captured)
