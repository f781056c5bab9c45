"""isorep measures: the table of measures, or one measure in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.completion import complete_measure
from isorep.cli.output import STDOUT, new_console, new_table, shown, write_text
from isorep.cli.own_measures import import_measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from isorep.measures.base import Measure

INVARIANCE_WORDS = {
    "linear": "invertible linear maps, translation and scaling of one side",
    "orthogonal": "rotations, reflections, translation and scaling of one side",
    "rotation": "rotations and reflections about the origin, and scaling of one side",
    "permutation": "reordering the neurons of one side, translation and scaling",
    "neurons": "reordering the neurons of one side; an offset and a positive factor for each",
    "signed": "reordering the neurons of one side; an offset and a factor of either sign for each",
    "common": "reordering the neurons of one side; one offset and one factor for all",
    "scaling": "positive scaling of one side",
    "none": "no change of one side",
}


@app.command(
    epilog="Examples:\n\nisorep measures\n\nisorep measures 'linear_regression(folds=10)'\n\n"
    "isorep measures pwcca --bibtex >> references.bib"
)
def measures(
    measure: Annotated[
        str | None,
        typer.Argument(
            metavar="MEASURE",
            autocompletion=complete_measure,
            callback=lambda spec: None if spec is None else import_measure(spec),
            help="Measure to describe, with options if any.",
        ),
    ] = None,
    bibtex: Annotated[
        bool,
        typer.Option(
            "--bibtex",
            help="Print the BibTeX entries of the works that the measures come from, or that the "
            "one measure comes from.",
        ),
    ] = False,
) -> None:
    """List the measures, or describe one.

    The description holds the formula, options with defaults, and invariance.
    """
    from isorep.measures.plugins import PLUGINS
    from isorep.measures.registry import MEASURES, measure_named

    if bibtex:
        rows = [*MEASURES.values()] if measure is None else [measure_named(measure)]
        write_text(STDOUT, _bibtex(rows))
        return
    console = new_console()
    if measure is None:
        console.print(_list(MEASURES.values()))
        if others := [name for name in PLUGINS.names if name not in MEASURES]:
            console.print(shown(f"of installed packages: {', '.join(others)}"))
        console.print("isorep measures MEASURE describes one measure.")
        return
    row = measure_named(measure)
    console.print(shown(row.label, "bold") + shown(f": {row.description}"))
    console.print(_description(row))


def _bibtex(rows: Sequence[Measure]) -> str:
    """Return the entries of all works that measures come from, each once."""
    from isorep.measures.bibliography import cited_entries

    entries: dict[str, str] = {}
    for row in rows:
        cited = cited_entries(row.reference)
        if not cited and len(rows) == 1:
            raise ValueError(
                f"no BibTeX entry is known of the source of {row.name}: its reference is "
                f"{row.reference!r}"
            )
        entries |= cited
    return "\n\n".join(entries.values()) + "\n"


def _list(rows: Iterable[Measure]) -> Table:
    """List the name, direction and description of each measure."""
    listing = new_table("measure", "direction", "description", n_text_columns=3)
    for row in rows:
        listing.add_row(row.name, row.direction or "symmetric", shown(row.description))
    listing.columns[0].no_wrap = listing.columns[1].no_wrap = True
    return listing


def _description(measure: Measure) -> Table:
    """List the formula, options and properties of a measure."""
    low, high = measure.similarity_range
    units = "" if measure.distance.units == "1" else f", in {measure.distance.units}"
    options = ", ".join(f"{name}={value!r}" for name, value in measure.options.items())
    facts = {
        "similarity": measure.formula,
        "range": f"{low:g} to {high:g}, 1 is the same",
        "distance": f"{measure.distance.formula}{units}",
        "metric": "yes" if measure.metric else "no",
        "direction": measure.direction or "symmetric",
        "invariant to": INVARIANCE_WORDS[measure.invariance],
        "options": options or "none",
        "reference": measure.reference,
    }
    description = new_table("", "", n_text_columns=2)
    description.show_header = False
    description.columns[0].no_wrap = True
    for name, fact in facts.items():
        description.add_row(f"  {name}", shown(fact))
    return description
