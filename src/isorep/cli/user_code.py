"""User code: what commands do with its errors, and with warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from isorep.cli.output import say
from isorep.core.measure_failed import MeasureFailedError


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print each distinct warning in one line."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            say(f"isorep: warning: {text}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


@contextmanager
def user_code(*specs: str | None) -> Iterator[None]:
    """Run models and data of the user; print each distinct warning in one line.

    Raises
    ------
    ValueError
        For any error in the code behind `specs`, since its exit status could be taken for a
        verdict.
    """
    with printed_warnings():
        try:
            yield
        except (ValueError, TypeError, OSError, ImportError, MeasureFailedError):
            raise
        except (Exception, SystemExit) as error:
            names = " or ".join(dict.fromkeys(filter(None, specs)))
            raise ValueError(f"running {names} failed: {type(error).__name__}: {error}") from error
