"""Stitched pair: the front of one network, an affine layer, and the rest of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from isorep._utils.arrays import to_numpy
from isorep.activations.batch import Batch
from isorep.activations.hooked_runs import hooks_run, in_eval_mode
from isorep.activations.input_names import DECODER_MASK, MASK
from isorep.activations.model_call import call_model, device_of, dtype_of
from isorep.alignment.ridge_maps import ridge_map
from isorep.core.basis import Basis
from isorep.core.moments import CrossMoments, Moments
from isorep.core.overlap import Overlap
from isorep.stitching.layer_tensor import LayerTensor, main_tensor
from isorep.stitching.outputs_compared import (
    Loss,
    accuracy,
    class_logits,
    disagreement,
    jensen_shannon_distance,
)

PENALTY = 1e-3
"""Ridge penalty of the closed form, relative to the mean variance of a direction."""

BYPASSED = 1e-3
"""Relative change of the output, for other inputs behind the same activations, above which the
inputs bypass the layer."""


class Task(NamedTuple):
    """Inputs and targets of a batch."""

    batch: Batch
    targets: Any


class Evaluation(NamedTuple):
    """How a stitched network does beside the whole one; means over samples."""

    loss: float
    original_loss: float
    accuracy: float
    original_accuracy: float
    disagreement: float
    js_distance: float


@dataclass(frozen=True)
class StitchedPair:
    """The front of `source`'s model, and the rest of `target`'s model after its layer."""

    source: LayerTensor
    target: LayerTensor

    @contextmanager
    def in_eval_mode(self, gradients: bool = False) -> Iterator[None]:
        """Run both models in eval mode, with hooks."""
        with ExitStack() as stack:
            for side in (self.source, self.target):
                stack.enter_context(in_eval_mode(side.model))
            stack.enter_context(hooks_run(gradients))
            yield

    def overlap(self, tasks: Iterable[Task]) -> Overlap:
        """Return the overlap of the two layers, with a row for each position, from moments."""
        moments: tuple[Moments, Moments, CrossMoments] | None = None
        with self.in_eval_mode():
            for batch, _ in tasks:
                x, y = self._rows(batch)
                new = (
                    Moments.from_batch(x, name=f"layer {self.source.name!r}"),
                    Moments.from_batch(y, name=f"layer {self.target.name!r}"),
                    CrossMoments.from_batch(x, y),
                )
                if moments is None:
                    moments = new
                else:
                    a, b, cross = moments
                    moments = a.merge(new[0]), b.merge(new[1]), cross.merge(new[2])
        assert moments is not None
        a, b, cross = moments
        return Overlap.from_moments(
            Basis.from_moments(a, name=f"layer {self.source.name!r}"),
            Basis.from_moments(b, name=f"layer {self.target.name!r}"),
            cross,
        )

    def matched(self, overlap: Overlap) -> nn.Linear:
        """Return the affine layer that predicts the target's activations from the source's."""
        matrix = torch.from_numpy(ridge_map(overlap, PENALTY))
        x_mean, y_mean = (torch.from_numpy(to_numpy(side.mean)) for side in (overlap.x, overlap.y))
        p, q = matrix.shape
        layer = nn.Linear(p, q, device=device_of(self.target.model))
        with torch.no_grad():
            layer.weight.copy_(matrix.T)
            layer.bias.copy_(y_mean - x_mean @ matrix)
        return layer

    def trained(
        self,
        layer: nn.Linear,
        tasks: Sequence[Task],
        loss: Loss,
        *,
        epochs: int,
        learning_rate: float,
        seed: int,
    ) -> nn.Linear:
        """Return the affine layer after training on the task, from `layer`; the models stay."""
        optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
        generator = torch.Generator().manual_seed(seed)
        parameters = list(layer.parameters())
        order = [i for _ in range(epochs) for i in torch.randperm(len(tasks), generator=generator)]
        with self.in_eval_mode(gradients=True):
            for i in order:
                batch, targets = tasks[i]
                value = loss(self._output(layer, batch), targets)
                # The gradients of the stitching layer alone, so that the models keep theirs.
                gradients = torch.autograd.grad(value, parameters)
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient
                optimizer.step()
        return layer

    def evaluate(self, layer: nn.Linear, tasks: Iterable[Task], loss: Loss) -> Evaluation:
        """Compare the stitched network with the target's whole network."""
        totals, n = torch.zeros(len(Evaluation._fields), dtype=torch.float64), 0
        with self.in_eval_mode():
            for batch, targets in tasks:
                output = self._output(layer, batch)
                original = main_tensor(
                    call_model(self.target.model, self._batch(self.target, batch))
                )
                pairs = class_logits(output, targets), class_logits(original, targets)
                nan = float("nan")
                values = Evaluation(
                    float(loss(output, targets)),
                    float(loss(original, targets)),
                    accuracy(output, targets),
                    accuracy(original, targets),
                    nan if None in pairs else disagreement(pairs[0][0], pairs[1][0]),  # type: ignore[index]
                    nan if None in pairs else jensen_shannon_distance(pairs[0][0], pairs[1][0]),  # type: ignore[index]
                )
                totals += batch.n * torch.tensor(values, dtype=torch.float64)
                n += batch.n
        return Evaluation(*(totals / n).tolist())

    def bypass(self, layer: nn.Linear, batch: Batch) -> float:
        """Return how much the output changes if other inputs are behind the same activations.

        The largest change relative to the largest output; NaN for a batch that cannot be divided.
        """
        if batch.n < 2 or not batch.divisible:
            return float("nan")
        with self.in_eval_mode():
            rows = self.source.read(self._batch(self.source, batch))
            outputs = [
                self._continued(layer, rows, inputs)
                for inputs in (batch, _with_other_inputs(batch))
            ]
        return float((outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max())

    def _rows(self, batch: Batch) -> tuple[Any, Any]:
        """Return the activations of both layers, (m, p) and (m, q), a row for each position."""
        x = self.source.read(self._batch(self.source, batch))
        y = self.target.read(self._batch(self.target, batch))
        x = resized(x, y, self.source.name, self.target.name)
        return tuple(to_numpy(rows.flatten(0, -2).float()) for rows in (x, y))  # type: ignore[return-value]

    def _output(self, layer: nn.Linear, batch: Batch) -> Tensor:
        with torch.no_grad():
            rows = self.source.read(self._batch(self.source, batch))
        return self._continued(layer, rows, batch)

    def _continued(self, layer: nn.Linear, rows: Tensor, batch: Batch) -> Tensor:
        """Return the output of the target's model with the stitched activations in its layer."""
        rows = rows.to(layer.weight.device, layer.weight.dtype)

        def change(activations: Tensor) -> Tensor:
            return layer(resized(rows, activations, self.source.name, self.target.name))  # type: ignore[no-any-return]

        with self.target.replaced(batch.n, change):
            return main_tensor(call_model(self.target.model, self._batch(self.target, batch)))

    @staticmethod
    def _batch(side: LayerTensor, batch: Batch) -> Batch:
        return batch.copied_to(device_of(side.model), dtype_of(side.model))


def resized(rows: Tensor, like: Tensor, name: str, other_name: str) -> Tensor:
    """Return activations, (n, ..., p), at as many positions as others; maps are interpolated.

    Raises
    ------
    ValueError
        If the positions differ and are not those of two maps.
    """
    positions, others = tuple(rows.shape[1:-1]), tuple(like.shape[1:-1])
    if positions == others:
        return rows
    if len(positions) == len(others) == 2:
        maps = functional.interpolate(
            rows.movedim(-1, 1), size=others, mode="bilinear", align_corners=False
        )
        return maps.movedim(1, -1)
    raise ValueError(
        f"layer {name!r} has positions {positions or 'none'} and layer {other_name!r} has "
        f"{others or 'none'}; stitch layers with equally many positions, or two maps"
    )


def _with_other_inputs(batch: Batch) -> Batch:
    """Return a batch in which each sample has the inputs of the next one, but keeps its mask."""
    turned = batch.take([*range(1, batch.n), 0])
    if not isinstance(turned.inputs, dict):
        return turned
    masks = {k: v for k, v in batch.named_inputs().items() if k in (MASK, DECODER_MASK)}
    return replace(turned, inputs=turned.inputs | masks)
