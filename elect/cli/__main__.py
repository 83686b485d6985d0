"""`python -m elect.cli`: the command, where it is not installed."""

import sys

from elect.cli import main

if __name__ == "__main__":
    sys.exit(main())
