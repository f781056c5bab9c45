"""Tell whether two neural representations are the same up to a change of basis."""

__version__ = "0.1.0"
