"""Training the networks of a figure."""
