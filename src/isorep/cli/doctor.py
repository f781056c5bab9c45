"""isorep doctor: whether isorep works here, and with what."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isorep.cli.app import app
from isorep.cli.output import STDOUT, say, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isorep.cli.installation import Installation, Package


@app.command(epilog="Examples:\n\nisorep doctor\n\nisorep doctor --json > doctor.json")
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, for programs.")
    ] = False,
) -> None:
    """Check the installation: versions, linear algebra, memory, GPU and extras.

    Also computes the PWCCA of a pair whose PWCCA is known. The exit status is 0
    if isorep works, and 1 if there is a problem: a package that isorep needs is
    missing, too old or broken, PyTorch does not start, or a number is wrong. An extra
    that is not installed is no problem; its line says how to install it.
    """
    from isorep.cli.installation import inspect_installation

    installation = inspect_installation()
    if as_json:
        write_text(STDOUT, json.dumps(installation.to_dict(), indent=2) + "\n")
    else:
        for line in _lines(installation):
            say(line)
    if installation.problems:
        raise typer.Exit(1)


def _lines(installation: Installation) -> Iterator[str]:
    python = f"Python {installation.python}, {installation.platform} ({sys.executable})"
    yield f"isorep {installation.isorep}, {python}"
    yield f"  cores    {installation.cores}"
    yield f"  memory   {_memory(installation)}"
    for library in installation.blas:
        yield f"  threads  {_library(library)}"
    for name, value in installation.thread_variables.items():
        yield f"  threads  {name}={value}"
    yield f"  GPU      {_gpu(installation.gpu)}"
    yield "needed"
    width = max(len(package.name) for package in installation.packages)
    for package in installation.packages:
        if not package.extra:
            yield f"  {_package(package, width)}"
    yield "extras"
    for extra, packages in installation.extras.items():
        missing = any(package.installed is None for package in packages)
        advice = f": pip install 'isorep[{extra}]'" if missing else ""
        yield f"  [{extra}]{advice}"
        for package in packages:
            yield f"    {_package(package, width)}"
    for check in installation.self_checks:
        if not check.problem:
            yield f"self-check by {check.device}: PWCCA of a known pair is right"
    for problem in installation.problems:
        yield f"problem: {problem}"
    yield "isorep has a problem here" if installation.problems else "isorep works here"


def _memory(installation: Installation) -> str:
    if installation.memory is None or installation.free_memory is None:
        return "unknown without psutil"
    return f"{_gib(installation.memory)}, {_gib(installation.free_memory)} free"


def _library(library: dict[str, Any]) -> str:
    threads = library["threads"]
    count = "unknown without threadpoolctl" if threads is None else str(threads)
    return f"{library['library']} {library['version'] or ''}".strip() + f": {count}"


def _gpu(gpu: dict[str, Any]) -> str:
    if not gpu["devices"]:
        return gpu["backend"] or "unknown without PyTorch"
    names = (
        device["name"] + (f", {_gib(device['memory'])}" if device["memory"] else "")
        for device in gpu["devices"]
    )
    return f"{gpu['backend']}: {'; '.join(names)}"


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"


def _package(package: Package, width: int) -> str:
    if package.installed is None:
        return f"{package.name:{width}}  not installed"
    remark = "" if package.is_suitable else f", needs {package.needed}"
    return f"{package.name:{width}}  {package.installed}{remark}"
