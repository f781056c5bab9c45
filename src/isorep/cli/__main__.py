"""Run the shell as ``python -m isorep.cli``."""

from isorep.cli import main

main()
