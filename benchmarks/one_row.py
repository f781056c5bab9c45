"""One row: the contest of its programs, in a process of its own, and the lines that it prints."""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from contest import Contestant, compete
from rows import MEASURES, rows

import isorep


def run_row(name: str, options: argparse.Namespace) -> None:
    """Print the lines of a row; `options` are those of the command."""
    # How many samples a number would need is not what is asked here.
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    known = rows(options.samples, options.networks, options.svcca, options.device)
    found = compete(known[name](), options.rounds, _load_libraries)
    for contestant in found:
        print(_line(name, contestant, found), flush=True)


def _load_libraries() -> None:
    """Use what is imported late, so that no contestant pays for it."""
    x = {"layer": np.random.default_rng(0).standard_normal((50, 3))}
    isorep.compare(x, x, measures=[*MEASURES, "rsa"], progress=False)
    isorep.pairwise({"a": x, "b": x}, progress=False)


def _line(row: str, one: Contestant, found: list[Contestant]) -> str:
    seconds = {contestant.name: contestant.seconds for contestant in found}
    floor = f"{one.seconds / seconds['floor']:.2f}" if "floor" in seconds else ""
    partly = "" if one.part == 1 else f" (of {one.part:.2%} of the work)"
    return (
        f"| {row} | {one.name}{partly} | {one.seconds:.3g} | "
        f"{one.seconds / seconds['isorep']:.2f} | {floor} | {one.memory:.0f} | "
        f"{one.processor:.3g} |"
    )
