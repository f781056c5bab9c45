"""Layers under names that would do harm if they were read as anything but text."""

import numpy as np

# Each would do harm, or be shown as something else, if it were ever read as HTML, as Plotly's
# markup, as a template or as a direction of writing.
NAMES = [
    "<script>window.harmed = 1</script>",
    "</script><img src=x onerror='window.harmed = 1'>",
    "<b>\"bold\"</b> & 'quoted' &lt;",
    "%{x} $x^2$ {{y}}",
    "line\u2028separator \u202eturned",
    "שכבה",
    "__proto__",
]
DEAD = "dead"


def layers_of(seed, n=180):
    """Layers that share something, under names that do harm."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99).standard_normal((n, 3))
    return {
        name: np.hstack(
            [
                # With noise: correlations of exactly 1 are tied, and ties have no directions.
                shared[:, : 1 + k % 3] + 0.3 * rng.standard_normal((n, 1 + k % 3)),
                rng.standard_normal((n, 2 + k)),
            ]
        )
        for k, name in enumerate(NAMES)
    }
