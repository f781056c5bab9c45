"""
Where two layers differ
=======================

`isorep.explain` takes a similarity apart: into directions, samples and neurons. Here, one of two
layers sees the fours upside down.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import isorep

images, digits = load_digits(return_X_y=True)
images, digits = images[:600] / 16, digits[:600]
turned = np.where((digits == 4)[:, None], images[:, ::-1], images)

rng = np.random.default_rng(0)
weights = rng.standard_normal((64, 30)) / 4
x, y = (np.tanh(z @ weights) + 0.05 * rng.standard_normal((600, 30)) for z in (images, turned))
with isorep.silence("few-neurons"):  # the 30 neurons are the whole layer, not a sample
    explanation = isorep.explain(x, y, "cka", labels=digits, n_permutations=39)
print(f"CKA {explanation.score.similarity:.2f}")

# %%
# The left picture shows pairs of directions, from shared to unshared. A filled bar is above noise:
# no direction is lost, but all are disturbed. The right picture says by what: how much worse the
# two sides of a sample fit each other than on average, in standard deviations. One digit stands
# out, the four.
directions, classes = explanation.directions, explanation.classes
shared = directions["shared"].to_numpy()
fig, (left, right) = plt.subplots(ncols=2, figsize=(8, 3.5), layout="constrained")
left.bar(
    np.arange(len(shared)) + 1,
    directions["held_out_correlation"],
    color=np.where(shared, "C0", "white"),
    edgecolor="C0",
)
left.set(xlabel="pair of directions", ylabel="correlation, held out")
right.bar(
    [str(label) for label in classes["class"].values],
    classes["misfit"],
    color=np.where(classes["stands_out"], "C1", "C7"),
)
right.set(xlabel="digit", ylabel="misfit")

# %%
# The samples that stand out are fours too.
top = explanation.top(6).index.to_numpy()
fig, axes = plt.subplots(ncols=6, figsize=(8, 1.6), layout="constrained")
for ax, sample in zip(axes, top, strict=True):
    ax.imshow(images[sample].reshape(8, 8), cmap="gray_r")
    ax.set(title=f"sample {sample}", xticks=[], yticks=[])
