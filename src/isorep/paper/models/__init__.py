"""The networks that the paper trains."""
