"""Helpers that do not depend on representations."""
