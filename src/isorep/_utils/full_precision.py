"""Full precision: float32 products with all of their digits, whatever training has set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep PyTorch from multiplying float32 in fewer bits while the block lasts.

    ``torch.set_float32_matmul_precision("high")``, usual where one trains, has GPUs multiply in
    TensorFloat-32, whose 10 bits would move a correlation by 1e-3 or so rather than 1e-7. The
    setting is the process's.
    """
    torch = sys.modules.get("torch")  # otherwise there is no tensor either
    if torch is None:
        yield
        return
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # it was set by backend alone, below, as PyTorch has it from 2.9 on
        before = "highest"
    matmuls = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    by_backend = [(x, x.fp32_precision) for x in matmuls if hasattr(x, "fp32_precision")]
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        for matmul, precision in by_backend:
            matmul.fp32_precision = precision
