"""
Which networks are alike?
=========================

`isorep.pairwise` compares every network with every other. A tree of the distances shows groups
without knowing them.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import isorep

images, digits = load_digits(return_X_y=True)
images = images[:600] / 16
labels = {"digit": digits[:600], "parity": digits[:600] % 2}

networks, tasks = {}, {}
for task, answers in labels.items():
    for seed in range(4):
        network = MLPClassifier((30,), random_state=seed, tol=1e-2).fit(images, answers)
        hidden = np.maximum(images @ network.coefs_[0] + network.intercepts_[0], 0)
        networks[f"{task} {seed}"], tasks[f"{task} {seed}"] = {"hidden": hidden}, task
table = isorep.pairwise(networks, measures="cka_debiased", progress=False)

# %%
# Light cells are similar pairs. The height at which two branches of the tree meet is their
# distance. The strip under the tree shows the task, which the tree did not know: networks of one
# task are in one branch.
isorep.plot.clusters(table, groups=tasks, groups_title="task")
