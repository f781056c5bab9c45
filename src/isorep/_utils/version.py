"""Version of isorep, from the package metadata."""

from importlib.metadata import version

__version__ = version("isorep")
