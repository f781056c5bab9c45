"""Float32 layers, plain and ugly, for tests of float32 products."""

import numpy as np


def layers(n=700, p=60, q=40, seed=0):
    """Return activations after a ReLU that share 5 dimensions, float32."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 5))
    return [
        np.maximum(
            shared @ rng.standard_normal((5, width)) + rng.standard_normal((n, width)), 0
        ).astype("float32")
        for width in (p, q)
    ]


def duplicated(x):
    return np.column_stack([x, 2 * x[:, 0]])


def nearly_duplicated(x):
    noise = np.random.default_rng(5).standard_normal(len(x)).astype("float32")
    return np.column_stack([x, x[:, 0] + 1e-4 * noise])


def with_constants(x):
    x = x.copy()
    x[:, [0, 9]] = 0.3
    return x


def wide(x):
    return x[:30]


def tiny(x):
    return x * np.float32(1e-30)


def huge(x):
    return x * np.float32(1e30)


def shifted(x):
    return x + np.float32(1e3)


def far_from_zero(x):
    return x + np.float32(1e6)


def with_an_outlier(x):
    return np.column_stack([np.float32(1000) * x[:, :1], x[:, 1:]])


def dominated(x):
    return x + 30 * x[:, :1]


def rounded_to_half(x):
    return x.astype("float16")


UGLY = [
    (duplicated, False),
    (nearly_duplicated, False),
    (with_constants, True),
    (wide, False),
    (tiny, False),
    (huge, False),
    (shifted, True),
    (far_from_zero, False),
    (with_an_outlier, True),
    (dominated, True),
    (rounded_to_half, True),
]
"""Changes of a layer, and whether float32 products leave its rank certain."""
