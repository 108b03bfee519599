"""Marks: whatever the order in which rows are committed, each is read once."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from signals.storage.marks import PATIENCE, Mark, Missing, advanced


def read(mark: Mark, there: set[int], most: int) -> list[int]:
    """What a look at the table finds: the missing ones that are there now, and some above the mark."""
    late = [key for key in there if any(hole.first <= key <= hole.last for hole in mark.missing)]
    return late + sorted(key for key in there if key > mark.upto)[:most]


@given(st.sets(st.integers(1, 60)), st.integers(0, 10_000), st.integers(1, 7))
def test_every_key_is_read_once_in_whichever_order_they_appear(keys: set[int], seed: int, most: int) -> None:
    order, mark, there = random.Random(seed), Mark(0), set[int]()
    read_keys: Counter[int] = Counter()
    hidden = order.sample(sorted(keys), len(keys))
    while hidden or read(mark, there, most):
        for _ in range(order.randint(0, len(hidden))):
            there.add(hidden.pop())
        found = read(mark, there, most)
        read_keys.update(found)
        mark = advanced(mark, found, now=0)
    assert read_keys == Counter(keys)


def test_what_is_skipped_is_missing_until_it_appears() -> None:
    mark = advanced(Mark(10), [11, 14, 15], now=5)
    assert mark == Mark(15, (Missing(12, 13, 5),))
    assert advanced(mark, [12, 16], now=6) == Mark(16, (Missing(13, 13, 5),))


def test_a_key_whose_transaction_was_undone_is_given_up_at_last() -> None:
    mark = Mark(15, (Missing(12, 13, 0),))
    assert advanced(mark, [], now=PATIENCE - 1) == mark
    assert advanced(mark, [], now=PATIENCE) == Mark(15)
