"""Quantise a transformer: int8 changes nothing that matters, and fewer bits do.

The script trains a small character-level language model on the help texts of Python's standard
library, then quantises its linear layers: to 8 bits by PyTorch's dynamic quantisation, which is
fast, and to 4, 3 and 2 bits by rounding the weights. It compares every block, and the outputs of
its attention and its perceptron, before and after, at the last character of held-out texts.

What to expect: with 8 bits no layer falls below 0.99, and the loss hardly moves (1.417 to 1.421).
With 4 bits the last layers are at 0.97, with 3 bits at 0.87 with a loss of 1.64, and with 2 bits
the model is broken. A threshold of 0.95 separates 4 bits from 3. The errors add up from block to
block. The modules that PyTorch inserts have other classes but the same names, so they are compared
like any others.

Run it with ``python examples/quantise_transformer.py`` (some minutes); ``--quick`` only shows that
it works.
"""

from __future__ import annotations

import argparse
import copy
import pydoc_data.topics
import warnings

import torch
from matplotlib import pyplot
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

import isorep

HEADS, LENGTH = 4, 48
THRESHOLD = 0.95


class Attention(nn.Module):
    """Causal self-attention; its linear layers are modules, so that they are quantised."""

    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        """Return the output at each position, (n, length, width)."""
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1)
        )
        attended = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(attended.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and perceptron, each after a norm and added to the residual stream."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        """Return the residual stream after the block."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class LanguageModel(nn.Module):
    """Predicts the next character from characters, (n, length) integers."""

    def __init__(self, n_characters, n_blocks, width):
        super().__init__()
        self.embedding = nn.Embedding(n_characters, width)
        self.position = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(n_blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, n_characters)

    def forward(self, x):
        """Return logits, (n, length, characters)."""
        return self.head(self.norm(self.blocks(self.embedding(x) + self.position[: x.shape[1]])))


def corpus():
    """Return the text as numbers, and the number of distinct characters."""
    text = "\n".join(pydoc_data.topics.topics.values())
    characters = sorted(set(text))
    number = {character: i for i, character in enumerate(characters)}
    return torch.tensor([number[character] for character in text]), len(characters)


def pieces(text, n, generator):
    """Return n pieces of the text from random places."""
    starts = torch.randint(len(text) - LENGTH, (n,), generator=generator)
    return torch.stack([text[start : start + LENGTH] for start in starts.tolist()])


def loss_of(model, batch):
    """Return the mean cross-entropy of the next character."""
    return cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())


def trained(text, n_characters, steps, n_blocks, width):
    """Return a model trained on the text."""
    torch.manual_seed(0)
    model = LanguageModel(n_characters, n_blocks, width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(steps, 2))
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, pieces(text, 32, generator)).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def to_int8(model):
    """Return a copy whose linear layers store and multiply integers."""
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces that this moves to torchao
        return quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def rounded(model, bits):
    """Return a copy whose weights of each output neuron are rounded to 2^bits - 1 values."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            weight = module.weight.data
            step = weight.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
            module.weight.data = (weight / step).round() * step
    return model


def main(arguments=None):
    """Train, quantise, compare and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="use a small untrained network, for a test"
    )
    parser.add_argument("--out", default="quantise_transformer.png", help="file to draw into")
    options = parser.parse_args(arguments)

    text, n_characters = corpus()
    cut = int(0.9 * len(text))
    model = trained(
        text[:cut],
        n_characters,
        steps=1 if options.quick else 1500,
        n_blocks=1 if options.quick else 4,
        width=8 if options.quick else 64,
    )
    samples = pieces(text[cut:], 300 if options.quick else 2000, torch.Generator().manual_seed(1))
    samples = samples.unique(dim=0)  # a piece that occurs twice is one sample
    layers = ["blocks.?", "*.attention", "*.mlp"]

    _, ax = pyplot.subplots(figsize=(8.4, 4.8), layout="constrained")
    with torch.no_grad():
        print(f"loss on held-out text: {loss_of(model, samples):.3f}\n")
    variants = {"int8": to_int8(model)} | {f"{b} bits": rounded(model, b) for b in (4, 3, 2)}
    for i, (name, changed) in enumerate(variants.items()):
        result = isorep.diff(
            model, changed, samples, layers=layers, reduce="last", fail_below=THRESHOLD
        )
        with torch.no_grad():
            loss = loss_of(changed, samples)
        n_layers = len(result.layers)
        print(
            f"{name}: loss {loss:.3f}, {len(result.below)} of {n_layers} layers below {THRESHOLD}"
        )
        print(f"{result}\n")
        table, colour = result.table, pyplot.get_cmap("viridis")(0.9 - 0.28 * i)
        names, label = table["layer"].to_numpy(), f"{name},\nloss {loss:.2f}"
        ax.plot(names, table["pwcca_corrected"], color=colour, marker="o", label=label)
        ax.fill_between(names, table["pwcca_low"], table["pwcca_high"], color=colour, alpha=0.2)
    ax.axhline(THRESHOLD, color="0.4", linestyle="--", linewidth=1)
    pyplot.setp(ax.get_xticklabels(), rotation=45, ha="right")
    ax.set(ylim=(None, 1.005), ylabel="PWCCA before and after, corrected")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
