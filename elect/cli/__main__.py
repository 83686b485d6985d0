"""`python -m elect.cli`: the command, where it is not installed."""

from elect.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
