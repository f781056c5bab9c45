"""Installation: the packages, cores, memory and devices that isorep finds, and a check of numbers.

Nothing here needs an optional package, since it must run where one is missing or broken.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any

from isorep._utils.cores import available_cores
from isorep._utils.version import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_DEVELOPMENT = ("dev", "all")
"""Extras that are not shown: tools of isorep's developers, and the sum of the others."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

TOLERANCE = 1e-9
"""Largest error of the self-check, in float64."""


@dataclass(frozen=True)
class Package:
    """A package that isorep needs, or that an extra installs.

    Attributes
    ----------
    name : str
        Name on the package index.
    needed : str
        Versions that isorep works with, such as ">=1.26".
    installed : str or None
        Installed version; None if it is missing.
    extra : str
        Extra that installs it; "" if isorep needs it.
    is_suitable : bool
        Whether it is installed in a version that isorep works with.
    """

    name: str
    needed: str
    installed: str | None
    extra: str
    is_suitable: bool

    @property
    def problem(self) -> str:
        """What to do about it, "" if nothing: a package of an extra may be missing, not too old."""
        if self.is_suitable or (self.installed is None and self.extra):
            return ""
        state = "is missing" if self.installed is None else f"{self.installed} is too old"
        return f"{self.name} {state}: pip install '{self.name}{self.needed}'"


@dataclass(frozen=True)
class SelfCheck:
    """PWCCA of a pair whose PWCCA is known, by one library or device; `problem` is "" if right."""

    device: str
    expected: float
    computed: float | None
    problem: str


@dataclass(frozen=True)
class Installation:
    """What `isorep doctor` found; see `inspect_installation`."""

    isorep: str
    python: str
    platform: str
    cores: int
    memory: int | None
    free_memory: int | None
    blas: tuple[dict[str, Any], ...]
    thread_variables: Mapping[str, str]
    gpu: dict[str, Any]
    packages: tuple[Package, ...]
    self_checks: tuple[SelfCheck, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values."""
        return asdict(self) | {"ok": not self.problems}

    @property
    def extras(self) -> dict[str, list[Package]]:
        """Packages by the extra that installs them."""
        by_extra: dict[str, list[Package]] = {}
        for package in self.packages:
            if package.extra:
                by_extra.setdefault(package.extra, []).append(package)
        return by_extra


def inspect_installation() -> Installation:
    """Look at everything that decides whether isorep works here, and how fast."""
    packages = tuple(_packages())
    gpu = _gpu()
    checks = _self_checks(gpu)
    memory, free = _memory()
    problems = [
        *(package.problem for package in packages if package.problem),
        *_import_problems(packages),
        *(check.problem for check in checks if check.problem),
        *([gpu["problem"]] if gpu["problem"] else []),
    ]
    return Installation(
        isorep=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cores=available_cores(),
        memory=memory,
        free_memory=free,
        blas=_blas(),
        thread_variables={
            name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ
        },
        gpu=gpu,
        packages=packages,
        self_checks=checks,
        problems=tuple(dict.fromkeys(problems)),
    )


def _packages() -> Iterator[Package]:
    """Return the packages that the metadata of isorep names."""
    for requirement, extra in _requirements("isorep"):
        if requirement.name == "isorep" or extra in _DEVELOPMENT:
            continue
        yield _package(requirement, extra)
        if requirement.extras and _version(requirement.name) is not None:
            for further, its_extra in _requirements(requirement.name):
                if its_extra in requirement.extras:
                    yield _package(further, extra)


def _requirements(package: str) -> Iterator[tuple[Requirement, str]]:
    """Return what a package needs on this system, each with the extra that needs it."""
    from packaging.requirements import Requirement

    for text in requires(package) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        extra = str(marker or "").partition('extra == "')[2].partition('"')[0]
        if marker is None or marker.evaluate({"extra": extra}):
            yield requirement, extra


def _package(requirement: Requirement, extra: str) -> Package:
    installed = _version(requirement.name)
    suitable = installed is not None and requirement.specifier.contains(installed, prereleases=True)
    return Package(requirement.name, str(requirement.specifier), installed, extra, suitable)


def _import_problems(packages: Iterable[Package]) -> Iterator[str]:
    """Import the packages that isorep needs, and say which of them fail."""
    for package in packages:
        if package.extra or package.installed is None:
            continue
        try:
            import_module(package.name.replace("-", "_"))
        except Exception as error:  # a broken package raises anything
            yield (
                f"{package.name} cannot be imported ({type(error).__name__}: {error}): "
                f"pip install --force-reinstall '{package.name}{package.needed}'"
            )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> tuple[int | None, int | None]:
    """Return the bytes of memory, and how many of them are free; None without psutil."""
    try:
        import psutil

        from isorep._utils.memory import free_memory

        return int(psutil.virtual_memory().total), free_memory()
    except Exception:  # missing, or broken in any way
        return None, None


def _blas() -> tuple[dict[str, Any], ...]:
    """Return the libraries of linear algebra and threads in this process.

    Without threadpoolctl, only the library that NumPy was built with is known.
    """
    import numpy as np

    with suppress(Exception):  # missing, or broken in any way
        import scipy.linalg  # noqa: F401  # may bring another library than NumPy
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

        return tuple(
            {
                "library": pool["internal_api"],
                "version": pool.get("version"),
                "threads": pool["num_threads"],
                "architecture": pool.get("architecture"),
            }
            for pool in threadpool_info()
        )
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return ({"library": blas["name"], "version": blas["version"], "threads": None},)


def _gpu() -> dict[str, Any]:
    """Return the GPUs that PyTorch can use, if it is installed."""
    found: dict[str, Any] = {"devices": [], "backend": None, "problem": None}
    if _version("torch") is None:
        return found
    try:
        torch = import_module("torch")
        if torch.cuda.is_available():
            found["backend"] = f"CUDA {torch.version.cuda or torch.version.hip}"
            for index in range(torch.cuda.device_count()):
                device = torch.cuda.get_device_properties(index)
                found["devices"].append({"name": device.name, "memory": device.total_memory})
        elif torch.backends.mps.is_available():
            found["backend"], found["devices"] = "MPS", [{"name": "Apple GPU", "memory": None}]
        else:
            found["backend"] = f"none (PyTorch built for {torch.version.cuda or 'CPU'})"
    except Exception as error:  # a broken PyTorch or driver raises anything
        found["problem"] = f"PyTorch does not work ({error}): reinstall it, see pytorch.org"
    return found


def _self_checks(gpu: Mapping[str, Any]) -> tuple[SelfCheck, ...]:
    """Compute the PWCCA of a known pair by NumPy, and on the GPU if PyTorch has CUDA."""
    import numpy as np

    checks = [_self_check("NumPy", np.asarray)]
    if str(gpu["backend"]).startswith("CUDA"):
        torch = import_module("torch")
        checks.append(_self_check("cuda", lambda x: torch.asarray(x, device="cuda")))
    return tuple(checks)


def _self_check(device: str, to_device: Callable[[Any], Any]) -> SelfCheck:
    """Compute the PWCCA of a pair whose PWCCA is known.

    x has two uncorrelated neurons, of standard deviations 1 and 2. Each has a partner in y, with
    correlations 0.6 and 0.8. So the projection weights are 1/3 and 2/3 and PWCCA is 2.2 / 3.
    """
    import numpy as np

    # Four of the columns of a Hadamard matrix, which are orthogonal and centred.
    signs = [np.tile(np.repeat([1.0, -1.0], length), 32 // length) for length in (1, 2, 4, 8)]
    x = np.stack([signs[0], 2 * signs[1]], axis=1)
    y = np.stack([0.6 * signs[0] + 0.8 * signs[2], 0.8 * signs[1] + 0.6 * signs[3]], axis=1)
    expected = (0.6 + 2 * 0.8) / 3
    try:
        from isorep.measures.pwcca import pwcca

        computed = pwcca(to_device(x), to_device(y)).similarity
    except Exception as error:  # broken libraries and drivers raise anything
        problem = f"the self-check by {device} failed ({type(error).__name__}: {error})"
        return SelfCheck(device, expected, None, problem)
    if abs(computed - expected) <= TOLERANCE:
        return SelfCheck(device, expected, computed, "")
    return SelfCheck(
        device,
        expected,
        computed,
        f"PWCCA of a known pair by {device} is {computed!r} instead of {expected!r}: its linear "
        "algebra is wrong here; reinstall NumPy and SciPy, or for cuda PyTorch and its driver",
    )
