"""Stitching: a network that continues from the activations of another."""

from isorep._utils.optional import import_optional

import_optional("torch", "torch")
