"""The command `python -m elect.testing.soak`; worker processes import `soak`, and cannot import this file."""

from elect.testing.soak.interruption import run
from elect.testing.soak.soak import main

if __name__ == "__main__":
    run(main)
