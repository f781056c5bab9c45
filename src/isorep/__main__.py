"""Run the shell: the command ``isorep``, or ``python -m isorep``."""

from __future__ import annotations

import sys

from isorep._utils.optional import import_optional


def main() -> None:
    """Run the shell; without the extra `cli`, say in one line what to install and exit with 2."""
    try:
        import_optional("typer", "cli")
        import_optional("rich", "cli")
    except ImportError as error:
        print(f"isorep: error: {error}", file=sys.stderr)
        sys.exit(2)
    from isorep.cli import main as shell

    shell()


if __name__ == "__main__":
    main()
