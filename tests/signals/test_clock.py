"""Minutes, bars and wall clocks; and how a trade id's zone is learned, proved on the recorded logs."""

import csv
import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.clock import (
    MINUTE,
    Decision,
    TradeId,
    Vote,
    bar_of,
    decide,
    floor_minute,
    instant,
    local,
    possible_zones,
    vote_zone,
)
from signals.sessions import session_of
from signals.vocabulary import Session

NY, CHICAGO, BERLIN = "America/New_York", "America/Chicago", "Europe/Berlin"
ZONES = (NY, CHICAGO)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded"
TRUTH = {
    "strategy": CHICAGO,
    "telemetry-chicago": CHICAGO,
    "telemetry-newyork": NY,
    "created-batches-night": NY,
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Minutes and bars


def test_a_moment_is_cut_to_its_utc_minute() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert floor_minute(datetime(2025, 12, 11, 11, 17, 59, 999999, kolkata)) == utc("2025-12-11 05:47")
    assert floor_minute(datetime(2025, 12, 11, 11, 17, 59, 999999, kolkata)).tzinfo is UTC


def test_an_alert_is_about_the_bar_that_closed_when_it_fired() -> None:
    assert bar_of(utc("2025-12-10 21:56:01")) == utc("2025-12-10 21:55")


@pytest.mark.parametrize("function", [floor_minute, bar_of, session_of, lambda t: local(t, NY)])
def test_a_time_without_a_zone_is_refused(function) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        function(wall("2025-12-10 21:56"))


# Trade ids


@pytest.mark.parametrize(
    ("text", "naive", "direction"),
    [
        ("20251210_184900000_BEARISH", "2025-12-10 18:49", "Bearish"),
        ("20251114_083600000_BULLISH", "2025-11-14 08:36", "Bullish"),
        (" 20251114_083600000_bullish\n", "2025-11-14 08:36", "Bullish"),
        ("20251114_083600000_LONG", "2025-11-14 08:36", "Bullish"),
        ("20251114_083600000_Short", "2025-11-14 08:36", "Bearish"),
        ("20251114_083600_BULL", "2025-11-14 08:36", "Bullish"),
        ("20251114_083659999_BEAR", "2025-11-14 08:36", "Bearish"),
        ("20251114_083600000", "2025-11-14 08:36", None),
        ("20251114_083600000_SIDEWAYS", "2025-11-14 08:36", None),
        ("20240229_000000000_BULLISH", "2024-02-29 00:00", "Bullish"),
    ],
)
def test_a_trade_id_says_a_bar_and_a_direction(text: str, naive: str, direction: str | None) -> None:
    assert TradeId.parse(text) == TradeId(wall(naive), direction)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MANUAL-7",
        "20250229_120000000_BULLISH",
        "20251310_120000000_BULLISH",
        "20251210_240000000_BULLISH",
        "20251210_126000000_BULLISH",
        "20251210_120061000_BULLISH",
        "20251210_12000000_BULLISH",
        "2025121_0120000000_BULLISH",
        "20251210_120000000_BULLISH_2",
        "00010101_000000000_BULLISH",
        "99991231_235900000_BULLISH",
        "２０２５1210_120000000_BULLISH",  # noqa: RUF001 - full-width digits are the point
    ],
)
def test_what_names_no_minute_is_no_trade_id(text: str) -> None:
    assert TradeId.parse(text) is None


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_quietly(text: str) -> None:
    TradeId.parse(text)


@given(
    st.datetimes(wall("1970-01-01"), wall("2199-12-31")),
    st.sampled_from(["BULLISH", "BEARISH"]),
    st.sampled_from([*ZONES, "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
)
def test_whatever_id_can_be_read_can_be_placed_in_any_zone(t: datetime, direction: str, zone: str) -> None:
    parsed = TradeId.parse(f"{t:%Y%m%d_%H%M%S}{t.microsecond // 1000:03}_{direction}")
    assert parsed == TradeId(t.replace(second=0, microsecond=0), direction.title())
    assert abs(instant(parsed.naive, zone).replace(tzinfo=None) - parsed.naive) <= timedelta(hours=15)


# Wall clocks and daylight saving


@pytest.mark.parametrize(
    ("clock", "zone", "moment"),
    [
        ("2025-12-10 16:55", NY, "2025-12-10 21:55"),
        ("2025-07-10 16:55", NY, "2025-07-10 20:55"),
        ("2025-11-14 08:36", CHICAGO, "2025-11-14 14:36"),
        ("2025-11-02 00:59", NY, "2025-11-02 04:59"),
        ("2025-11-02 02:00", NY, "2025-11-02 07:00"),
        ("2025-03-09 01:59", NY, "2025-03-09 06:59"),
        ("2025-03-09 03:00", NY, "2025-03-09 07:00"),
        ("2025-06-01 12:00", "UTC", "2025-06-01 12:00"),
    ],
)
def test_a_wall_clock_names_a_moment(clock: str, zone: str, moment: str) -> None:
    assert instant(wall(clock), zone) == utc(moment)


def test_a_skipped_wall_clock_is_moved_forward() -> None:
    skipped = instant(wall("2025-03-09 02:30"), NY)
    assert skipped == utc("2025-03-09 07:30")
    assert local(skipped, NY).strftime("%H:%M") == "03:30"
    assert instant(wall("2025-03-09 02:30"), NY, near=utc("2025-03-09 12:00")) == skipped


@pytest.mark.parametrize(
    ("near", "moment"),
    [
        (None, "2025-11-02 05:30"),
        ("2025-11-02 05:31", "2025-11-02 05:30"),
        ("2025-11-02 06:30", "2025-11-02 05:30"),  # the second 01:30 bar is still open
        ("2025-11-02 06:31", "2025-11-02 06:30"),
        ("2025-11-05 00:00", "2025-11-02 06:30"),
        ("2025-11-01 00:00", "2025-11-02 05:30"),  # neither can be: the first
    ],
)
def test_a_repeated_wall_clock_is_the_latest_bar_closed_by_then(near: str | None, moment: str) -> None:
    assert instant(wall("2025-11-02 01:30"), NY, near=near and utc(near)) == utc(moment)


def test_a_moment_is_not_taken_for_a_wall_clock() -> None:
    with pytest.raises(ValueError, match="already has a time zone"):
        instant(utc("2025-12-10 16:55"), NY)


minutes = st.datetimes(wall("2020-01-01"), wall("2030-01-01")).map(
    lambda t: t.replace(second=0, microsecond=0, tzinfo=UTC)
)
# Around the changes of 2025 most naive times are odd.
odd_minutes = st.sampled_from(["2025-03-09 07:00", "2025-11-02 06:00", "2025-03-30 01:00", "2025-10-26 01:00"]).flatmap(
    lambda change: st.integers(-180, 180).map(lambda n: utc(change) + n * MINUTE)
)


@given(minutes | odd_minutes, st.sampled_from([NY, CHICAGO, BERLIN, "Australia/Lord_Howe"]))
def test_every_bar_is_found_again_from_its_wall_clock_at_its_close(t: datetime, zone: str) -> None:
    assert instant(local(t, zone).replace(tzinfo=None), zone, near=t + MINUTE) == t


@pytest.mark.parametrize(
    ("first", "last", "session"),
    [
        ("20:00", "23:59", Session.ASIA),
        ("00:00", "05:59", Session.LONDON),
        ("06:00", "08:29", Session.NY_PRE),
        ("08:30", "11:59", Session.NY_AM),
        ("12:00", "12:59", Session.NY_LUNCH),
        ("13:00", "15:59", Session.NY_PM),
        ("16:00", "19:59", Session.AFTER_HOURS),
    ],
)
@pytest.mark.parametrize("day", ["2025-01-15", "2025-07-15"])
def test_a_session_follows_the_new_york_clock_all_year(day, first, last, session) -> None:
    assert session_of(instant(wall(f"{day} {first}"), NY)) is session
    assert session_of(instant(wall(f"{day} {last}"), NY)) is session


def test_another_zone_can_be_asked_for_its_sessions() -> None:
    assert session_of(utc("2025-12-10 13:15")) is Session.NY_PRE
    assert session_of(utc("2025-12-10 13:15"), BERLIN) is Session.NY_PM


# Learning the zone of an id


BAR = wall("2025-12-10 09:30")  # closes at 14:31 UTC in New York, at 15:31 in Chicago


@pytest.mark.parametrize(("first", "last", "zone"), [("14:31", "14:46", NY), ("15:31", "15:46", CHICAGO)])
def test_an_event_votes_for_the_zone_where_its_bar_closed_up_to_a_quarter_hour_ago(first, last, zone) -> None:
    first, last = utc(f"2025-12-10 {first}"), utc(f"2025-12-10 {last}")
    cast = [vote_zone(BAR, fired, ZONES) for fired in (first - MINUTE, first, last, last + MINUTE)]
    assert cast == [None, zone, zone, None]


def test_the_least_lag_wins_a_vote_and_the_order_of_zones_breaks_a_tie() -> None:
    kathmandu = "Asia/Kathmandu"  # UTC+05:45, a quarter hour from Kolkata
    fired = instant(BAR, "Asia/Kolkata") + MINUTE
    assert vote_zone(BAR, fired, (kathmandu, "Asia/Kolkata")) == "Asia/Kolkata"
    assert vote_zone(BAR, fired, ("Asia/Kolkata", "Asia/Colombo")) == "Asia/Kolkata"
    assert vote_zone(BAR, fired, ("Asia/Colombo", "Asia/Kolkata")) == "Asia/Colombo"


def test_a_zone_is_possible_once_the_bar_has_closed_there() -> None:
    assert possible_zones(BAR, utc("2025-12-10 14:30"), ZONES) == ()
    assert possible_zones(BAR, utc("2025-12-10 14:31"), ZONES) == (NY,)
    assert possible_zones(BAR, utc("2025-12-10 15:30"), ZONES) == (NY,)
    assert possible_zones(BAR, utc("2025-12-10 15:31"), ZONES) == ZONES


def votes(*zones: str, start: str = "2025-12-10 16:00") -> list[Vote]:
    """One vote a minute, from `start` on: nearest first for an id first heard of then."""
    return [Vote(utc(start) + i * MINUTE, f"{i:064x}", 0, zone) for i, zone in enumerate(zones)]


HEARD = utc("2025-12-10 16:00")  # late enough for both zones


def zone_by(first: datetime, cast: Iterable[Vote], zones=ZONES, configured: str = NY) -> Decision:
    return decide(BAR, first, cast, zones, configured)


def test_the_only_possible_zone_needs_no_votes_and_heeds_none() -> None:
    early = utc("2025-12-10 14:31")
    assert zone_by(early, [], configured=CHICAGO) == Decision(NY, "only_possible")
    assert zone_by(early, votes(*[CHICAGO] * 5)) == Decision(NY, "only_possible")


def test_five_nearest_votes_decide_by_majority() -> None:
    assert zone_by(HEARD, votes(CHICAGO, NY, CHICAGO, NY, CHICAGO, NY, NY, NY)) == Decision(CHICAGO, "votes")


def test_one_misleading_vote_is_outvoted() -> None:
    assert zone_by(HEARD, votes(CHICAGO, NY, NY)) == Decision(NY, "votes")


def test_the_nearest_vote_breaks_a_tie() -> None:
    assert zone_by(HEARD, votes(CHICAGO, NY)) == Decision(CHICAGO, "votes")
    assert zone_by(HEARD, votes(NY, CHICAGO, CHICAGO, NY)) == Decision(NY, "votes")


def test_of_two_votes_equally_near_the_earlier_counts_first() -> None:
    before, after = Vote(HEARD - MINUTE, "f", 0, CHICAGO), Vote(HEARD + MINUTE, "a", 0, NY)
    assert zone_by(HEARD, [after, before]) == Decision(CHICAGO, "votes")


def test_of_two_votes_in_one_minute_checksum_and_then_position_count_first() -> None:
    def cast(*marks: tuple[str, int, str]) -> list[Vote]:
        return [Vote(HEARD, *mark) for mark in marks]

    assert zone_by(HEARD, cast(("b", 0, NY), ("a", 1, CHICAGO))) == Decision(CHICAGO, "votes")
    assert zone_by(HEARD, cast(("a", 1, NY), ("a", 0, CHICAGO))) == Decision(CHICAGO, "votes")


def test_if_no_zone_is_possible_all_stand() -> None:
    before_any = utc("2025-12-10 10:00")
    assert zone_by(before_any, votes(CHICAGO)) == Decision(CHICAGO, "votes")
    assert zone_by(before_any, [], configured=CHICAGO) == Decision(CHICAGO, "configured")


def test_without_votes_the_configured_zone_holds_if_it_stands() -> None:
    assert zone_by(HEARD, [], configured=CHICAGO) == Decision(CHICAGO, "configured")
    assert zone_by(HEARD, [], configured="Asia/Tokyo") == Decision(NY, "configured")


def test_votes_for_an_impossible_zone_take_a_place_among_the_five_but_do_not_count() -> None:
    three = (*ZONES, "America/Los_Angeles")  # closes at 17:31 UTC: impossible when heard of at 16:00
    cast = votes(*["America/Los_Angeles"] * 4, NY, CHICAGO, CHICAGO)
    assert zone_by(HEARD, cast, three) == Decision(NY, "votes")
    assert zone_by(HEARD, cast[:4], three, CHICAGO) == Decision(CHICAGO, "configured")


def test_a_source_needs_a_candidate_zone() -> None:
    with pytest.raises(ValueError, match="at least one"):
        zone_by(HEARD, [], zones=())


any_votes = st.lists(
    st.builds(
        Vote,
        st.integers(-30, 30).map(lambda n: HEARD + n * MINUTE),
        st.sampled_from("abc"),
        st.integers(0, 2),
        st.sampled_from(ZONES),
    ),
    max_size=20,
)


@given(any_votes, st.randoms())
def test_order_and_repetition_of_votes_do_not_matter(cast: list[Vote], rnd: random.Random) -> None:
    mixed = cast + rnd.choices(cast, k=5) if cast else []
    rnd.shuffle(mixed)
    assert zone_by(HEARD, mixed) == zone_by(HEARD, cast)


@given(any_votes)
def test_nothing_beyond_the_five_nearest_votes_matters(cast: list[Vote]) -> None:
    nearest = sorted(set(cast), key=lambda vote: (abs(vote.minute - HEARD), vote))[:5]
    assert zone_by(HEARD, nearest) == zone_by(HEARD, cast)


# The recorded logs


@dataclass(frozen=True)
class Fired:
    minute: datetime
    type: str
    trade_id: str
    vote_key: tuple[str, int]


def recorded(name: str) -> list[list[Fired]]:
    """The deliveries of one recorded log, each as its events."""
    if not RECORDED.is_dir():
        pytest.skip(f"needs the recorded alert logs in {RECORDED}")
    csv.field_size_limit(10**9)
    with (RECORDED / f"{name}.csv").open(encoding="utf-8-sig", newline="") as log:
        return [fired(f"{name}:{row['Time']}:{i}", row) for i, row in enumerate(csv.DictReader(log))]


def fired(key: str, row: dict[str, str]) -> list[Fired]:
    # Prices may carry a stray closing quote; ids and types, all that is read here, are never harmed.
    body = json.loads(re.sub(r'("\s*:\s*-?\d+(?:\.\d+)?)"(?=[,}])', r"\1", row["Description"]))
    entries = body.get("signals") or [body]
    ids = [entry.get("trade_id") or entry["signal_id"] for entry in entries]
    minute = floor_minute(datetime.fromisoformat(row["Time"]))
    return [Fired(minute, body.get("event_type") or body["type"], text, (key, i)) for i, text in enumerate(ids)]


def decisions(events: Iterable[Fired], zones: tuple[str, ...]) -> dict[str, str]:
    first: dict[str, datetime] = {}
    cast = []
    for event in events:
        first[event.trade_id] = min(event.minute, first.get(event.trade_id, event.minute))
        if event.type in {"SIGNAL_CREATED", "ENTRY"}:
            zone = vote_zone(TradeId.parse(event.trade_id).naive, event.minute, zones)
            cast += [Vote(event.minute, *event.vote_key, zone)] if zone else []
    return {i: decide(TradeId.parse(i).naive, t, cast, zones, zones[0]).zone for i, t in first.items()}


@pytest.mark.parametrize("zones", [(NY, CHICAGO), (CHICAGO, NY), (NY, CHICAGO, "UTC", "America/Los_Angeles")])
@pytest.mark.parametrize(
    "logs", [*([name] for name in TRUTH), ["telemetry-chicago", "telemetry-newyork"], [*TRUTH]], ids="+".join
)
def test_every_recorded_id_finds_its_zone_whatever_is_lost(logs: list[str], zones: tuple[str, ...]) -> None:
    """Two logs together are a source whose clock changed in mid-stream."""
    deliveries = [(name, delivery) for name in logs for delivery in recorded(name)]
    truth = {event.trade_id: TRUTH[name] for name, delivery in deliveries for event in delivery}
    assert decisions((event for _, delivery in deliveries for event in delivery), zones) == truth
    for lost in (0.1, 0.3, 0.5):
        for seed in range(5):
            rnd = random.Random(seed)
            events = [event for _, delivery in deliveries if rnd.random() >= lost for event in delivery]
            assert decisions(events, zones) == {event.trade_id: truth[event.trade_id] for event in events}


def test_one_recorded_entry_after_the_daily_halt_misleads_as_a_vote() -> None:
    """It fired 66 minutes after its bar opened in New York, which looks like 6 in Chicago."""
    events = [event for delivery in recorded("created-batches-night") for event in delivery]
    entries = [event for event in events if event.type in {"ENTRY", "SIGNAL_CREATED"}]
    cast = {e: vote_zone(TradeId.parse(e.trade_id).naive, e.minute, ZONES) for e in entries}
    assert [e.trade_id for e, zone in cast.items() if zone == CHICAGO] == ["20251210_165500000_BEARISH"]
    assert set(cast.values()) == {NY, CHICAGO}
