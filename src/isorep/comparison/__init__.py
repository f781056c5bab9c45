"""Tables of comparisons: layers, networks, states over time."""
