"""Explanation: where two representations differ, in directions, samples and neurons."""
