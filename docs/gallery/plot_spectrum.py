"""
Canonical correlations
======================

A similarity is one number. The canonical correlations behind it show whether all directions of two
layers are fairly alike, or a few are the same and the others unrelated.
"""

import numpy as np

import isorep

rng = np.random.default_rng(0)
x, noise = rng.standard_normal((2, 2000, 30))
shared = np.hstack([x[:, :15], noise[:, 15:]])  # half of the directions are the same
blurred = x + noise  # all directions are half noise
overlaps = {
    "half of the directions shared": isorep.overlap(x, shared),
    "all directions blurred": isorep.overlap(x, blurred),
}
for name, overlap in overlaps.items():
    print(f"{name}: mean CCA {isorep.cca(overlap.x, overlap.y).similarity:.2f}")

# %%
# Read it from left to right: the correlation of the most similar direction, of the second, and so
# on. One spectrum falls from 1 to the level of noise after 15 directions; the other stays near 0.7.
# The noise is not at 0: in 2000 samples, the best of 15 unrelated directions correlate by chance.
isorep.plot.spectrum(overlaps)
