"""
Networks that learn and networks that memorize
==============================================

The main finding of Morcos, Raghu and Bengio (2018) in small: networks that learned a task end up
more alike than networks that memorized random labels.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import isorep

images, digits = load_digits(return_X_y=True)
images, digits = images[:300] / 16, digits[:300]
random_labels = np.random.default_rng(0).permutation(digits)


def activations(labels, seed):
    """Train a network, and return the activations of its layers."""
    network = MLPClassifier((40, 40, 40), random_state=seed, learning_rate_init=5e-3)
    for _epoch in range(150):
        network.partial_fit(images, labels, classes=np.arange(10))
    learned.append(network.score(images, labels))
    layers, x = {}, images
    weights = zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True)
    for number, (weight, bias) in enumerate(weights, start=1):
        x = layers[f"layer {number}"] = np.maximum(x @ weight + bias, 0)
    return layers


networks, group, learned = {}, {}, []
for name, labels in {"learned": digits, "memorized": random_labels}.items():
    for seed in range(4):
        networks[f"{name} {seed}"], group[f"{name} {seed}"] = activations(labels, seed), name
print(f"labels that each network knows: at least {min(learned):.0%}")
table = isorep.pairwise(networks, measures="cka_debiased", progress=False)

# %%
# A line is the mean distance of pairs, a band one standard deviation. Compare the two lines within
# groups at the last layer: low means that all networks of the group found the same representation.
isorep.plot.groups(table, groups=group)

# %%
# `isorep.compare_groups` says whether the difference is more than luck, by an exact permutation
# test of the networks.
tests = isorep.compare_groups(table, group).sel(group="memorized", other_group="learned")
print(tests[["spread_difference", "spread_difference_p_value"]].to_dataframe().round(3))
