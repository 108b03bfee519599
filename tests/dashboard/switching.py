"""Which switch is proved by which test: whoever proves one says so, and one that nobody proves fails the suite."""

from collections.abc import Callable

Proof = Callable[..., None]
PROVED: dict[str, Proof] = {}


def of(*switches: str) -> Callable[[Proof], Proof]:
    """The test is of these switches."""

    def proves(test: Proof) -> Proof:
        PROVED.update(dict.fromkeys(switches, test))
        return test

    return proves
