"""Laws of noise: what canonical correlations of unrelated samples look like."""
