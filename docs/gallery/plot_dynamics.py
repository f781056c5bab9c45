"""
How layers settle during training
=================================

`isorep.trajectory` compares each state of a network with its last one.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import isorep

images, digits = load_digits(return_X_y=True)
images = images / 16
network = MLPClassifier((50, 50, 50), random_state=0, learning_rate_init=3e-3)


def activations(x):
    """Return the activations of each hidden layer."""
    layers = {}
    weights = zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True)
    for number, (weight, bias) in enumerate(weights, start=1):
        x = layers[f"layer {number}"] = np.maximum(x @ weight + bias, 0)
    return layers


states = {}
for epoch in range(25):
    network.partial_fit(images, digits, classes=np.arange(10))
    states[epoch] = activations(images)
table = isorep.trajectory(states, measures="pwcca", progress=False)

# %%
# One line per layer, dark for the first. A layer has settled when its line reaches 0. Read from the
# right: the line that leaves 0 first, here the last layer, is the one that settles last.
isorep.plot.dynamics(table)
