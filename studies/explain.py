"""Whether `isorep.explain` finds exactly what was changed, and how often it finds what was not.

    python studies/explain.py --repeats 60 --out explain.csv
    python studies/explain.py --repeats 200 --paragraphs

Two views of one latent representation, 300 samples of 12 directions, rotated, with normal noise of
equal size (standard deviation 0.3 of the latent values' 1). One of these is changed in the second
view: nothing; nothing, where the samples differ in size ("sizes"); 3 latent directions, replaced by
others; 20 samples, of which the latent values change sign; one class of ten, whose latent values
get noise of 0.7; or 10 neurons of noise are added. "unrelated" are two independent sides.

For each part, the share of the runs in which the set found is exactly the set changed, the share of
what was changed that is found, and the share of runs with a false finding. With ``--paragraphs``,
those of the paragraph that `isorep.diff(..., explain=1)` writes about the same layers.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

import isorep

N, P, NOISE = 300, 12, 0.3
CASES = ("unrelated", "unchanged", "sizes", "directions", "samples", "class", "neurons")
LABELS = np.arange(N) % 10
MEASURES = ("pwcca", "cka")


def draw(case, rng):
    """Return the two sides, and what is changed in each part."""
    latent = rng.standard_normal((N, P))
    if case == "sizes":
        latent *= np.exp(0.4 * rng.standard_normal((N, 1)))
    rotation = np.linalg.qr(rng.standard_normal((P, P)))[0]
    x = latent + NOISE * rng.standard_normal((N, P))
    changed = {part: set() for part in ("directions", "samples", "classes", "groups", "neurons")}
    z = latent.copy()
    if case == "unrelated":
        z = rng.standard_normal((N, P))
        changed |= {"directions": set(range(P)), "neurons": set(range(P))}
    elif case == "directions":
        z[:, :3] = rng.standard_normal((N, 3))
        changed["directions"] = set(range(P - 3, P))
    elif case == "samples":
        rows = rng.choice(N, 20, replace=False)
        z[rows] *= -1
        changed["samples"] = set(rows.tolist())
    elif case == "class":
        z[LABELS == 4] += 0.7 * rng.standard_normal((np.sum(LABELS == 4), P))
        changed["classes"] = {4}
    y = z @ rotation + NOISE * rng.standard_normal((N, P))
    if case == "neurons":
        y = np.hstack([y, rng.standard_normal((N, 10))])
        changed["neurons"] = set(range(P, P + 10))
    return x, y, changed


def findings(x, y, measure, seed):
    """Return what an explanation calls changed in each part."""
    explanation = isorep.explain(x, y, measure, labels=LABELS, n_permutations=39, seed=seed)
    return {
        "directions": set(np.flatnonzero(~explanation.directions["shared"]).tolist()),
        "samples": set(np.flatnonzero(explanation.samples["stands_out"]).tolist()),
        "classes": set(np.flatnonzero(explanation.classes["stands_out"]).tolist()),
        "groups": set(explanation.groups.index),
        "neurons": set(np.flatnonzero(~explanation.y_neurons["predicted"]).tolist()),
    }


def findings_of_paragraph(x, y, measure, seed):
    """Return what a paragraph of a diff calls changed in each part."""
    base, changed = (isorep.Representations({"fc": side}, labels=LABELS) for side in (x, y))
    result = isorep.diff(
        base, changed, measure=measure, explain=1, interval=False, seed=seed, progress=False
    )
    change = result.explanations["fc"].change
    n_below = P if change.directions.are_mostly_unrelated else change.directions.n_below
    return {
        "directions": set(range(P - n_below, P)),
        "samples": {int(item.sample) for item in change.samples},
        "classes": {int(item.label) for item in change.classes if item.changed_more},
    }


def judged(part, case):
    """Tell whether a part has a known answer in a case."""
    # A changed class or sample moves others' neighbours; samples of a changed class may stand out;
    # with unrelated sides no sample can be compared.
    related = {
        "unrelated": {"directions", "neurons"},
        "unchanged": {"directions", "samples", "classes", "groups", "neurons"},
        "sizes": {"directions", "samples", "classes"},
        "directions": {"directions", "samples", "classes"},
        "samples": {"directions", "samples", "neurons"},
        "class": {"directions", "classes", "neurons"},
        "neurons": {"directions", "samples", "classes", "neurons"},
    }
    return part in related[case]


def study(repeats, seed, of_paragraphs):
    """Return a row for each measure, case and part."""
    tallies = defaultdict(list)
    for case in CASES:
        for repeat in range(repeats):
            measure = MEASURES[repeat % len(MEASURES)]
            x, y, changed = draw(case, np.random.default_rng([seed, CASES.index(case), repeat]))
            find = findings_of_paragraph if of_paragraphs else findings
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", isorep.CodedWarning)
                parts = find(x, y, measure, repeat)
            for part, found in parts.items():
                if judged(part, case):
                    truth = changed[part]
                    hit = len(found & truth) / len(truth) if truth else np.nan
                    # Of unrelated sides, a shared direction or predicted neuron is the false one.
                    false = bool(truth - found) if case == "unrelated" else bool(found - truth)
                    tallies[case, part].append((found == truth, hit, false))
    for (case, part), values in tallies.items():
        exact, hit, false = np.array(values, dtype=float).T
        yield {
            "changed": case,
            "part": part,
            "exact": round(exact.mean(), 2),
            "found": "" if np.isnan(hit).all() else round(hit.mean(), 3),
            "any false": round(false.mean(), 3),
            "runs": len(values),
        }


def main():
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--paragraphs", action="store_true")
    arguments = parser.parse_args()
    rows = list(study(arguments.repeats, arguments.seed, arguments.paragraphs))
    for row in rows:
        print(" ".join(f"{key}={value}" for key, value in row.items()))
    if arguments.out is not None:
        with arguments.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
