"""Models, weights and inputs in files: checkpoints, folders, texts, and names of objects."""
