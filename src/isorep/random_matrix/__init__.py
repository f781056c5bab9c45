"""Canonical correlations of samples: laws for unrelated data, and estimates of the population."""
