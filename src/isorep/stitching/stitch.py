"""Stitch: whether one network can go on from the activations of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isorep._utils.progress import track
from isorep._utils.validation import as_integer, check_seed
from isorep._utils.version import __version__
from isorep.activations.batches import as_batches, batches
from isorep.activations.recorder import eager
from isorep.core.warning_text import WarningText, about, issue
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measures_named
from isorep.stitching.layer_tensor import LayerTensor
from isorep.stitching.outputs_compared import Loss, cross_entropy
from isorep.stitching.stitched_pair import BYPASSED, Evaluation, StitchedPair, Task

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]

DIRECTIONS = ("a to b", "b to a")
FITS = ("matched", "trained")
HELD_OUT = 4
"""One batch in this many is held out, if there are no test data."""

VISIBLE = 0.01
"""Relative increase of the loss by training above which the result warns."""

LEVEL = 0.95
"""Confidence level of the intervals over seeds."""


def stitch(
    model_a: nn.Module,
    layer_a: str,
    model_b: nn.Module,
    layer_b: str,
    data: Any,
    *,
    test_data: Any = None,
    loss: Loss | None = None,
    measures: Spec | Sequence[Spec] = ("pwcca", "cka"),
    epochs: int = 2,
    learning_rate: float = 1e-3,
    n_seeds: int = 5,
    seed: int = 0,
    channels: str = "auto",
    tokenizer: Any = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Stitch two networks in both directions: the front of one, an affine layer, the rest of other.

    The affine layer maps the features of a layer of one network to those of a layer of the other,
    at each position (a 1 x 1 convolution for maps). It is fitted in two ways, since these mean
    different things:

    - "matched" predicts the other layer's activations by least squares, in closed form (direct
      matching);
    - "trained" goes on from there by minimising the loss of the task, with both networks frozen
      (task loss matching).

    A low penalty of "trained" says that the front keeps what the rest needs for the task. It does
    not say that the two layers are similar: noise in clusters, and networks of other tasks, can be
    stitched too (Smith et al. 2025), and distant layers at a lower penalty than the same layers
    (Balogh and Jelasity 2025). Read it beside "matched" and the similarities.

    Parameters
    ----------
    model_a, model_b : torch.nn.Module
        Two networks that take the same inputs. They are run in eval mode and not changed.
    layer_a, layer_b : str
        Name of a layer of each, through which all information passes, such as a block of a residual
        network. If inputs bypass `layer_b`, the result warns.
    data : iterable of batches
        Batches ``(inputs, targets)``, or dicts with "labels"; see `isorep.capture`. They are held
        in memory.
    test_data : iterable of batches, optional
        Data for the evaluation. By default a quarter of the batches, other ones for each seed.
    loss : callable, optional
        ``(output, targets) -> mean loss``. Default: cross-entropy of class numbers; -100 does not
        count.
    measures : str, mapping, or sequence of these
        Measures of second moments for the similarities of the two layers, with a row for each
        position.
    epochs : int
        Passes over the training batches.
    learning_rate : float
        Learning rate of Adam.
    n_seeds : int
        Number of fits, each with other held-out batches and order of batches; at least 2.
    seed : int
        First random seed.
    channels : {"auto", "first", "last"}
        Axis of the features; see `isorep.capture`.
    tokenizer : callable, optional
        For texts; see `isorep.capture`.
    progress : bool
        Whether to report the progress on standard error.

    Returns
    -------
    xarray.Dataset
        Table over direction ("a to b": the front of a, the rest of b), fit ("matched", "trained")
        and seed:

        - ``loss``, ``accuracy`` of the stitched network, ``original_loss``, ``original_accuracy``
          of the whole network whose rest it has, on held-out samples;
        - ``loss_penalty`` (direction, fit), the mean over seeds of ``loss - original_loss``, and
          ``accuracy_penalty``, of ``original_accuracy - accuracy``, with 95 % intervals over seeds
          (``_low``, ``_high``): 0 is as good as the original;
        - ``disagreement``, the share of samples with another predicted class than the original, and
          ``js_distance``, the Jensen-Shannon distance of the probabilities, in [0, 1];
        - a similarity (direction) by each measure;
        - ``table.attrs["warnings"]``.

        What needs classes is NaN if the targets are none.

    Raises
    ------
    TypeError, ValueError
        If a layer is unknown, runs more than once or has no features; the positions of the two
        layers differ; there is nothing to hold out; the loss does not fit the targets or is not
        finite; or an option is out of range.

    References
    ----------
    Lenc and Vedaldi 2015, Understanding image representations by measuring their equivariance and
    equivalence. Bansal, Nakkiran and Barak 2021, Revisiting model stitching to compare neural
    representations. Csiszárik, Kőrösi-Szabó, Matszangosz, Papp and Varga 2021, Similarity and
    matching of neural network representations. Balogh and Jelasity 2025, How not to stitch
    representations to measure similarity. Smith, Mannering and Marcu 2025, Functional alignment can
    mislead.

    Examples
    --------
    A network and the same network with its hidden neurons in another order:

    >>> import torch, isorep
    >>> x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    >>> targets = (x[:, 0] * x[:, 1] > 0).long()
    >>> _ = torch.manual_seed(0)
    >>> a, b = (torch.nn.Sequential(torch.nn.Linear(6, 20), torch.nn.ReLU(), torch.nn.Linear(20, 2))
    ...         for _ in range(2))
    >>> order = torch.arange(19, -1, -1)
    >>> _ = b[0].load_state_dict({name: w[order] for name, w in a[0].state_dict().items()})
    >>> _ = b[2].load_state_dict({"weight": a[2].weight[:, order], "bias": a[2].bias})
    >>> batches = [(x[i : i + 50], targets[i : i + 50]) for i in range(0, 400, 50)]
    >>> table = isorep.stitch(a, "1", b, "1", batches, epochs=1, n_seeds=2)
    >>> abs(table["accuracy_penalty"].sel(direction="a to b", fit="matched").item()) < 0.02
    True
    >>> round(table["pwcca"].sel(direction="a to b").item(), 6)
    1.0
    """
    rows = measures_named(measures)
    n_fits = as_integer(n_seeds, "n_seeds")
    if n_fits < 2:
        raise ValueError(f"n_seeds must be at least 2, for an interval over seeds, got {n_fits}")
    if as_integer(epochs, "epochs") < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
    check_seed(seed)
    models = eager(model_a), eager(model_b)
    tasks = _tasks(data, models, tokenizer, "data")
    tests = None if test_data is None else _tasks(test_data, models, tokenizer, "test_data")
    if tests is None and len(tasks) < 2:
        raise ValueError(
            "data is a single batch, so that nothing can be held out: pass smaller batches, or "
            "test_data="
        )
    first = tasks[0].batch
    a, b = (
        LayerTensor.find(model, layer, first, channels)
        for model, layer in zip(models, (layer_a, layer_b), strict=True)
    )
    pairs = dict(zip(DIRECTIONS, (StitchedPair(a, b), StitchedPair(b, a)), strict=True))
    loss = loss or cross_entropy
    results = np.full((len(DIRECTIONS), len(FITS), n_fits, len(Evaluation._fields)), np.nan)
    similarities: dict[str, list[float]] = {row.label: [] for row in rows}
    warnings: list[str] = []
    steps = track(_fits(n_fits), "stitch", len(DIRECTIONS) * n_fits, progress, unit="fits")
    for direction, k in steps:
        pair = list(pairs.values())[direction]
        training, held_out = _split(tasks, tests, seed + k)
        layer = pair.matched(pair.overlap(training))
        if k == 0:
            whole = pair.overlap(tasks)
            for row in rows:
                score = row(whole)
                similarities[row.label].append(score.similarity)
                subject = f"{row.label}, {DIRECTIONS[direction]}"
                warnings += [about(subject, text) for text in score.warnings]
            warnings += _bypass_warnings(pair, layer, first)
        results[direction, 0, k] = _finite(pair.evaluate(layer, held_out, loss))
        layer = pair.trained(
            deepcopy(layer),
            training,
            loss,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed + k,
        )
        results[direction, 1, k] = _finite(pair.evaluate(layer, held_out, loss))
    warnings += _training_warnings(results[..., 0])
    attrs = {
        "kind": "stitch",
        "isorep_version": __version__,
        "layers": [layer_a, layer_b],
        "epochs": epochs,
        "learning_rate": learning_rate,
        "n_samples": sum(task.batch.n for task in tasks),
        "measures": [row.label for row in rows],
        "warnings": list(issue(warnings, stacklevel=2)),
    }
    return _table(results, similarities, range(seed, seed + n_fits), attrs)


def _fits(n_fits: int) -> Iterator[tuple[int, int]]:
    return ((direction, k) for direction in range(len(DIRECTIONS)) for k in range(n_fits))


def _tasks(data: Any, models: Sequence[nn.Module], tokenizer: Any, name: str) -> list[Task]:
    tasks = []
    for item in as_batches(data, models, tokenizer):
        for batch in batches([item], None):
            others = [*batch.label_inputs.values(), *reversed(batch.more)]
            targets = next((x for x in others if isinstance(x, Tensor)), None)
            if targets is None and batch.labels is not None and batch.labels.dtype.kind in "fiub":
                targets = torch.from_numpy(batch.labels)
            tasks.append(Task(batch, targets))
    if not tasks:
        raise ValueError(f"{name} has no batches")
    return tasks


def _split(
    tasks: Sequence[Task], tests: Sequence[Task] | None, seed: int
) -> tuple[Sequence[Task], Sequence[Task]]:
    """Return the batches to fit with, and those that are held out."""
    if tests is not None:
        return tasks, tests
    order = np.random.default_rng(seed).permutation(len(tasks))
    n = max(1, len(tasks) // HELD_OUT)
    return [tasks[i] for i in order[n:]], [tasks[i] for i in order[:n]]


def _finite(evaluation: Evaluation) -> Evaluation:
    if not np.isfinite([evaluation.loss, evaluation.original_loss]).all():
        raise ValueError(
            f"the loss is {evaluation.loss} for the stitched network and "
            f"{evaluation.original_loss} for the whole one: a lower learning_rate may help"
        )
    return evaluation


def _bypass_warnings(pair: StitchedPair, layer: nn.Linear, batch: Any) -> list[str]:
    change = pair.bypass(layer, batch)
    if not change > BYPASSED:
        return []
    return [
        WarningText(
            "input-bypass",
            f"inputs bypass layer {pair.target.name!r}: with other inputs behind the same "
            f"activations, the output changes by {100 * change:.0f} % of its largest value. The "
            "stitched network then works in part from the front that it should do without",
            "stitch a layer through which all information passes, such as the end of a block",
        )
    ]


def _training_warnings(losses: Floats) -> list[str]:
    """Warn of directions in which training made the held-out loss, (2, 2, seeds), surely larger."""
    mean, half = _mean_and_half_width(losses[:, 1] - losses[:, 0])
    least = VISIBLE * losses[:, 0].mean(axis=-1)
    worse = [
        name for name, is_worse in zip(DIRECTIONS, mean - half > least, strict=True) if is_worse
    ]
    if not worse:
        return []
    return [
        WarningText(
            "stitching-not-trained",
            f"training made the loss on held-out samples larger ({' and '.join(worse)})",
            "lower learning_rate, or pass more samples",
        )
    ]


def _mean_and_half_width(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean over seeds, the last axis, and half the width of its 95 % interval."""
    from scipy.stats import t

    n = values.shape[-1]
    quantile = float(t.ppf((1 + LEVEL) / 2, n - 1))
    return values.mean(axis=-1), quantile * values.std(axis=-1, ddof=1) / sqrt(n)


def _table(
    results: Floats, similarities: dict[str, list[float]], seeds: range, attrs: dict[str, Any]
) -> xarray.Dataset:
    import xarray

    values = dict(zip(Evaluation._fields, np.moveaxis(results, -1, 0), strict=True))
    dims = ("direction", "fit", "seed")
    table: dict[str, tuple[tuple[str, ...], Any]] = {}
    for name in ("loss", "accuracy"):
        original = values[f"original_{name}"]
        table[name] = (dims, values[name])
        table[f"original_{name}"] = (("direction", "seed"), original[:, 0])
        worse = values[name] - original if name == "loss" else original - values[name]
        mean, half = _mean_and_half_width(worse)
        table[f"{name}_penalty"] = (dims[:2], mean)
        table[f"{name}_penalty_low"] = (dims[:2], mean - half)
        table[f"{name}_penalty_high"] = (dims[:2], mean + half)
    for name in ("disagreement", "js_distance"):
        table[name] = (dims[:2], values[name].mean(axis=-1))
    table |= {label: (("direction",), numbers) for label, numbers in similarities.items()}
    coords = {"direction": list(DIRECTIONS), "fit": list(FITS), "seed": list(seeds)}
    return xarray.Dataset(table, coords=coords, attrs=attrs)
