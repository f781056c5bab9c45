"""The pages of the shell's commands, from the application itself."""

import re
from collections.abc import Iterator
from textwrap import indent
from typing import Any

import typer
from rst import plain, table, title, toctree

from isorep.cli import app


def commands() -> dict[str, Any]:
    """Return the commands by name."""
    group: Any = typer.main.get_group(app)
    return dict(sorted(group.commands.items()))


def examples(command: Any) -> list[str]:
    """Return the lines of shell that a command's help shows."""
    paragraphs = (command.epilog or "").split("\n\n")
    return [text for text in paragraphs if text.startswith("isorep ")]


def command_pages() -> Iterator[tuple[str, str]]:
    """Yield the path of each page, without its suffix, and its text."""
    found = commands()
    rows = [(f":doc:`isorep {name} <isorep-{name}>`", _summary(found[name])) for name in found]
    yield (
        "shell/index",
        title("Shell commands")
        + table(rows)
        + toctree(f"isorep-{name}" for name in found)
        + "``isorep --version`` prints the version. ``isorep COMMAND --help`` prints what these "
        "pages show.\n\n:doc:`/shell` says what exit statuses mean.\n",
    )
    for name, command in found.items():
        yield f"shell/isorep-{name}", _command_page(name, command)


def _summary(command: Any) -> str:
    return plain(command.help.partition("\n\n")[0].replace("\n", " "))


def _command_page(name: str, command: Any) -> str:
    context = command.make_context(f"isorep {name}", [], resilient_parsing=True)
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [title(f"isorep {name}"), plain(command.help) + "\n\n"]
    parts.append(f".. code-block:: text\n\n{indent(' '.join(usage.split()), '   ')}\n\n")
    parts += [title("Examples", "-"), ".. code-block:: shell\n\n"]
    parts += [*(f"   {line}\n" for line in examples(command)), "\n"]
    others = [text for text in command.epilog.split("\n\n")[1:] if not text.startswith("isorep ")]
    parts += [f"{plain(text)}\n\n" for text in others]
    records = [(item, item.get_help_record(context)) for item in command.params if not item.hidden]
    arguments = [record for item, record in records if item.param_type_name == "argument"]
    options = [record for item, record in records if item.param_type_name == "option"]
    if arguments:
        parts += [title("Arguments", "-"), *map(_argument, arguments)]
    if options:
        parts += [title("Options", "-"), f".. program:: isorep {name}\n\n", *map(_option, options)]
    return "".join(parts)


def _argument(record: tuple[str, str]) -> str:
    name = re.sub(r" <.*>$", "", record[0])  # the type in Python
    return f"``{name}``\n   {_help(record[1])}\n\n"


def _option(record: tuple[str, str]) -> str:
    names = record[0].replace(" / ", ", ")
    return f".. option:: {names}\n\n   {_help(record[1])}\n\n"


def _help(text: str) -> str:
    return plain(text.replace("\\[", "[").replace("  [", " ["))
