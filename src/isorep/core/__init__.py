"""The two nouns, `Basis` and `Overlap`, and what they are made of."""
