"""
Two networks, layer by layer
============================

Two networks learn digits from different random starts. Which layer of one is like which layer of
the other? `isorep.compare` computes the similarity of every pair of layers.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import isorep

images, digits = load_digits(return_X_y=True)


def activations(network, x):
    """Return the inputs, and the activations of each hidden layer."""
    layers = {"pixels": x}
    weights = zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True)
    for number, (weight, bias) in enumerate(weights, start=1):
        x = layers[f"layer {number}"] = np.maximum(x @ weight + bias, 0)
    return layers


networks = []
for seed in (0, 1):
    network = MLPClassifier((40, 40, 40), random_state=seed, tol=1e-2)
    networks.append(activations(network.fit(images / 16, digits), images / 16))

table = isorep.compare(*networks, measures="procrustes", progress=False)

# %%
# Read a row: the brightest cells are near the diagonal, and the similarity falls with the distance
# in depth. So the two networks do similar things in the same order. The colours span the whole
# range of the measure; therefore, two pictures of one measure are comparable.
isorep.plot.heatmap(table)
