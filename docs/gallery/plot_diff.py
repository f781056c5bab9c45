"""
What did quantisation change?
=============================

`isorep.diff` compares a model with a changed copy, layer by layer. Here the weights of a network
are rounded to fewer and fewer bits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import isorep

images, digits = load_digits(return_X_y=True)
images = images / 16
network = MLPClassifier((40, 40, 40), random_state=0, tol=1e-2).fit(images, digits)


def activations(n_bits=None):
    """Return the activations of each hidden layer, with weights rounded to `n_bits`."""
    layers, x = {}, images
    weights = zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True)
    for number, (weight, bias) in enumerate(weights, start=1):
        if n_bits is not None:
            step = 2 * abs(weight).max() / (2**n_bits - 1)
            weight = np.round(weight / step) * step
        x = layers[f"layer {number}"] = np.maximum(x @ weight + bias, 0)
    return layers


bits = [6, 4, 3, 2]
diffs = [isorep.diff(activations(), activations(n), interval=False, progress=False) for n in bits]
print(diffs[1])

# %%
# One line per layer. Follow it to the left, to fewer bits: the layer does not tolerate the first
# point below the threshold. The first layer tolerates more than the others.
fig, ax = plt.subplots(layout="constrained")
for layer in activations():
    ax.plot(bits, [diff[layer].similarity for diff in diffs], "o-", label=layer)
ax.axhline(0.95, color="black", linestyle="--", label="threshold")
ax.set(xlabel="bits", ylabel="PWCCA, corrected", ylim=(0.88, 1.005))
ax.set_xticks(bits)
ax.legend()
