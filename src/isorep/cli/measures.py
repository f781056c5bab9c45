"""isorep measures: what there is to compare by."""

from __future__ import annotations

from isorep.cli.app import app

_ALIKE = {
    "linear": "invertible linear maps of one representation",
    "orthogonal": "rotations and scaling of one representation",
    "rotation": "rotations about the origin and scaling of one representation",
    "permutation": "another order of one representation's neurons, scaling and translation",
    "neurons": "another order of one representation's neurons, each rescaled and shifted",
    "signed": "another order of one representation's neurons, each rescaled, negated or shifted",
    "common": "another order of one representation's neurons, all rescaled and shifted alike",
    "scaling": "positive multiples of one representation",
    "none": "one representation alone",
}


@app.command()
def measures() -> None:
    """List the measures: what each is, its formula, and what holds for it."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from isorep import MEASURES

    console = Console(highlight=False)
    for name, row in MEASURES.items():
        console.print(f"[bold]{name}[/bold]: {row.description}")
        symmetric = "symmetric" if row.symmetric else "not symmetric"
        units = "" if row.distance.units == "1" else f", in {row.distance.units}"
        metric = "a metric" if row.metric else "no metric"
        low, high = row.similarity_range
        facts = (
            f"similarity = {row.formula}\n"
            f"distance = {row.distance.formula}{units}; {metric}\n"
            f"similarity in [{low:g}, {high:g}], 1 for {_ALIKE[row.invariance]}; {symmetric}\n"
            f"{row.reference}"
        )
        console.print(Padding(Text(facts), (0, 0, 1, 4)))
