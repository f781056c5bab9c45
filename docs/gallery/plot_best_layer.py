"""
Which layer is most like a recording?
=====================================

The similarity of each layer of a model to a brain area, with intervals. `isorep.best` says whether
the best layer is above chance, after a look at all of them.
"""

import numpy as np

import isorep

rng = np.random.default_rng(0)
area = rng.standard_normal((300, 8))
shares = {"conv1": 0.2, "conv2": 0.5, "conv3": 0.85, "conv4": 0.84, "fc": 0.4}
model = {
    layer: np.sqrt(share) * area + np.sqrt(1 - share) * rng.standard_normal((300, 8))
    for layer, share in shares.items()
}
table = isorep.compare(
    model, {"V4": area}, measures="cka_debiased", interval=True, chance=True, progress=False
)
best = isorep.best(table).sel(y_layer="V4")
print(best["x_layer"].item(), "p =", best["cka_debiased_p_max"].item())

# %%
# The line is the similarity of each layer, a bar its 95 % interval. The intervals of *conv3* and
# *conv4* overlap: the picture alone does not say which of the two is the best. `isorep.contrasts`
# tests the difference on the same samples.
isorep.plot.profile(table)

# %%
contrasts = isorep.contrasts(model, {"V4": area}, measures="cka_debiased", progress=False)
may = isorep.best(table, contrasts)["may_be_best"].sel(y_layer="V4")
print("may be the best:", ", ".join(may["candidate"].values[may.values]))
