"""Version of isorep, from the package metadata."""

from importlib.metadata import version

__version__ = version("isorep")
"""Version of isorep.

Examples
--------
>>> import isorep
>>> isorep.__version__[0].isdigit()
True
"""
