"""Coded warning: the categories of Python's warnings that have a code."""

from __future__ import annotations


class CodedWarning(UserWarning):
    """A number should be read with care.

    Its text ends with a code in brackets, such as ``[dominant-direction]``, which docs/warnings.md
    explains and `isorep.silence` takes.

    Attributes
    ----------
    code : str
        The code.

    Examples
    --------
    >>> import numpy as np, isorep, warnings
    >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 90))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     score = isorep.cca(x, y)
    >>> issubclass(caught[0].category, isorep.CodedWarning), caught[0].message.code
    (True, 'few-samples')
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class FewSamplesWarning(CodedWarning):
    """The samples are so few that the number depends on how many there are.

    Examples
    --------
    >>> import numpy as np, isorep, warnings
    >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 90))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    ...     print(isorep.cca(x, y).warnings[0].code)
    few-samples
    """


CODES: dict[str, type[CodedWarning]] = {
    "few-samples": FewSamplesWarning,
    "few-samples-to-correct": FewSamplesWarning,
    "hidden-correlations": FewSamplesWarning,
    "uneven-samples": FewSamplesWarning,
    "lost-digits": CodedWarning,
    "dependent-samples": CodedWarning,
    "few-groups": CodedWarning,
    "unequal-groups": CodedWarning,
    "few-networks": CodedWarning,
    "approximate-neighbours": CodedWarning,
    "uncorrected-interval": CodedWarning,
    "not-computed": CodedWarning,
    "negative-chance": CodedWarning,
    "dominant-feature": CodedWarning,
    "dominant-direction": CodedWarning,
    "dominant-sample": CodedWarning,
    "few-neurons": CodedWarning,
    "integer-labels": CodedWarning,
    "same-span": CodedWarning,
    "same-at-start": CodedWarning,
    "noisy-states": CodedWarning,
    "noisy-recording": CodedWarning,
    "single-trials": CodedWarning,
    "above-ceiling": CodedWarning,
    "vacuous-ceiling": CodedWarning,
    "input-bypass": CodedWarning,
    "stitching-not-trained": CodedWarning,
}
"""Every code, with the category of its warnings; docs/warnings.md has a section for each."""
