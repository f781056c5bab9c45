"""
Two networks, layer by layer
============================

A heatmap shows the similarity of every layer of one network with every layer of another.
"""

import numpy as np

import isorep

rng = np.random.default_rng(0)
x = rng.standard_normal((500, 20))
a = {"conv1": x, "conv2": np.tanh(x @ rng.standard_normal((20, 30)))}
b = {layer: values @ rng.standard_normal((len(values.T), 25)) for layer, values in a.items()}
table = isorep.compare(a, b, measures="cka_debiased", progress=False)

# %%
# Read it row by row: the brightest cell is the layer of the other network that is most alike.
isorep.plot.heatmap(table)
