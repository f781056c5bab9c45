"""
Interval and chance level
=========================

With few samples, unrelated layers look similar. `isorep.infer` gives a confidence interval of the
population value, and the level that unrelated data would reach.
"""

import matplotlib.pyplot as plt
import numpy as np

import isorep

rng = np.random.default_rng(0)
results = {}
for n_samples in (100, 200, 400, 800):
    shared = rng.standard_normal((n_samples, 4))
    x, y = (np.hstack([shared, rng.standard_normal((n_samples, 16))]) for _ in range(2))
    with isorep.silence("few-samples", "few-samples-to-correct"):
        results[n_samples] = isorep.infer(x, y, "cca")

# %%
# Four of twenty dimensions are the same, so mean CCA is 0.2 in the population. The raw similarity
# (circles) falls to this value only slowly; at 100 samples it is hardly above the chance level
# (dotted). The corrected value with its 95 % interval (bars) is near 0.2 at every size.
fig, ax = plt.subplots(layout="constrained")
sizes = list(results)
corrected = np.array([result.corrected for result in results.values()])
bounds = np.array([result.interval for result in results.values()]).T
ax.axhline(0.2, color="black", linewidth=1, label="population value")
ax.plot(sizes, [result.similarity for result in results.values()], "o", label="raw")
ax.plot(sizes, [result.chance for result in results.values()], ":", label="chance level")
ax.errorbar(sizes, corrected, abs(bounds - corrected), fmt="s", capsize=4, label="corrected")
ax.set(xscale="log", xlabel="samples", ylabel="mean CCA", ylim=(0, 1))
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.minorticks_off()
ax.legend()
