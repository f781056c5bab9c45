"""Fine-tune a CNN on half of its classes: what of the change is the task.

Trains the convolutional network of `isorep demo` on scikit-learn's ten digits, and trains it on on
the digits 0 to 4 alone. As a control, a copy is trained on for as many steps on all ten. Every
layer is compared with itself before, on images of both halves.

What to expect: the accuracy on 5 to 9 falls from 99 % to nothing, and all layers but the first are
far from what they were (0.7 to 0.9). That is less than it seems: the layers of the control, which
forgot nothing, went half to three quarters of that way too, as any training on does. What is
special to the missing digits shows at the end: on their images, the output is at 0.63 where the
control is at 0.99. Without the control, one would have blamed the middle of the network.

Run it: ``python examples/finetune_half.py`` (a minute), or with ``--quick`` to see that it works.
"""

from __future__ import annotations

import argparse
import copy

import torch
from matplotlib import pyplot

import isorep
from isorep.paper.data.digits import load
from isorep.paper.training.recipe import ConvNetPlan, Recipe
from isorep.paper.training.train import Task, evaluate, train


def main(arguments=None):
    """Train, train on, compare and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and untrained, for a test")
    parser.add_argument("--out", default="finetune_half.png", help="where to draw")
    options = parser.parse_args(arguments)

    data = load(seed=0)
    images, labels = data.train_images, data.train_labels
    kept = labels < 5
    torch.manual_seed(0)
    base = ConvNetPlan((4, 6), (1, 2)) if options.quick else ConvNetPlan()
    base = base.build(channels=1, classes=10)
    recipe = Recipe(max_epochs=1 if options.quick else 30)
    train([Task(base, labels, seed=0, recipe=recipe)], images)

    unseen, its_labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    _, ax = pyplot.subplots(figsize=(8.8, 4), layout="constrained")
    for tuned_on, rows, line in (("0 to 4", kept, "-"), ("all", kept | True, "--")):
        tuned = copy.deepcopy(base)
        steps = 1 if options.quick else 20 * kept.sum() // rows.sum()
        recipe = Recipe(max_epochs=int(steps), target_loss=0)
        train([Task(tuned, labels[rows], seed=1, recipe=recipe)], images[rows])
        for half, name, colour in ((kept, "0 to 4", "#0072b2"), (~kept, "5 to 9", "#d55e00")):
            own = its_labels < 5 if name == "0 to 4" else its_labels >= 5
            accuracy = [evaluate(net, unseen[own], its_labels[own])[1] for net in (base, tuned)]
            print(
                f"trained on with {tuned_on}, digits {name}: accuracy on unseen images "
                f"{accuracy[0]:.1%} before, {accuracy[1]:.1%} after"
            )
            found = isorep.diff(base, tuned, images[half], layers=base.layers)
            print(f"{found}\n")
            table, label = found.table, f"trained on with {tuned_on},\nimages of {name}"
            names, similarity = table["layer"].to_numpy(), table["pwcca_corrected"]
            ax.plot(names, similarity, color=colour, linestyle=line, marker="o", label=label)
            ax.fill_between(names, table["pwcca_low"], table["pwcca_high"], color=colour, alpha=0.2)
    ax.set(ylim=(None, 1.005), ylabel="PWCCA to itself before, corrected")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
