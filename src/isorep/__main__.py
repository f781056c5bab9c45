"""Run the shell as ``python -m isorep``."""

from isorep.cli import main

main()
