"""
Do I have enough samples?
=========================

`isorep.sample_size_curve` computes a similarity from parts of your samples.
"""

import numpy as np

import isorep

rng = np.random.default_rng(0)
shared = rng.standard_normal((1000, 5))
x, y = (np.hstack([shared, rng.standard_normal((1000, 25))]) for _ in range(2))
curve = isorep.sample_size_curve(x, y, "cca", sizes=[125, 250, 500, 1000], repeats=3)

# %%
# The raw similarity still falls at the right end: more samples would lower it further. The
# corrected line is flat from 250 samples on, so report that. Where even the corrected line moves,
# samples are too few.
isorep.plot.sample_size(curve)
