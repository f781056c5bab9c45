"""Train a CNN from two seeds, and find the images and digits that the two networks see differently.

The script trains two networks of `isorep demo` on scikit-learn's ten digits, which differ only in
their random seed. It explains the layers in which they differ most, on images that neither has
seen, and counts on how many of these images the networks answer differently.

What to expect: both networks are right on 98 % of the images, and disagree on 21 of 1,197. In the
middle they share only half of the variance, and less on the digits 5 and 8. In the last convolution
they share 97 %, and the images of which they share least are the doubtful ones: the 59
most different images, a twentieth, contain 16 of the 21 on which the networks disagree. So a second
seed finds doubtful images without labels, and before the output.

Run it with ``python examples/two_seeds.py`` (a minute); ``--quick`` runs a small network.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from matplotlib import pyplot

import isorep
from isorep.paper.data.digits import load
from isorep.paper.training.recipe import ConvNetPlan, Recipe
from isorep.paper.training.train import Task, train


def trained(plan, seed, images, labels, recipe):
    """Return a network trained from a seed."""
    torch.manual_seed(seed)
    network = plan.build(channels=1, classes=10)
    train([Task(network, labels, seed=seed, recipe=recipe)], images)
    return network.eval()


def main(arguments=None):
    """Train both networks, explain and draw; return what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="use a small network and few images")
    parser.add_argument("--out", default="two_seeds.png", help="file to draw into")
    options = parser.parse_args(arguments)

    data = load(seed=0, n_train=1200 if options.quick else 600)
    plan = ConvNetPlan((8, 16, 16), (1, 2, 2)) if options.quick else ConvNetPlan()
    recipe = Recipe(learning_rate=3e-3, max_epochs=6) if options.quick else Recipe(max_epochs=30)
    networks = [
        trained(plan, seed, data.train_images, data.train_labels, recipe) for seed in (0, 1)
    ]
    images, labels = torch.from_numpy(data.test_images), data.test_labels
    with torch.no_grad():
        first, second = (network(images).argmax(1).numpy() for network in networks)
    accuracies = [np.mean(answers == labels) for answers in (first, second)]
    differ = first != second
    print(
        f"{len(labels)} unseen images: accuracy {accuracies[0]:.1%} and {accuracies[1]:.1%}, "
        f"different answers to {differ.sum()}\n"
    )
    layers = networks[0].layers
    result = isorep.diff(*networks, (images, labels), layers=layers, explain=2, interval=False)
    print(f"{result}\n")

    sides = [isorep.capture(network, images, layers=layers[-2:-1]) for network in networks]
    explanation = isorep.explain(*sides, "pwcca", labels=labels, n_permutations=39)
    changes = explanation.samples["change"].to_numpy()
    most = np.argsort(-changes)[: len(labels) // 20]
    print(
        f"{layers[-2]}: {100 * changes.mean():.0f} % of the variance is not predicted from the "
        f"other seed. The {len(most)} images that differ most contain {differ[most].sum()} of the "
        f"{differ.sum()} images with different answers"
    )

    _, axes = pyplot.subplots(2, 8, figsize=(8.8, 2.9), layout="constrained")
    for ax, row in zip(axes.flat, most, strict=False):
        ax.imshow(data.test_images[row, 0], cmap="gray_r")
        colour = "#d55e00" if differ[row] else "black"
        ax.set_title(f"{labels[row]}: {first[row]}, {second[row]}", color=colour, fontsize=9)
        ax.set_axis_off()
    axes[0, 0].figure.suptitle("images that two seeds see most differently; digit: answers")
    axes[0, 0].figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")
    return {"differ": differ, "most": most, "diff": result}


if __name__ == "__main__":
    main()
