"""
What measures ignore
====================

A measure is chosen by what it should ignore. Here one representation is changed in six ways.
"""

import matplotlib.pyplot as plt
import numpy as np

import isorep

rng = np.random.default_rng(0)
x = rng.standard_normal((1000, 10)) * np.linspace(2, 0.5, 10)
changes = {
    "order of neurons": x[:, rng.permutation(10)],
    "scale of each neuron": x * rng.uniform(0.2, 5, 10),
    "rotation": x @ np.linalg.qr(rng.standard_normal((10, 10)))[0],
    "invertible map": x @ rng.standard_normal((10, 10)),
    "noise": x + rng.standard_normal((1000, 10)),
    "half of the neurons": x[:, 5:],
}
measures = ["cca", "pwcca", "cka", "procrustes", "soft_matching", "hard_correlation", "mutual_knn"]
similarities = np.array(
    [
        [isorep.similarity(x, y, measure).similarity for measure in measures]
        for y in changes.values()
    ]
)

# %%
# A cell with 1.00 is a change that the measure ignores. Read a column to see what a measure is
# blind to: CCA ignores invertible maps, CKA rotations, and the matchings of neurons their order and
# scales. In the last row, CCA compares only the directions that the smaller side has.
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.imshow(similarities, vmin=0, vmax=1, cmap="viridis", aspect="auto")
ax.set_xticks(range(len(measures)), measures, rotation=30, ha="right")
ax.set_yticks(range(len(changes)), changes)
for (row, column), value in np.ndenumerate(similarities):
    color = "black" if value > 0.6 else "white"
    ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)
