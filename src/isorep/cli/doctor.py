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

    found = inspect_installation()
    if as_json:
        write_text(STDOUT, json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        for line in _lines(found):
            say(line)
    if found.problems:
        raise typer.Exit(1)


def _lines(found: Installation) -> Iterator[str]:
    yield f"isorep {found.isorep}, Python {found.python}, {found.platform} ({sys.executable})"
    yield f"  cores    {found.cores}"
    yield f"  memory   {_memory(found)}"
    for library in found.blas:
        yield f"  threads  {_library(library)}"
    for name, value in found.thread_variables.items():
        yield f"  threads  {name}={value}"
    yield f"  GPU      {_gpu(found.gpu)}"
    yield "needed"
    width = max(len(package.name) for package in found.packages)
    for package in found.packages:
        if not package.extra:
            yield f"  {_package(package, width)}"
    yield "extras"
    for extra, packages in found.extras.items():
        missing = any(package.installed is None for package in packages)
        advice = f": pip install 'isorep[{extra}]'" if missing else ""
        yield f"  [{extra}]{advice}"
        for package in packages:
            yield f"    {_package(package, width)}"
    for check in found.self_checks:
        if not check.problem:
            yield f"self-check by {check.device}: PWCCA of a known pair is right"
    for problem in found.problems:
        yield f"problem: {problem}"
    yield "isorep has a problem here" if found.problems else "isorep works here"


def _memory(found: Installation) -> str:
    if found.memory is None or found.free_memory is None:
        return "unknown without psutil"
    return f"{_gib(found.memory)}, {_gib(found.free_memory)} free"


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
