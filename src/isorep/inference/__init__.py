"""How far to trust a number: chance, significance, precision, and the bias of few samples."""
