"""Other tools: what their own code gives where docs/other-tools.md says something about it.

    python -m pip install --no-deps --target tools/shesha shesha-geometry==0.3.0
    PYTHONPATH=tools/shesha python benchmarks/other_tools.py shesha

runs the statements about one tool, which must be importable; the page has the version of each and
the line that fetches it. Without a name, all tools that can be imported run. Two tools are called
`repsim`, so they need folders of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from other_formulas import inputs

import isorep

Array = NDArray[Any]
Line = tuple[str, Any]


def similarity(x: Array, y: Array, measure: str, **options: Any) -> float:
    """Return the similarity by isorep."""
    return isorep.similarity(x, y, measure, **options).similarity


def stand_in(*names: str) -> None:
    """Put empty modules where a tool imports something that its measures do not use."""
    for name in names:
        sys.modules.setdefault(name, ModuleType(name))


def unrelated(n: int, p: int) -> tuple[Array, Array]:
    """Draw two unrelated representations."""
    x, y = np.random.default_rng(0).standard_normal((2, n, p))
    return x, y


def google_svcca() -> list[Line]:
    """Run compute_pwcca of google/svcca, both ways round."""
    import pwcca

    x, y = inputs()
    with contextlib.redirect_stdout(io.StringIO()):
        value = pwcca.compute_pwcca(x.T, y.T, epsilon=1e-10)[0]
        try:
            pwcca.compute_pwcca(y.T, x.T, epsilon=1e-10)
            wider = "no error"
        except IndexError:
            wider = "IndexError"
    return [
        ("pwcca", value),
        ("isorep, weighting='google'", similarity(x, y, "pwcca", weighting="google")),
        ("pwcca, wider layer first", wider),
    ]


def anatome() -> list[Line]:
    """Run the three distances of anatome."""
    import torch

    name = "torchvision.models.feature_extraction"
    stand_in("torchvision", "torchvision.models", name)
    extraction: Any = sys.modules[name]
    extraction.get_graph_node_names = extraction.create_feature_extractor = None
    from anatome.distance import linear_cka_distance, pwcca_distance, svcca_distance

    x, y = (torch.from_numpy(side) for side in inputs())
    moved = x.clone().requires_grad_()
    linear_cka_distance(moved, y, False).backward()
    assert moved.grad is not None
    return [
        ("norm of a gradient of cka", moved.grad.norm().item()),
        ("1 - pwcca", 1 - pwcca_distance(x, y, "svd").item()),
        ("1 - svcca", 1 - svcca_distance(x, y, 0.99, "svd").item()),
        ("1 - cka", 1 - linear_cka_distance(x, y, False).item()),
    ]


def resi() -> list[Line]:
    """Run pwcca, svcca and cka of ReSi."""
    from repsim.measures.cca import pwcca, svcca
    from repsim.measures.cka import centered_kernel_alignment

    x, y = inputs()
    with contextlib.redirect_stdout(io.StringIO()):
        values = pwcca(x, y, "nd"), svcca(x, y, "nd"), centered_kernel_alignment(x, y, "nd")
    return list(zip(("pwcca", "svcca", "cka"), values, strict=True))


def platonic_universe() -> list[Line]:
    """Run pwcca, svcca and cka of platonic-universe."""
    stand_in("polars")
    from pu.metrics.cca import pwcca, svcca
    from pu.metrics.kernel import cka

    x, y = inputs()
    return [("pwcca", pwcca(x, y)), ("svcca", svcca(x, y)), ("cka", cka(x, y))]


def repsim() -> list[Line]:
    """Run pwcca, svcca and cka of the package repsim."""
    import repsim

    x, y = inputs()
    return [
        ("pwcca", repsim.pwcca([x, y])[0, 1]),
        ("isorep, weights_from='both'", similarity(x, y, "pwcca", weights_from="both")),
        ("svcca", repsim.svcca([x, y])[0, 1]),
        ("cka, linear", repsim.cka([x, y], kernel_type="linear")[0, 1]),
        ("cka, its default", repsim.cka([x, y])[0, 1]),
    ]


def shesha() -> list[Line]:
    """Run measures of shesha-geometry, on related and on unrelated data."""
    import shesha as tool
    from shesha.sim import cka_debiased, cka_linear, procrustes_similarity

    x, y = inputs()
    few_x, few_y = unrelated(100, 200)
    try:
        widths = procrustes_similarity(x, y)
    except ValueError:
        widths = "ValueError"
    return [
        ("cka_linear", cka_linear(x, y)),
        ("isorep cka", similarity(x, y, "cka")),
        ("cka_debiased, unrelated", cka_debiased(few_x, few_y)),
        ("isorep cka_debiased, unrelated", similarity(few_x, few_y, "cka_debiased")),
        ("isorep cka, unrelated", similarity(few_x, few_y, "cka")),
        ("procrustes_similarity, equal widths", procrustes_similarity(x, y[:, :20])),
        ("isorep procrustes, equal widths", similarity(x, y[:, :20], "procrustes")),
        ("procrustes_similarity, 20 and 30 features", widths),
        ("feature_split of x", tool.feature_split(x, n_splits=30, seed=0)),
    ]


def calibrated_similarity() -> list[Line]:
    """Calibrate CKA, of related data and of trials that depend on each other."""
    import torch
    from calibrated_similarity import calibrate

    def cka(x: Any, y: Any) -> Any:
        x, y = x - x.mean(0), y - y.mean(0)
        return (x @ x.T * (y @ y.T)).sum() / (x @ x.T).norm() / (y @ y.T).norm()

    def calibrated(x: Array, y: Array) -> Any:
        generator = torch.Generator().manual_seed(0)
        sides = torch.from_numpy(x), torch.from_numpy(y)
        return calibrate(*sides, cka, generator=generator)

    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(30), 10)
    trials = rng.standard_normal((2, 30, 5))[:, stimulus] + rng.standard_normal((2, 300, 5)) / 2
    x, y = inputs()
    score, _, threshold = calibrated(x, y)
    result = isorep.infer(x, y, "cka")
    grouped = isorep.infer(*trials, "cka", groups=stimulus)
    return [
        ("calibrated", score.item()),
        ("0 is at", threshold.item()),
        ("isorep calibrated", result.calibrated),
        ("isorep, 0 is at", result.chance),
        ("p, unrelated trials", calibrated(*trials)[1].item()),
        ("isorep p, unrelated trials with groups", grouped.p_value),
    ]


def torch_cka() -> list[Line]:
    """Compare two networks by minibatches of 20 and by all samples at once."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    from torch_cka import CKA

    torch.manual_seed(0)
    a, b = (torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.Tanh()) for _ in range(2))
    data = torch.randn(600, 10)
    values = []
    for size in (20, 600):
        cka = CKA(a, b, "a", "b", ["1"], ["1"])
        with contextlib.redirect_stderr(io.StringIO()):
            cka.compare(DataLoader(TensorDataset(data, torch.zeros(600)), batch_size=size))
        values.append((f"cka, batches of {size}", cka.export()["CKA"].item()))
    x, y = (isorep.capture(net, data, layers="1", progress=False)["1"] for net in (a, b))
    return [*values, ("isorep cka_debiased", similarity(x, y, "cka_debiased"))]


def cca_zoo() -> list[Line]:
    """Run CCA of cca-zoo, also with two neurons that are copies, in single precision."""
    from cca_zoo.linear import CCA

    x, y = inputs()
    views = [np.hstack([x, x[:, :2]]).astype("float32"), y.astype("float32")]
    copies = CCA(n_components=22).fit(views)
    return [
        ("mean correlation", CCA(n_components=20).fit([x, y]).score([x, y])),
        ("isorep cca", similarity(x, y, "cca")),
        ("components with 2 copied neurons", copies.transform(views)[0].shape[1]),
        ("mean correlation with 2 copied neurons", copies.score(views)),
    ]


def netrep() -> list[Line]:
    """Run the linear metric of netrep, which needs equal widths."""
    from netrep.metrics import LinearMetric

    x, y = inputs()
    padded = np.hstack([x, np.zeros((500, 10))])
    lines: list[Line] = []
    for alpha in (0.0, 1.0):
        value = LinearMetric(alpha=alpha).fit(padded, y).score(padded, y)
        lines.append((f"angle, alpha={alpha}", value))
        lines.append(("isorep shape", isorep.similarity(x, y, "shape", alpha=alpha).distance))
    small = 1e-5 * padded
    value = LinearMetric(alpha=0.0).fit(small, y).score(small, y)
    lines.append(("angle, alpha=0, x in other units", value))
    other = isorep.similarity(1e-5 * x, y, "shape", alpha=0.0).distance
    return [*lines, ("isorep shape, alpha=0, x in other units", other)]


def rsatoolbox() -> list[Line]:
    """Compare dissimilarities by rsatoolbox."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    x, y = inputs()
    rdms = [calc_rdm(Dataset(side), method="correlation") for side in (x, y)]
    return [
        ("Spearman of correlation distances", compare(*rdms, method="spearman").item()),
        ("isorep rsa", similarity(x, y, "rsa")),
    ]


def dsa_metric() -> list[Line]:
    """Compare dynamics: two runs of one system, and one of a faster system."""
    from DSA import DSA

    rng = np.random.default_rng(0)

    def run(angle: float) -> Array:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        states = [np.array([1.0, 0.0])]
        for _ in range(399):
            states.append(0.99 * turn @ states[-1] + 0.1 * rng.standard_normal(2))
        return np.array(states)

    slow, again, fast = run(0.1), run(0.1), run(0.8)
    lines: list[Line] = []
    for name, other in (("same system", again), ("faster system", fast)):
        lines.append((f"DSA distance, {name}", DSA(slow, other, n_delays=5, rank=4).fit_score()))
        lines.append((f"isorep procrustes, {name}", similarity(slow, other, "procrustes")))
    return lines


TOOLS: dict[str, Callable[[], list[Line]]] = {
    "google-svcca": google_svcca,
    "anatome": anatome,
    "resi": resi,
    "repsim": repsim,
    "platonic-universe": platonic_universe,
    "shesha": shesha,
    "calibrated-similarity": calibrated_similarity,
    "torch-cka": torch_cka,
    "cca-zoo": cca_zoo,
    "netrep": netrep,
    "rsatoolbox": rsatoolbox,
    "dsa-metric": dsa_metric,
}


def main() -> None:
    """Print the lines of the tools that can be imported."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tools", nargs="*", choices=[*TOOLS, []], help="default: all")
    asked = parser.parse_args().tools
    for name in asked or TOOLS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                lines = TOOLS[name]()
        except ImportError as error:
            print(f"{name}: not checked, {error}")
            continue
        print(name)
        for label, value in lines:
            print(f"  {label}: {value if isinstance(value, (str, int)) else f'{value:.4f}'}")


if __name__ == "__main__":
    main()
