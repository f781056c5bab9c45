"""Layouts: which axes of a layer's output are samples, features and positions."""
