"""Stitching: a network that continues from the activations of another."""
