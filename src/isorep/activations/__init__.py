"""Activations out of PyTorch models: capture, reductions, sample ids."""
