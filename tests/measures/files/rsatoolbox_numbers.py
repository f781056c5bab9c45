"""Write the crossnobis distances and their comparisons that rsatoolbox computes.

pip install rsatoolbox==0.3.2
python tests/measures/files/rsatoolbox_numbers.py > tests/measures/files/rsatoolbox_0.3.2.json
"""

import json
import sys

import numpy as np

NOISE = {"diagonal": "diag", "shrinkage": "shrinkage_diag"}
COMPARISONS = {"cosine": "cosine", "pearson": "corr", "whitened_cosine": "cosine_cov"}


def rdm(samples, conditions, repeats, noise):
    """Return rsatoolbox's crossnobis RDM."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.data.noise import prec_from_unbalanced
    from rsatoolbox.rdm import calc_rdm

    data = Dataset(np.array(samples), obs_descriptors={"condition": conditions, "repeat": repeats})
    precision = None
    if noise != "identity":
        precision = prec_from_unbalanced(data, "condition", method=NOISE[noise])
    return calc_rdm(
        data,
        method="crossnobis",
        descriptor="condition",
        noise=precision,
        cv_descriptor="repeat",
    )


def main():
    """Print data and numbers as JSON; the conditions of the distances are sorted."""
    from rsatoolbox.rdm import compare

    rng = np.random.default_rng(0)
    order = rng.permutation(24)
    conditions, repeats = np.repeat(np.arange(6), 4)[order], np.tile(np.arange(4), 6)[order]
    x = rng.standard_normal((6, 7))[conditions]
    x += rng.standard_normal((24, 7)) @ rng.standard_normal((7, 7))
    y = x @ rng.standard_normal((7, 9)) + rng.standard_normal((24, 9))
    x, y = x.round(3), y.round(3)
    numbers = {}
    for noise in ("identity", "diagonal", "shrinkage"):
        of_x, of_y = (rdm(side, conditions, repeats, noise) for side in (x, y))
        numbers[noise] = {
            "distances": of_x.get_matrices()[0].tolist(),
            **{
                name: float(compare(of_x, of_y, method=method)[0, 0])
                for name, method in COMPARISONS.items()
            },
        }
    content = {
        "conditions": conditions.tolist(),
        "repeats": repeats.tolist(),
        "x": x.tolist(),
        "y": y.tolist(),
        "numbers": numbers,
    }
    json.dump(content, sys.stdout)


if __name__ == "__main__":
    main()
