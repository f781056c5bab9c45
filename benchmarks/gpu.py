"""Time isorep on one GPU, in under ten minutes: ``python benchmarks/gpu.py --out gpu.md``.

Four parts: the tests that need a GPU, a sweep, a grid of wide layers, and two transformers of 10^9
parameters. Each part prints its row of a Markdown table as soon as it is done and adds it to the
file. A part that fails has the reason in its row, and the other parts go on. Rows of the same part,
device and PyTorch that are in the file are skipped, so that an interrupted run goes on.

    python benchmarks/gpu.py --out small.md --device cpu --small    # end to end, on any machine
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import re
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

import isorep
from isorep.comparison.streaming.accumulator import MomentAccumulator

ROOT = Path(__file__).parents[1]
COLUMNS = (
    *("part", "device", "PyTorch", "seconds", "peak GiB on the device", "throughput"),
    "where the time goes",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"
FAILED = "failed"


@dataclass(frozen=True)
class Sizes:
    """How large the work of each part is.

    Attributes
    ----------
    networks, filters, samples : int
        Size of the sweep.
    profiled : int
        Networks of the smaller sweep in which the time of each kind of kernel is measured.
    layers, width : int
        Size of the grid: layers of each of two networks, and features of each layer.
    grid_samples : tuple of int
        Numbers of samples of the grid, descending; see `fits_on`.
    grid_seconds : float
        Time after which no more cells of the grid begin; the first is always computed.
    hidden, blocks, heads, inner, vocabulary : int
        Size of the transformer.
    every : int
        Blocks of the transformer from one that is compared to the next.
    texts, tokens, batch : int
        Number of texts, their length, and texts in a batch.
    forward_every : int
        Batches from one whose forward pass is also timed alone to the next.
    tests : tuple of str
        Arguments of pytest.
    """

    networks: int = 200
    filters: int = 256
    samples: int = 10_000
    profiled: int = 24
    layers: int = 33
    width: int = 4096
    grid_samples: tuple[int, ...] = (16_384, 8192, 6144)
    grid_seconds: float = 120.0
    hidden: int = 2048
    blocks: int = 22
    heads: int = 32
    inner: int = 5632
    vocabulary: int = 32_000
    every: int = 6
    texts: int = 8192
    tokens: int = 128
    batch: int = 64
    forward_every: int = 8
    tests: tuple[str, ...] = ("-m", "gpu", "tests")


SMALL = Sizes(
    networks=6,
    filters=8,
    samples=200,
    profiled=3,
    layers=3,
    width=16,
    grid_samples=(100,),
    hidden=16,
    blocks=2,
    heads=2,
    inner=32,
    vocabulary=50,
    every=1,
    texts=60,
    tokens=5,
    batch=20,
    forward_every=1,
    tests=("-m", "not gpu", "tests/core/test_tensor_bases.py"),
)


@dataclass(frozen=True)
class Measured:
    """What a part measured; see `COLUMNS`."""

    seconds: float
    throughput: str
    where: str


@dataclass(frozen=True)
class Part:
    """A part of the benchmark: what it does, and the function that does it."""

    work: str
    run: Callable[[Sizes, torch.device], Measured]


def parts(sizes: Sizes) -> dict[str, Part]:
    """Return the parts by name."""
    arguments = " ".join(sizes.tests)
    return {
        "tests": Part(f"`pytest {arguments}`", run_tests),
        "sweep": Part(
            f"sweep, {sizes.networks} networks x {sizes.filters} filters, n = {sizes.samples:,}, "
            "PWCCA",
            run_sweep,
        ),
        "grid": Part(
            f"grid, {sizes.layers} x {sizes.layers} layers of {sizes.width:,} features, PWCCA and "
            "CKA",
            run_grid,
        ),
        "model": Part(
            f"two transformers of {sizes.blocks} blocks of {sizes.hidden:,} features, streamed, "
            f"{sizes.texts:,} texts of {sizes.tokens} tokens, PWCCA and CKA",
            run_model,
        ),
    }


def run_tests(sizes: Sizes, device: torch.device) -> Measured:
    """Run the tests that need a device, in a process of their own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sizes.tests]
    start = time.perf_counter()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    seconds = time.perf_counter() - start
    lines = run.stdout.strip().splitlines() or run.stderr.strip().splitlines() or [""]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    passed = re.search(r"(\d+) passed", lines[-1])
    if run.returncode or not passed:
        raise RuntimeError("; ".join([lines[-1], *failed]))
    return Measured(seconds, f"{int(passed[1]) / seconds:.1f} tests/s", lines[-1])


def run_sweep(sizes: Sizes, device: torch.device) -> Measured:
    """Compare each pair of networks, whose layers are on the device."""
    networks = {
        f"network{i}": {"conv": layer(sizes.samples, sizes.filters, i, device)}
        for i in range(sizes.networks)
    }
    few = dict(list(networks.items())[: sizes.profiled])
    compare_all(few)  # loads libraries
    _, seconds = timed(device, lambda: compare_all(networks))
    pairs = sizes.networks * (sizes.networks - 1) // 2
    where = kernels(device, lambda: compare_all(few))
    return Measured(seconds, f"{pairs / seconds:,.0f} pairs/s", where)


def compare_all(networks: dict[str, dict[str, torch.Tensor]]) -> None:
    """Compare by PWCCA in single precision, which long sweeps have by default."""
    isorep.pairwise(networks, measures="pwcca", precision="single", progress=False)


def run_grid(sizes: Sizes, device: torch.device) -> Measured:
    """Compare each layer with each of another network, as many as the time allows."""
    n, held = fits_on(device, sizes)
    isorep.pwcca(layer(500, 4, 0, device), layer(500, 4, 1, device))  # loads libraries
    spent: Counter[str] = Counter()
    calls: Counter[str] = Counter()

    def stage(name: str, function: Callable[[], Any]) -> Any:
        result, seconds = timed(device, function)
        spent[name] += seconds
        calls[name] += 1
        return result

    def prepared(seed: int) -> Any:
        x = layer(n, sizes.width, seed, device)
        return stage(PREPARING, lambda: isorep.Basis.from_array(x, solver="gram"))

    def pairs() -> Iterator[tuple[Any, Any]]:
        """Yield the pairs, for as many columns at a time as the device holds."""
        for first in range(0, sizes.layers, held):
            last = min(first + held, sizes.layers)
            columns = [prepared(sizes.layers + j) for j in range(first, last)]
            for i in range(sizes.layers):
                row = prepared(i)
                for column in columns:
                    yield row, column

    start = time.perf_counter()
    for x, y in pairs():
        overlap = stage("products", lambda x=x, y=y: isorep.overlap(x, y))
        for name in ("pwcca", "cka"):
            stage(name.upper(), lambda o=overlap, m=name: isorep.MEASURES[m](o))
        if time.perf_counter() - start > sizes.grid_seconds:
            break
    total, cells, all_cells = sum(spent.values()), calls["products"], sizes.layers**2
    of_cells = (total - spent[PREPARING]) / cells
    throughput = f"n = {n:,}: {1 / of_cells:,.2f} cells/s"
    if cells < all_cells:
        layers = sizes.layers * (1 + -(-sizes.layers // held))
        whole = layers * spent[PREPARING] / calls[PREPARING] + all_cells * of_cells
        throughput += f"; {cells:,} of {all_cells:,} cells, all would take {whole:,.0f} s"
    return Measured(total, throughput, shares(spent, total))


PREPARING = "preparing layers"


def fits_on(device: torch.device, sizes: Sizes) -> tuple[int, int]:
    """Return the number of samples of the grid, and how many columns of it a device holds.

    The most samples for which it holds all columns, else the fewest.

    Raises
    ------
    MemoryError
        If the device cannot hold one pair.
    """
    if device.type != "cuda":
        return sizes.grid_samples[0], sizes.layers
    free, p = torch.cuda.mem_get_info(device)[0], sizes.width
    for n in sizes.grid_samples:
        of_layer, of_pair = 8 * (n * p + 6 * p * p), 80 * p * p  # about: six and ten matrices
        held = int((0.8 * free - of_pair) // of_layer) - 1  # beside the row
        if held >= sizes.layers:
            return n, sizes.layers
    if held < 1:
        raise MemoryError(
            f"two layers of {p:,} features need {(2 * of_layer + of_pair) / 2**30:.1f} GiB, and "
            f"{0.8 * free / 2**30:.1f} GiB are free for them"
        )
    return n, held


def run_model(sizes: Sizes, device: torch.device) -> Measured:
    """Compare two transformers with random weights on random tokens, in a stream."""
    models = [transformer(sizes, seed, device) for seed in range(2)]
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(
        0, sizes.vocabulary, (sizes.texts, sizes.tokens), generator=generator
    ).split(sizes.batch)
    batches = [{"input_ids": batch} for batch in tokens]
    layers = [f"layers.{i}" for i in range(0, sizes.blocks, sizes.every)]

    def forward(some: list[dict[str, torch.Tensor]]) -> None:
        with torch.no_grad():
            for batch, model in product(some, models):
                model(batch["input_ids"].to(device))

    def compare() -> None:
        measures = ["pwcca", "cka"]
        isorep.compare(*models, data=batches, layers=layers, measures=measures, progress=False)

    forward(batches[:1])  # loads libraries
    some = batches[:: sizes.forward_every]
    _, passes = timed(device, lambda: forward(some))
    with gathering_timed(device) as gathering:
        _, seconds = timed(device, compare)
    passes *= len(batches) / len(some)
    spent = Counter(
        {
            "forward passes": passes,
            "the rest of capture and moments": max(0.0, sum(gathering) - passes),
            "bases and pairs": seconds - sum(gathering),
        }
    )
    millions = sum(x.numel() for x in models[0].parameters()) / 1e6
    speed = 2 * sizes.texts * sizes.tokens / seconds
    throughput = (
        f"{speed:,.0f} tokens/s, {millions:,.3g} million parameters, {len(layers)} x {len(layers)} "
        "layers"
    )
    return Measured(seconds, throughput, shares(spent, sum(spent.values())))


@contextmanager
def gathering_timed(device: torch.device) -> Iterator[list[float]]:
    """Yield a list, to which each pass over data adds the seconds until it has the moments."""
    seconds: list[float] = []
    begin, prepare = MomentAccumulator.__init__, MomentAccumulator.prepare
    start = 0.0

    def begun(self: MomentAccumulator, *arguments: Any) -> None:
        nonlocal start
        start = time.perf_counter()
        begin(self, *arguments)

    def prepared(self: MomentAccumulator) -> Any:
        synchronize(device)
        seconds.append(time.perf_counter() - start)
        return prepare(self)

    with (
        patch.object(MomentAccumulator, "__init__", begun),
        patch.object(MomentAccumulator, "prepare", prepared),
    ):
        yield seconds


class Encoder(nn.Module):
    """A transformer of PyTorch's own blocks, where transformers is not installed."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                sizes.hidden,
                sizes.heads,
                3 * sizes.inner // 2,  # two matrices, where a gated block has three
                dropout=0.0,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(sizes.blocks)
        )

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the output of the last block."""
        x = self.embedding(input_ids)
        for block in self.layers:
            x = block(x)
        return x


def transformer(sizes: Sizes, seed: int, device: torch.device) -> nn.Module:
    """Return a transformer with random weights, in bfloat16, on the device."""
    torch.manual_seed(seed)
    with device:
        try:
            from transformers import LlamaConfig, LlamaModel
        except ImportError:
            model: nn.Module = Encoder(sizes)
        else:
            config = LlamaConfig(
                hidden_size=sizes.hidden,
                intermediate_size=sizes.inner,
                num_hidden_layers=sizes.blocks,
                num_attention_heads=sizes.heads,
                num_key_value_heads=max(1, sizes.heads // 8),
                vocab_size=sizes.vocabulary,
                use_cache=False,
            )
            model = LlamaModel(config)
    return model.to(torch.bfloat16).eval()


def layer(n: int, p: int, seed: int, device: torch.device) -> torch.Tensor:
    """Draw float32 activations that share 32 dimensions with those of other seeds."""
    generator = torch.Generator(device)
    shared = torch.randn(n, 32, generator=generator.manual_seed(99), device=device)
    generator.manual_seed(seed)
    mixing = torch.randn(32, p, generator=generator, device=device) / 6
    return torch.relu(shared @ mixing + torch.randn(n, p, generator=generator, device=device))


def timed(device: torch.device, function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a function, and the seconds until the device has done its work."""
    synchronize(device)
    start = time.perf_counter()
    result = function()
    synchronize(device)
    return result, time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def kernels(device: torch.device, function: Callable[[], Any]) -> str:
    """Return how the time of a function divides into kinds of kernels, by their names.

    Kernels of products inside a decomposition count as products.
    """
    _, seconds = timed(device, function)
    is_gpu = device.type == "cuda"
    activity, of_kernels, duration = (
        (ProfilerActivity.CUDA, DeviceType.CUDA, "self_device_time_total")
        if is_gpu
        else (ProfilerActivity.CPU, DeviceType.CPU, "self_cpu_time_total")
    )
    with profile(activities=[activity]) as profiler:
        function()
        synchronize(device)
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        if event.device_type == of_kernels:
            spent[kind_of(event.key)] += getattr(event, duration) / 1e6
    spent["outside of kernels"] = max(0.0, seconds - sum(spent.values()))
    return shares(spent, sum(spent.values()))


KINDS = {
    "copies": "memcpy|memset|copy",
    "decompositions": (
        "syev|eig|sytrd|syt|stedc|steqr|ormtr|potr|chol|geqr|orgqr|larf|house|svd|jacobi|trs|laed|"
        "rotat"
    ),
    "products": "gemm|gemv|syrk|cutlass|xmma|splitk|dot|::b?mm|matmul",
}
"""Kinds of kernels, and what their names match; the first match counts."""


def kind_of(kernel: str) -> str:
    """Return the kind of work of a kernel."""
    for kind, pattern in KINDS.items():
        if re.search(pattern, kernel, flags=re.IGNORECASE):
            return kind
    return "other kernels"


def shares(spent: Counter[str], total: float) -> str:
    """Return the share of each kind of work, the largest first."""
    return ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.most_common())


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that have no row yet; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="gpu.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="parts to run; all by default")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file of the table")
    parser.add_argument("--device", default="cuda", help="PyTorch's name of the device")
    parser.add_argument("--small", action="store_true", help="small sizes, to try the script")
    parser.add_argument("--again", action="store_true", help="also run parts that have a row")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error(
            f"PyTorch {torch.__version__} finds no CUDA device: install a build with CUDA on a "
            "machine with a GPU, or try the script with --device cpu --small"
        )
    known = parts(SMALL if options.small else Sizes())
    unknown = [name for name in options.parts if name not in known]
    if unknown:
        parser.error(f"unknown parts {', '.join(unknown)}; known: {', '.join(known)}")
    try:
        rows = read_rows(options.out)
    except ValueError as error:
        parser.error(str(error))
    sizes = SMALL if options.small else Sizes()
    failed = False
    print(HEADER, flush=True)
    for name in options.parts or known:
        part = known[name]
        key = (part.work, card(device), torch.__version__)
        if key in rows and rows[key][0] != FAILED and not options.again:
            print(f"{line(key, rows[key])} (in {options.out} already)", flush=True)
            continue
        rows[key] = attempt(part, sizes, device)
        failed |= rows[key][0] == FAILED
        print(line(key, rows[key]), flush=True)
        write_rows(options.out, rows)
    return int(failed)


def attempt(part: Part, sizes: Sizes, device: torch.device) -> list[str]:
    """Run a part and return the measured cells of its row, or those that say why it failed."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        with few_samples_are_fine():
            measured = part.run(sizes, device)
    except Exception as error:
        traceback.print_exc()
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return [FAILED, "", "", text[:300].replace("|", "/")]
    finally:
        peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    memory = f"{peak:.2f}" if peak else ""
    return [f"{measured.seconds:.3g}", memory, measured.throughput, measured.where]


@contextmanager
def few_samples_are_fine() -> Iterator[None]:
    """Switch off the warning that a similarity needs more samples, which no time depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", isorep.FewSamplesWarning)
        yield


def card(device: torch.device) -> str:
    """Return the name of the card, or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


Key = tuple[str, str, str]
"""Part, device and PyTorch of a row."""


def line(key: Key, cells: list[str]) -> str:
    """Return a row of the table."""
    return f"| {' | '.join([*key, *cells])} |"


def read_rows(path: Path) -> dict[Key, list[str]]:
    """Return the rows of a table that this script wrote; none if there is no file.

    Raises
    ------
    ValueError
        If the file has something else.
    """
    if not path.exists() or not (text := path.read_text()).strip():
        return {}
    if not text.startswith(HEADER):
        raise ValueError(f"{path} has no table of this script: name another file")
    rows = [
        [cell.strip() for cell in row.strip()[1:-1].split(" | ")]
        for row in text[len(HEADER) :].strip().splitlines()
    ]
    return {(row[0], row[1], row[2]): row[3:] for row in rows}


def write_rows(path: Path, rows: dict[Key, list[str]]) -> None:
    """Write the table, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text("\n".join([HEADER, *(line(key, cells) for key, cells in rows.items()), ""]))
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
