"""Prune a CNN: its layers change before its accuracy does.

The script trains the convolutional network of `isorep demo` on scikit-learn's digits, sets the
smallest 30 to 95 % of its weights to zero, and compares every layer before and after.

What to expect: the layers in the middle change first and most. The first layer, close to the
images, and the output, which separates only ten classes, change last. At 50 % the accuracy has
hardly moved, but a threshold of 0.95 already names the layers that will fail; from 70 to 85 % the
accuracy collapses. Pruning can also remove directions: PWCCA compares the directions that a layer
still has, and isorep prints how many it lost.

Run it with ``python examples/prune_cnn.py`` (half a minute); ``--quick`` only shows that it works.
"""

from __future__ import annotations

import argparse
import copy

import torch
from matplotlib import pyplot
from torch.nn.utils import prune

import isorep
from isorep.paper.data.digits import load
from isorep.paper.training.recipe import ConvNetPlan, Recipe
from isorep.paper.training.train import Task, evaluate, train

THRESHOLD = 0.95


def pruned(network, share):
    """Return a copy without the smallest `share` of the weights of all layers together."""
    network = copy.deepcopy(network)
    weights = [
        (module, "weight")
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
    ]
    prune.global_unstructured(weights, prune.L1Unstructured, amount=share)
    return network


def main(arguments=None):
    """Train, prune, compare and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="use a small untrained network, for a test"
    )
    parser.add_argument("--out", default="prune_cnn.png", help="file to draw into")
    options = parser.parse_args(arguments)

    data = load(seed=0)
    torch.manual_seed(0)
    network = ConvNetPlan((4, 6), (1, 2)) if options.quick else ConvNetPlan()
    network = network.build(channels=1, classes=10)
    recipe = Recipe(max_epochs=1 if options.quick else 30)
    train([Task(network, data.train_labels, seed=0, recipe=recipe)], data.train_images)

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    print(f"accuracy on unseen images: {evaluate(network, images, labels)[1]:.1%}\n")
    _, ax = pyplot.subplots(figsize=(8.4, 4), layout="constrained")
    for share in (0.5, 0.95) if options.quick else (0.3, 0.5, 0.7, 0.85, 0.95):
        changed = pruned(network, share)
        result = isorep.diff(
            network, changed, data.train_images, layers=network.layers, fail_below=THRESHOLD
        )
        accuracy = evaluate(changed, images, labels)[1]
        worst, below = result.layers[0], ", ".join(layer.layer for layer in result.below)
        print(
            f"{share:.0%} pruned: accuracy {accuracy:.1%}; least similar {worst.layer}, "
            f"{worst.similarity:.3f}; layers below {THRESHOLD}: {below or 'none'}"
        )
        if share == 0.85:
            print(f"\n{result}\n")
        table, colour = result.table, pyplot.get_cmap("viridis")(1 - share)
        names, label = table["layer"].to_numpy(), f"{share:.0%} pruned,\naccuracy {accuracy:.0%}"
        ax.plot(names, table["pwcca_corrected"], color=colour, marker="o", label=label)
        ax.fill_between(names, table["pwcca_low"], table["pwcca_high"], color=colour, alpha=0.25)
    ax.axhline(THRESHOLD, color="0.4", linestyle="--", linewidth=1)
    ax.set(ylim=(None, 1.005), ylabel="PWCCA before and after, corrected")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
