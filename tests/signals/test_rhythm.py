"""The bar length that births show: by when they fire after the bars that their ids name."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.learning import DAY
from signals.rhythm import Birth, heard, shown

NY, CHICAGO = "America/New_York", "America/Chicago"
ZONES = (NY, CHICAGO)


def birth(opened: str, minutes: int, kind: str = "SIGNAL_CREATED", zone: str = NY) -> Birth:
    """Of a signal whose bar opens then (in UTC), fired so many minutes later; its id is in the zone."""
    bar = datetime.fromisoformat(opened).replace(tzinfo=UTC)
    return Birth(kind, f"{bar.astimezone(ZoneInfo(zone)):%Y%m%d_%H%M%S}000_BULLISH", bar + timedelta(minutes=minutes))


def every(
    step: int, number: int, *, minutes: int | None = None, zone: str = NY, start: str = "2026-11-23T01:00"
) -> list[Birth]:
    """Signals in every `step`th minute, each told of after `minutes` (when its bar of that length closes)."""
    first = datetime.fromisoformat(start)
    opens = (first + timedelta(minutes=step * n) for n in range(number))
    return [birth(bar.isoformat(), step if minutes is None else minutes, zone=zone) for bar in opens]


def length(births: Iterable[Birth], zones: tuple[str, ...] = ZONES) -> int | None:
    return shown(heard({}, births, zones), zones)


@pytest.mark.parametrize("kind", ["SIGNAL_CREATED", "ENTRY"])
def test_a_birth_one_minute_after_its_bar_proves_one_minute(kind: str) -> None:
    assert length([birth("2026-11-23T15:40", 1, kind)]) == 1
    assert length([birth("2026-11-23T15:40", 1, kind, zone=CHICAGO)]) == 1


def test_so_does_an_id_that_no_longer_bar_can_have() -> None:
    assert length([birth("2026-11-23T15:41", 4, "ENTRY")]) == 1
    assert length([birth("2026-11-23T15:40", 4, "ENTRY")]) is None


@pytest.mark.parametrize("minutes", [3, 5, 15, 30, 60, 240])
@pytest.mark.parametrize("zone", ZONES)
def test_a_longer_one_is_believed_only_beyond_chance(minutes: int, zone: str) -> None:
    enough = 2 if minutes <= 30 else 3
    assert length(every(minutes, enough - 1, zone=zone)) is None
    assert length(every(minutes, enough, zone=zone)) == minutes


def test_two_hours_of_one_clock_are_one_hour_of_another_until_an_hour_between_comes() -> None:
    two = every(120, 8)
    assert length(two[:7]) is None
    assert length(two) == 120
    assert length(every(60, 3, zone=CHICAGO)) == 60


@pytest.mark.parametrize("minutes", [390, 1380, 1440])
def test_a_day_is_as_long_as_its_session(minutes: int) -> None:
    days = [birth(f"2026-11-{day}T14:30", minutes) for day in (23, 24, 25)]
    assert length(days[:2]) is None
    assert length(days) == DAY


def test_one_that_came_late_does_not_hide_the_length() -> None:
    assert length([*every(60, 6), birth("2026-11-23T12:00", 61)]) == 60


def test_a_contradiction_is_learned_from() -> None:
    five = every(5, 6)
    assert length(five) == 5
    assert length([*five, birth("2026-11-23T15:41", 1)]) == 1


def test_ids_that_name_no_bar_show_nothing() -> None:
    assert (
        length([Birth("ENTRY", name, datetime(2026, 11, 23, 15, tzinfo=UTC)) for name in ("7", "20261123_145907")])
        is None
    )


def test_a_source_that_is_known_to_be_of_one_minute_has_nothing_more_to_learn() -> None:
    learned = heard({}, [birth("2026-11-23T15:41", 1)], ZONES)
    assert heard(learned, every(1, 50), ZONES) == learned == {"rhythm": {"grid": 1, "soonest": 1}}


births = st.lists(
    st.builds(
        birth,
        st.integers(0, 600).map(lambda n: (datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=n * 5)).isoformat()),
        st.integers(1, 30),
        st.sampled_from(["SIGNAL_CREATED", "ENTRY"]),
    ),
    max_size=40,
)


@given(births, st.integers(0, 40), st.randoms())
def test_neither_order_nor_repetition_nor_splitting_matters(all_of_them: list[Birth], at: int, chance: object) -> None:
    mixed = [*all_of_them, *all_of_them[:at]]
    chance.shuffle(mixed)
    whole = heard({}, all_of_them, ZONES)
    assert heard(heard({}, mixed[:at], ZONES), mixed[at:], ZONES) == whole
