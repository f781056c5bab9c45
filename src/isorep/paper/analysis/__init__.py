"""What is computed of trained networks, and the verdicts on claims."""
