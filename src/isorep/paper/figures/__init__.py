"""The figures of the paper, one a file."""
