"""Tables of many networks, tile by tile, on threads or a cluster."""
