"""Representations in memory and on disk."""
