"""Warning text: why a number should be read with care, with the code that names the reason."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from isorep._utils.turn import Turn
from isorep._utils.validation import check_name
from isorep.core.coded_warning import CODES, CodedWarning

_silenced: Counter[str] = Counter()
"""Calls of `silence` that hold for each code: blocks of several threads may end in any order."""

_counting = Turn()

_not_issued: ContextVar[tuple[type[CodedWarning], ...]] = ContextVar("not_issued", default=())


class WarningText(str):
    """Text of a warning: ``finding; advice [code]``.

    Parameters
    ----------
    code : str
        Name of the reason, one of `CODES`.
    finding : str
        What affects the number, and how much.
    advice : str
        How to avoid it, if there is a way.

    Attributes
    ----------
    code, finding, advice : str
        The parts of the text.
    page : str
        The section of the documentation that explains the code.

    Examples
    --------
    >>> text = WarningText("few-samples", "9 samples are few", "take more samples")
    >>> text
    '9 samples are few; take more samples [few-samples]'
    >>> text.code, text.page
    ('few-samples', 'docs/warnings.md#few-samples')
    """

    code: str
    finding: str
    advice: str

    def __new__(cls, code: str, finding: str, advice: str = "") -> WarningText:
        """Join the parts."""
        check_name("warning code", code, CODES)
        text = super().__new__(cls, "; ".join(filter(None, (finding, advice))) + f" [{code}]")
        text.code, text.finding, text.advice = code, finding, advice
        return text

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.code, self.finding, self.advice

    @property
    def page(self) -> str:
        """The section of the documentation that explains the code."""
        return f"docs/warnings.md#{self.code}"


def code_of(text: str) -> str:
    """Return the code of a warning; "" for other texts."""
    return text.code if isinstance(text, WarningText) else ""


def line_of(text: str) -> str:
    """Return a text without its advice, for a table."""
    return f"{text.finding} [{text.code}]" if isinstance(text, WarningText) else text


def about(subject: str, text: str) -> str:
    """Return a text that says first what it is about, with the same code."""
    if isinstance(text, WarningText):
        return WarningText(text.code, f"{subject}: {text.finding}", text.advice)
    return f"{subject}: {text}"


def not_computed(error: Exception) -> WarningText:
    """Return a warning that says why a number could not be computed."""
    return WarningText("not-computed", str(error))


def silence(*codes: str) -> ExitStack:
    """Silence warnings by their codes: in results, in tables and as Python's warnings.

    Call it to silence them in this process, or use it in a ``with`` statement. Python's own filters
    silence the Python warning alone; the result still lists it.

    Parameters
    ----------
    *codes : str
        Codes, as the texts of warnings show them in brackets; docs/warnings.md explains each.

    Returns
    -------
    context manager
        At its end, or after its ``close()``, the codes are heard again, unless another call still
        silences them.

    Raises
    ------
    TypeError, ValueError
        If a code is no text, there is no code, or it is unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 20, 100))
    >>> with isorep.silence("few-samples"):
    ...     isorep.cka(x, y).warnings
    ()
    """
    if not codes:
        raise ValueError(f"expected the codes of warnings, got none; codes: {', '.join(CODES)}")
    for code in codes:
        if not isinstance(code, str):
            raise TypeError(
                f"expected the codes of warnings as texts, got {code!r} ({type(code).__name__}): "
                'call silence("few-samples", "lost-digits"), or silence(*codes) for a list'
            )
        check_name("warning code", code, CODES)
    with _counting:
        _silenced.update(set(codes))
    stack = ExitStack()
    stack.callback(_end_silence, set(codes))
    return stack


def _end_silence(codes: set[str]) -> None:
    with _counting:
        _silenced.subtract(codes)


@contextmanager
def in_results_alone(category: type[CodedWarning]) -> Iterator[None]:
    """Issue no Python warnings of a category in the block: results and tables alone have them.

    Only this thread is affected. `warnings.catch_warnings` changes the filters of all threads, and
    they stay changed if two threads leave such blocks in the order in which they entered them.
    """
    token = _not_issued.set((*_not_issued.get(), category))
    try:
        yield
    finally:
        _not_issued.reset(token)


def heard(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct texts, without those whose code is silenced."""
    return tuple(text for text in dict.fromkeys(texts) if not _silenced[code_of(text)])


def issue(texts: Iterable[str], stacklevel: int) -> tuple[str, ...]:
    """Issue the texts that are heard as Python's warnings, and return them."""
    kept = heard(texts)
    for text in kept:
        if isinstance(text, WarningText):
            category = CODES[text.code]
            if not issubclass(category, _not_issued.get()):
                warnings.warn(category(text, text.code), stacklevel=stacklevel + 1)
        else:
            warnings.warn(text, stacklevel=stacklevel + 1)
    return kept
