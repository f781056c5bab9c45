"""The version of isorep, as its package metadata has it."""

from importlib.metadata import version

__version__ = version("isorep")
