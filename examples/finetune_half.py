"""Fine-tune a CNN on half of its classes, and find which changes come from the task.

The script trains the convolutional network of `isorep demo` on scikit-learn's ten digits, then
fine-tunes it on the digits 0 to 4 alone. As a control, it fine-tunes a copy for as many steps on
all ten digits. It compares every layer before and after, on images of both halves.

What to expect: the accuracy on 5 to 9 falls from 99 % to 0, and all layers but the first change
much (similarity 0.7 to 0.9). Much of this is not the task: the layers of the control, which forgot
nothing, changed half to three quarters as much. The change that is specific to the missing digits
is at the end: on their images, the output has similarity 0.63, and 0.99 in the control. Without the
control, one would blame the middle of the network.

The last lines explain the output and the layer before it, on images of all digits. Of both they
name the digits 5 to 9, and no others: in the output, half to nine tenths of their variance is gone,
and a tenth of that of 0 to 4. Of the control's output, they name no digit.

Run it with ``python examples/finetune_half.py`` (a minute); ``--quick`` only shows that it works.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import replace

import torch
from matplotlib import pyplot

import isorep
from isorep.paper.data.digits import load
from isorep.paper.training.recipe import ConvNetPlan, Recipe
from isorep.paper.training.train import Task, evaluate, train


def main(arguments=None):
    """Train, fine-tune, compare and draw; return what each copy changed on all digits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="use a small network and few images")
    parser.add_argument("--out", default="finetune_half.png", help="file to draw into")
    options = parser.parse_args(arguments)

    data = load(seed=0)
    n_images = 600 if options.quick else len(data.train_images)
    images, labels = data.train_images[:n_images], data.train_labels[:n_images]
    kept = labels < 5
    torch.manual_seed(0)
    plan = ConvNetPlan((8, 16, 16), (1, 2, 2)) if options.quick else ConvNetPlan()
    base = plan.build(channels=1, classes=10)
    recipe = Recipe(learning_rate=1e-2 if options.quick else 1e-3, target_loss=0)
    epochs, tuning_epochs = (5, 10) if options.quick else (30, 20)
    recipe_of_base = replace(recipe, max_epochs=epochs, target_loss=0.005)
    train([Task(base, labels, seed=0, recipe=recipe_of_base)], images)

    unseen, unseen_labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    whole = {}
    _, ax = pyplot.subplots(figsize=(8.8, 4), layout="constrained")
    for tuned_on, rows, line in (("0 to 4", kept, "-"), ("all", kept | True, "--")):
        tuned = copy.deepcopy(base)
        tuning = replace(recipe, max_epochs=int(tuning_epochs * kept.sum() // rows.sum()))
        train([Task(tuned, labels[rows], seed=1, recipe=tuning)], images[rows])
        for half, name, colour in ((kept, "0 to 4", "#0072b2"), (~kept, "5 to 9", "#d55e00")):
            rows_of_half = unseen_labels < 5 if name == "0 to 4" else unseen_labels >= 5
            test = unseen[rows_of_half], unseen_labels[rows_of_half]
            accuracy = [evaluate(network, *test)[1] for network in (base, tuned)]
            print(
                f"fine-tuned on {tuned_on}, digits {name}: accuracy on unseen images "
                f"{accuracy[0]:.1%} before, {accuracy[1]:.1%} after"
            )
            result = isorep.diff(base, tuned, images[half], layers=base.layers)
            print(f"{result}\n")
            table, label = result.table, f"fine-tuned on {tuned_on},\nimages of {name}"
            names, similarity = table["layer"].to_numpy(), table["pwcca_corrected"]
            ax.plot(names, similarity, color=colour, linestyle=line, marker="o", label=label)
            ax.fill_between(names, table["pwcca_low"], table["pwcca_high"], color=colour, alpha=0.2)
        whole[tuned_on] = isorep.diff(
            base,
            tuned,
            (torch.from_numpy(images), labels),
            layers=base.layers[-2:],
            explain=2,
            interval=False,
        )
    for tuned_on, result in whole.items():
        print(f"fine-tuned on {tuned_on}, all digits:\n{result}\n")
    ax.set(ylim=(None, 1.005), ylabel="PWCCA before and after, corrected")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")
    return whole


if __name__ == "__main__":
    main()
