"""
How similar could a model be to this recording?
===============================================

A recording has noise, so even a perfect model would not reach a similarity of 1. Repeated trials
show how far it could get: the noise ceiling.
"""

import numpy as np

import isorep

rng = np.random.default_rng(0)
images = rng.standard_normal((100, 12))
shown = np.repeat(np.arange(100), 4)  # each image four times
responses = {"V1": images @ rng.standard_normal((12, 40)), "IT": images @ np.eye(12, 40)}
noise = {"V1": 3, "IT": 2}
trials = isorep.Representations(
    {
        area: response[shown] + noise[area] * rng.standard_normal((400, 40))
        for area, response in responses.items()
    },
    sample_ids=shown,
)
layers = {f"layer {k}": images @ rng.standard_normal((12, k)) for k in (2, 6, 12, 24)}
model = isorep.Representations(layers, sample_ids=np.arange(100))
table = isorep.compare(model, trials.average_repeats(), measures="cka_debiased", progress=False)
table = isorep.inference.with_ceilings(table, trials)

# %%
# Compare a line with the dashed line of its colour, and not with 1: the noise in the recording of
# IT lets no model come higher. The band is the interval of the ceiling.
isorep.plot.profile(table)

# %%
# As a share of the ceiling, both areas are on one scale. A share above 1 is possible, since both
# numbers are estimates.
isorep.plot.profile(table, quantity="of_ceiling")
