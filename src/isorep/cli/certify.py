"""isorep certify: whether a measure has the properties that it declares."""

from __future__ import annotations

from typing import Annotated

import typer

from isorep.cli.app import app
from isorep.cli.completion import complete_measure
from isorep.cli.output import new_console, new_table, say, shown
from isorep.cli.own_measures import import_measure


@app.command(
    epilog="Examples:\n\nisorep certify mypackage:mymeasure\n\n"
    "isorep certify 'linear_regression(folds=10)'"
)
def certify(
    measure: Annotated[
        str,
        typer.Argument(
            metavar="MEASURE",
            autocompletion=complete_measure,
            callback=import_measure,
            help="Measure to check: module:name of what isorep.register returned, or the name of "
            "a measure, with options if any.",
        ),
    ],
) -> None:
    """Check the properties that a measure declares, on random data.

    The exit status is 1 if a declared property does not hold.
    """
    from isorep.inference.certification import certify as certify_row
    from isorep.measures.registry import measure_named

    row = measure_named(measure)
    checks = certify_row(row)
    console = new_console()
    console.print(shown(f"{row.label}: {row.description}", "bold"))
    table = new_table("property", "seen", "verdict", n_text_columns=3)
    for check in checks:
        table.add_row(shown(check.name), shown(check.seen), check.verdict)
    console.print(table)
    broken = [check.name for check in checks if check.verdict == "does not hold"]
    if broken:
        say(f"does not hold: {'; '.join(broken)}")
        raise typer.Exit(1)
    say("every declared property holds on these data")
