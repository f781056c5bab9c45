"""isorep certify: whether a measure has the properties that it declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.output import new_console, new_table, say, shown

if TYPE_CHECKING:
    from isorep.measures.base import Measure


@app.command(
    epilog="Examples:\n\nisorep certify mypackage:mymeasure\n\n"
    "isorep certify 'linear_regression(folds=10)'"
)
def certify(
    measure: Annotated[
        str,
        typer.Argument(
            metavar="MEASURE",
            help="Measure to check: package:name of what isorep.register returned, or the name of "
            "a measure, with options if any.",
        ),
    ],
) -> None:
    """Check the properties that a measure declares, on random data.

    The exit status is 1 if a declared property does not hold.
    """
    from isorep.inference.certification import certify as certify_row

    row = _row(measure)
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


def _row(spec: str) -> Measure:
    """Return the measure of a name, or of an object of a module."""
    from isorep.measures.base import Measure
    from isorep.measures.registry import measure_named
    from isorep.model_files.module_objects import find_object

    if ":" not in spec:
        return measure_named(spec)
    plugin = find_object(spec)
    row = getattr(plugin, "measure", plugin)
    if not isinstance(row, Measure):
        raise ValueError(
            f"{spec} is a {type(plugin).__name__}: expected what isorep.register returned, as with "
            "@isorep.register above the function"
        )
    return row
