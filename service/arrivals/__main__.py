"""`python -m arrivals`."""

from arrivals.cli.main import main

main()
