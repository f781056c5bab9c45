"""isorep formats: the table of the files that are read."""

from __future__ import annotations

from isorep.cli.app import app
from isorep.cli.output import new_console, new_table, say


@app.command(epilog="Example:\n\nisorep formats")
def formats() -> None:
    """List the formats of files that isorep reads.

    Larger than memory: whether rows are read in parts. Sample ids: whether such a file can say
    which samples it holds. Extra: pip install 'isorep[EXTRA]' installs what reads the format.
    """
    from rich.text import Text

    from isorep._formats.formats import TABLE_HEADINGS, table_of_formats

    listing = new_table(*TABLE_HEADINGS, n_text_columns=len(TABLE_HEADINGS))
    for row in table_of_formats():
        listing.add_row(*map(Text, row))
    new_console().print(listing)
    say("Options of load and of the commands pick, reduce and label arrays: docs/files.md.")
