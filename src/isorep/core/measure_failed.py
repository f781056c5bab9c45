"""Measure failed: the error of a registered function that has a bug."""


class MeasureFailedError(RuntimeError):
    """A registered function raised another error than ValueError, which is for bad data."""
