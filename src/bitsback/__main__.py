"""`python -m bitsback` is the command `bitsback`."""

from bitsback.cli import main

main()
