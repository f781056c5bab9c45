"""Compare a recording with a CNN, and find the images and directions that the CNN lacks.

The recording is made, so that the answer is known: 300 noisy neurons respond to 300 images of
digits, five times each. They are driven by a layer of a trained CNN; by three properties of the
images that the CNN does not have; and 15 images are familiar, so that the neurons respond to them
in another way. The script recovers these three parts from the trials and the CNN alone.

What to expect: debiased CKA is 0.62, and the noise ceiling 0.96, so noise is not all that is
missing. Of the directions of the recording that repeat from trial to trial, the CNN lacks three.
They are those that were put in: without repeated trials, one could not tell them from noise. And
the images that stand out are the familiar ones.

Run it with ``python examples/recording_and_cnn.py`` (a minute); ``--quick`` makes a smaller
recording.
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

N_HIDDEN = 3
"""Properties of the images that drive the neurons and that the CNN does not have."""

N_FAMILIAR = 15
"""Images to which the neurons respond in another way."""


def recording(features, n_neurons, n_trials, noise, rng):
    """Return trials (image * trial, neuron), what the CNN lacks (image, 3), and familiar images."""
    n_images = len(features)
    scores = features - features.mean(axis=0)
    u, s, _ = np.linalg.svd(scores, full_matrices=False)
    seen = u[:, :10] * s[:10] / s[0] * np.sqrt(n_images)
    familiar = np.sort(rng.choice(n_images, N_FAMILIAR, replace=False))
    driven = seen.copy()
    driven[familiar] *= -1
    hidden = rng.standard_normal((n_images, N_HIDDEN))
    rates = driven @ rng.standard_normal((10, n_neurons)) / 2
    rates += 0.5 * hidden @ rng.standard_normal((N_HIDDEN, n_neurons))
    trials = np.repeat(rates, n_trials, axis=0)
    return trials + noise * rng.standard_normal(trials.shape), hidden, familiar


def main(arguments=None):
    """Make the recording, compare, explain and draw; return what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="use a small network and recording")
    parser.add_argument("--neurons", type=int, default=300)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--noise", type=float, default=3.0, help="standard deviation of a trial")
    parser.add_argument("--out", default="recording_and_cnn.png", help="file to draw into")
    options = parser.parse_args(arguments)
    if options.quick:
        options.neurons, options.images, options.noise = 40, 200, 1.5

    data = load(seed=0, n_train=600 if options.quick else 1400)
    plan = ConvNetPlan((8, 16, 16), (1, 2, 2)) if options.quick else ConvNetPlan()
    torch.manual_seed(0)
    network = plan.build(channels=1, classes=10)
    recipe = Recipe(learning_rate=3e-3, max_epochs=4 if options.quick else 30)
    train([Task(network, data.train_labels, seed=0, recipe=recipe)], data.train_images)
    n_images, n_trials = options.images, options.trials
    names = [f"im{i}" for i in range(n_images)]
    images = torch.from_numpy(data.test_images[:n_images])
    captured = isorep.capture(network.eval(), images, layers=network.layers)
    model = isorep.Representations(captured, sample_ids=names)
    layer = network.layers[-2]
    trials, hidden, familiar = recording(
        model[layer], options.neurons, n_trials, options.noise, np.random.default_rng(0)
    )

    # How far is the CNN from the ceiling?
    recorded = isorep.Representations({"area": trials}, sample_ids=np.repeat(names, n_trials))
    averages = recorded.average_repeats().align(model)
    table = isorep.compare(model, averages, measures="cka_debiased", progress=False)
    table = isorep.inference.with_ceilings(table, recorded)
    best = table.sel(x_layer=layer, y_layer="area")
    print(
        f"CKA of {layer} and the recording: {float(best['cka_debiased']):.2f}, of a ceiling of "
        f"{float(best['cka_debiased_ceiling']):.2f}. So noise is not all that is missing."
    )

    # Which images does the CNN lack?
    explanation = isorep.explain(
        model, averages, "cka", x_layer=layer, y_layer="area", n_permutations=39
    )
    outlying = np.flatnonzero(explanation.samples["stands_out"])
    print(f"\nexplanation, x is {layer} and y the recording:\n{explanation}")
    print(
        f"\n{len(outlying)} images stand out; {len(np.intersect1d(outlying, familiar))} of the "
        f"{N_FAMILIAR} familiar images are among them."
    )

    # Which directions does it lack? What it does not predict, and two halves of the trials share.
    others = np.setdiff1d(np.arange(n_images), outlying)
    responses = trials.reshape(n_images, n_trials, -1)[others]
    halves = [responses[:, start::2].mean(axis=1) for start in (0, 1)]
    # Residuals of a regression would depend on each other, in the same way in both halves. In an
    # orthonormal basis of all that is orthogonal to the features, they do not.
    features = np.column_stack([np.ones(len(others)), model[layer][others]])
    complement = np.linalg.qr(features, mode="complete")[0][:, features.shape[1] :]
    residuals = [complement.T @ half for half in halves]
    lacking = isorep.explain(*residuals, "cka_debiased", n_permutations=39).directions
    shared = lacking["shared"].to_numpy()
    directions = (residuals[0] + residuals[1]) / 2 @ lacking["x_direction"].to_numpy()[:, shared]
    truth = isorep.cca(directions, complement.T @ hidden[others])
    print(
        f"The recording has {shared.sum()} directions that repeat from trial to trial and that "
        f"{layer} does not predict. Held-out correlations of the two halves of the trials: "
        f"{', '.join(f'{r:.2f}' for r in lacking['held_out_correlation'].to_numpy()[shared])}; "
        f"up to {lacking.attrs['noise_edge']:.2f} is noise. Their mean canonical correlation with "
        f"the {N_HIDDEN} properties that were put in is {truth.similarity:.2f}."
    )

    _, (left, right) = pyplot.subplots(1, 2, figsize=(8.8, 3.4), layout="constrained")
    isorep.plot.profile(table, ax=left)
    correlations = lacking["held_out_correlation"].to_numpy()[:12]
    right.bar(np.arange(1, len(correlations) + 1), correlations, color="#0072b2")
    right.axhline(lacking.attrs["noise_edge"], color="0.4", linestyle="--", linewidth=1)
    right.set(
        xlabel="direction of what the CNN does not predict",
        ylabel="correlation of two halves\nof the trials, held out",
    )
    left.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")
    return {"outlying": outlying, "familiar": familiar, "shared": shared, "truth": truth}


if __name__ == "__main__":
    main()
