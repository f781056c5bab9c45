"""Refusals: what isorep may answer to bad input."""

from isorep.cli import place_of_bug

REFUSALS = (ValueError, TypeError, OSError)


def check_refusal(error, path=None):
    """Check that an error has a text of ours, which names the file `path` if there is one."""
    text = str(error)
    assert text.strip(), f"{type(error).__name__} without a text"
    place = place_of_bug(error)
    assert place is None, f"an operation failed in {place}: {text}"
    if path is not None and not isinstance(error, OSError):
        assert path.stem in text, f"no name of a file: {text}"
