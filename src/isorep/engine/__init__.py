"""Engine: sweeps cut into tiles, run on threads or a cluster, continued where they were stopped."""
