"""Open pairs: whether two networks are compared in memory or streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, get_args

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import patterns_of_each
from isorep._utils.memory import memory_budget, readable
from isorep._utils.validation import check_name
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.pairs import LayerPairs
from isorep.comparison.prepared_pairs import PreparedPairs
from isorep.comparison.sides import (
    activations,
    as_layers,
    is_model,
    is_same_path,
    select_layers,
    with_structure,
)
from isorep.comparison.streaming.plan import Plan
from isorep.comparison.streaming.sources import (
    ModelRows,
    RowSource,
    StoredRows,
)
from isorep.comparison.streaming.streamed_pairs import StreamedPairs
from isorep.core.basis import Solver
from isorep.core.single_basis import Precision
from isorep.inference.jackknife import BLOCKS
from isorep.measures.base import Measure, check_precision
from isorep.representations.label_agreement import check_same_labels
from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Layers

if TYPE_CHECKING:
    from isorep.activations.options import ModelOptions

SMALL = 256 * 10**6
"""Bytes up to which stores are read into memory where second moments would do."""


@contextmanager
def open_pairs(
    a: Any,
    b: Any,
    *,
    data: Any,
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]],
    model_options: ModelOptions,
    measures: Sequence[Measure],
    inference: InferenceOptions,
    groups: ArrayLike | None,
    order: ArrayLike | None,
    solver: Solver,
    precision: Precision,
    memory: str | float | None,
    progress: bool,
) -> Iterator[LayerPairs]:
    """Open the two sides of `isorep.compare`: in memory if they fit, else streamed.

    Raises
    ------
    TypeError, ValueError
        When a side cannot be compared, the samples differ, or the samples themselves are needed
        and do not fit into memory.
    """
    budget = memory_budget(memory)
    check_name("solver", solver, get_args(Solver))
    check_precision(precision, measures, inferred=bool(inference.names))
    # A reason why second moments do not suffice, if there is one.
    sample_readers = [f"{row.label} reads" for row in measures if not row.from_moments({})]
    sample_readers += ["solver='svd' decomposes"] if solver == "svd" else []
    source: RowSource
    of_a, of_b = patterns_of_each(layers, 2)
    models = [name for name, side in (("a", a), ("b", b)) if is_model(side)]
    if models and data is None:
        raise ValueError(f"{models[0]} is a model: pass data=, the batches to run it on")
    if not models and data is not None:
        raise ValueError("data= is for models, and neither side is a model: leave it out")
    if len(models) == 2:
        if groups is not None or order is not None:
            raise ValueError(
                "groups= and order= are for activations: capture both models with isorep.capture "
                "and compare the captures"
            )
        if sample_readers:
            raise ValueError(
                f"{sample_readers[0]} the samples themselves, and comparing models keeps only "
                "second moments: capture both with isorep.capture and compare the captures"
            )
        same = b is a and of_a == of_b
        sides = {"a": a} if same else {"a": a, "b": b}
        source = ModelRows(sides, data, of_a if same else (of_a, of_b), model_options, progress)
    else:

        def layers_of(side: Any, name: str, patterns: list[str]) -> Layers[Any]:
            if not is_model(side):
                return select_layers(as_layers(side), patterns, name)
            return activations(
                side, name, data, layers=patterns, progress=progress, **model_options
            )

        x = layers_of(a, "a", of_a)
        same = (b is a or is_same_path(a, b)) and of_a == of_b
        y = x if same else layers_of(b, "b", of_b)
        x.check_same_samples(y)
        if groups is not None or order is not None:
            x = with_structure(x, groups, order)
            y = x if same else with_structure(y, groups, order)
        check_same_labels({"a": x, "b": y})
        needed = _bytes_in_memory(x, y)
        allowed = budget if sample_readers or inference.chance else min(budget, SMALL)
        stored = isinstance(x, LazyRepresentations) or isinstance(y, LazyRepresentations)
        if memory is not None and needed > budget and not stored:
            raise ValueError(
                f"the layers take {readable(needed)} in memory and memory= allows "
                f"{readable(budget)}: save them as .zarr, which is read in parts, or allow more"
            )
        structured = any(side.structure(layer) is not None for side in (x, y) for layer in side)
        of_norms = not inference.names and all(
            row.takes_single(structured=structured) for row in measures
        )
        if needed <= allowed or not stored:
            yield PreparedPairs(
                x,
                y,
                plan=Plan(budget, needed),
                solver=solver,
                principal=bool(inference.names) or not all(row.any_axes for row in measures),
                precision=precision if of_norms else "double",
                whitened=bool(inference.names) or not all(row.of_products for row in measures),
                # A measure that reads samples may hold an n x n matrix for each pair.
                at_once=None if all(row.requires == "moments" for row in measures) else 1,
                progress=progress,
            )
            return
        if sample_readers:
            raise ValueError(
                f"{sample_readers[0]} the samples themselves, which take {readable(needed)} in "
                f"memory, and memory= allows {readable(budget)}: allow more memory, or take fewer "
                "samples"
            )
        stores = {"a": x} if same else {"a": x, "b": y}
        source = StoredRows(
            {name: LazyRepresentations.from_layers(side) for name, side in stores.items()}, progress
        )
    with closing(source):
        yield StreamedPairs(
            source,
            same=same,
            blocks=BLOCKS if inference.interval else 1,
            seed=inference.seed,
            inferred=bool(inference.names),
            memory=budget,
            progress=progress,
        )


def _bytes_in_memory(x: Layers[Any], y: Layers[Any]) -> int:
    """Return about how much memory a comparison in memory takes.

    It counts each layer as read and as kept in float64, and the largest layer while it is centred.
    """
    sides = (x,) if y is x else (x, y)
    layers = [array for side in sides for array in side.values()]
    sizes = [array.shape[0] * array.shape[1] for array in layers]
    held = sum(size * (array.dtype.itemsize + 8) for size, array in zip(sizes, layers, strict=True))
    return int(held + 16 * max(sizes))
