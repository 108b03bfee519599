"""The project: its settings, its addresses, and the processes that run it."""

import atexit
import gc

# A process that ends goes through all that it has imported once more, to free what the system takes back anyway: a
# third of a short command's time. What is frozen, it leaves.
atexit.register(gc.freeze)

USUAL = gc.get_threshold()
YOUNG = 50_000  # objects made between two looks of the collector at a start: some tens of MiB


def start_quickly() -> None:
    """Have the collector look seldom. Nearly all that a start makes stays; going through it, hundreds of times, was a
    quarter of a first `migrate`."""
    gc.set_threshold(YOUNG, *USUAL[1:])


def started(young: int = USUAL[0]) -> None:
    """From now on the collector looks as usual, or after so many objects, but never again at what a start has made."""
    gc.freeze()
    gc.set_threshold(young, *USUAL[1:])
