"""The data that the paper trains on."""
