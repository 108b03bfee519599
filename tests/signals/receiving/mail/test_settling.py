"""A mail is the same alert as its webhook and its row of a log, whatever comes first; one alone has events."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.intake import take_in
from signals.models import Delivery, Mail, MailMark, PriceBar, Quarantine, SignalEvent, Source
from signals.parcels import Incoming
from signals.receiving.alertlog import import_log
from signals.receiving.mail.settling import settle_due, settle_late
from signals.receiving.senders import default_source, new_token
from signals.vocabulary import Channel
from tests.builders import at, created, entry, everything, the_signal, update
from tests.signals.receiving.logs import as_csv, lines

from .mails import TRADER, Trust, collected, mail, taken

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATER = at(0) + timedelta(hours=12)
Body = dict[str, Any] | str


def text(body: Body) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def webhook(body: Body, when: datetime, now: datetime = LATER) -> None:
    take_in(default_source(), [Incoming(body=text(body).encode(), received_at=when)], now=now)


def log(*rows: tuple[Body, datetime]) -> None:
    told = [("7", "CME_MINI:MNQ1!, 1m", "", text(body), f"{when:%Y-%m-%dT%H:%M:%S.%fZ}") for body, when in rows]
    import_log(lines(as_csv(*told)), now=LATER, source=default_source())


def states() -> list[str]:
    return list(Mail.objects.order_by("at").values_list("state", flat=True))


def told() -> list[tuple[Any, ...]]:
    """All events, by what they say and when."""
    rows = SignalEvent.objects.order_by("fire_minute", "type", "signal__trade_id", "delivery__channel")
    return list(rows.values_list("signal__trade_id", "type", "fire_minute", "facts", "delivery__channel"))


def test_a_mail_that_nothing_else_brought_has_events_of_the_minute_in_which_it_was_sent() -> None:
    taken(mail(created(), at(1) + 3 * SECOND), source=default_source(), now=LATER)
    (event,) = SignalEvent.objects.all()
    assert (event.fire_minute, event.delivery.channel, states()) == (at(1), Channel.MAIL, ["alone"])
    assert the_signal().provenance["direction"]["tier"] is None
    assert event.delivery.mail.subject == "Alert: Hybrid Signals"
    call_command("verify_deliveries", stdout=io.StringIO())
    call_command("rebuild_signals", check=True, stdout=io.StringIO())


def test_it_waits_three_minutes_for_the_webhook() -> None:
    raw = mail(created(), at(1))
    taken(raw, source=default_source(), now=at(3.9))
    assert (states(), Delivery.objects.count()) == (["waiting"], 0)
    taken(raw, source=default_source(), now=at(4.1))
    assert (states(), Delivery.objects.count()) == (["alone"], 1)


def test_a_mail_that_queued_tells_its_own_time() -> None:
    taken(mail(created(), at(1), received=at(40)), source=default_source(), now=LATER)
    assert SignalEvent.objects.get().fire_minute == at(1)


def test_the_servers_receipt_counts_where_the_mails_own_time_is_later_or_missing() -> None:
    taken(mail(created(), at(9), received=at(1)), source=default_source(), now=LATER)
    taken(mail(entry(), at(9), received=at(3), date=False), source=default_source(), now=LATER)
    assert [row[2] for row in told()] == [at(1), at(3)]


def test_a_mail_that_was_days_on_its_way_is_refused_for_nobody_knows_when_it_fired() -> None:
    taken(mail(created(), at(1), received=at(1) + timedelta(days=2)), source=default_source(), now=LATER)
    assert (states(), Delivery.objects.count()) == (["refused"], 0)


def test_the_same_message_read_again_is_one() -> None:
    raw = mail(created(), at(1))
    for _ in range(3):
        taken(raw, source=default_source(), now=LATER)
    assert (states(), Delivery.objects.count()) == (["alone"], 1)


@pytest.mark.parametrize("html", [False, True], ids=["plain", "html"])
@pytest.mark.parametrize("late", [-20, 3, 61, 119], ids=str)
@pytest.mark.parametrize("way", ["webhook", "log"])
@pytest.mark.parametrize("mail_first", [False, True], ids=["mail last", "mail first"])
def test_one_alert_by_two_ways_is_one_whichever_came_first(way: str, mail_first: bool, late: int, html: bool) -> None:
    fired, body = at(1) + 2 * SECOND, json.dumps(created(), indent=1)

    def bring() -> None:
        log((body, fired)) if way == "log" else webhook(body, fired)

    def send() -> None:
        taken(mail(body, fired + late * SECOND, html=html), source=default_source(), now=LATER)

    for step in (send, bring) if mail_first else (bring, send):
        step()
    settle_late(LATER)
    assert [(minute, channel) for _, _, minute, _, channel in told()] == [(at(1), way)]
    assert states() == ["matched"]
    copy = Mail.objects.get().delivery
    assert copy is not None
    assert copy.duplicate_of == Delivery.objects.get(channel=way)
    assert the_signal().event_count == 1
    call_command("verify_deliveries", stdout=io.StringIO())
    call_command("rebuild_signals", check=True, stdout=io.StringIO())


def test_equal_alerts_of_two_minutes_are_two() -> None:
    raws = [mail(update(0.4), at(minute), number=str(minute)) for minute in (6, 7)]
    webhook(update(0.4), at(6) + SECOND)
    taken(*raws, source=default_source(), now=LATER)
    assert [(minute, channel) for _, _, minute, _, channel in told()] == [(at(6), "webhook"), (at(7), "mail")]
    webhook(update(0.4), at(7) + SECOND)
    settle_late(LATER)
    assert [(minute, channel) for _, _, minute, _, channel in told()] == [(at(6), "webhook"), (at(7), "webhook")]
    assert states() == ["matched", "matched"]


def test_a_mail_that_was_taken_for_another_alerts_says_its_own_words_again() -> None:
    """The row of 06 is there first, the mail of 05 is near enough, and then that of 06 comes."""
    own = json.dumps(update(0.4), indent=1)
    log((update(0.4), at(6)))
    taken(mail(own, at(5) + 2 * SECOND), source=default_source(), now=LATER)
    assert states() == ["matched"]
    taken(mail(update(0.4), at(6) + 2 * SECOND), source=default_source(), now=LATER)
    assert states() == ["alone", "matched"]
    (by_mail,) = Delivery.objects.filter(channel="mail", status="accepted")
    assert (by_mail.raw.decode(), by_mail.fire_minute) == (own, at(5))
    call_command("verify_deliveries", stdout=io.StringIO())


def test_two_mails_of_one_alert_are_one() -> None:
    raws = [mail(created(), at(1) + seconds * SECOND, number=str(seconds)) for seconds in (2, 9)]
    taken(*raws, source=default_source(), now=LATER)
    assert (sorted(states()), len(told())) == (["alone", "matched"], 1)
    webhook(created(), at(1) + SECOND)
    settle_late(LATER)
    assert (states(), [row[4] for row in told()]) == (["matched", "matched"], ["webhook"])
    assert set(Delivery.objects.filter(channel="mail").values_list("duplicate_of__channel", flat=True)) == {"webhook"}


def test_a_copy_whose_words_were_changed_in_the_database_is_noticed() -> None:
    webhook(json.dumps(created(), indent=1), at(1))
    taken(mail(created(), at(1), html=True), source=default_source(), now=LATER)
    call_command("verify_deliveries", stdout=io.StringIO())
    Mail.objects.update(folded="0" * 32)
    with pytest.raises(SystemExit):
        call_command("verify_deliveries", stdout=io.StringIO())


def test_prices_that_a_mail_told_are_those_of_the_webhook_once_that_comes() -> None:
    batch = {
        "event_type": "MFE_UPDATE_BATCH",
        "signals": [update(0.5) | {"direction": "Bullish", "current_price": 25740, "be_triggered": False}],
    }
    taken(mail(batch, at(6) + 58 * SECOND, received=at(7.1)), source=default_source(), now=LATER)
    assert list(PriceBar.objects.values_list("time", flat=True)) == [at(5)]
    webhook(batch, at(7) + SECOND)
    settle_late(LATER)
    assert list(PriceBar.objects.values_list("time", flat=True)) == [at(6)]


def test_what_cannot_be_read_is_in_quarantine_once() -> None:
    broken = '{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","entry_price":25740,"stop_loss":2573'
    taken(mail(broken, at(6)), source=default_source(), now=LATER)
    assert Quarantine.objects.filter(state="open").count() == 1
    webhook(broken, at(6))
    settle_late(LATER)
    assert list(Quarantine.objects.filter(state="open").values_list("delivery__channel", flat=True)) == ["webhook"]


def test_a_text_within_the_usual_page_is_known_by_its_webhook() -> None:
    webhook("MNQ1! crossed 25,740 & more", at(6))
    taken(mail("MNQ1! crossed 25,740 & more", at(6), html=True), source=default_source(), now=LATER)
    assert states() == ["matched"]
    assert Quarantine.objects.count() == 1


def test_news_from_tradingview_is_no_alert() -> None:
    taken(mail("Black Friday is here", at(6), subject="70 % off"), source=default_source(), now=LATER)
    assert (states(), Delivery.objects.count()) == (["refused"], 0)


def test_forged_mails_are_kept_and_are_no_events() -> None:
    done = collected(mail(created(), at(1), results=()), source=default_source(), now=LATER)
    settle_due(LATER)
    assert dict(done.states) == {"refused": 1}
    assert Mail.objects.get().reason.startswith("No server says")
    assert Delivery.objects.count() == 0


def test_a_forged_mail_cannot_take_the_place_of_the_real_one() -> None:
    forged = mail(created(direction="Bearish"), at(1), number="7", results=())
    taken(forged, mail(created(), at(1), number="7"), source=default_source(), now=LATER)
    assert sorted(states()) == ["alone", "refused"]


def test_in_a_shared_mailbox_token_or_symbol_tell_whose_alert_it_is() -> None:
    first, second = (Source.objects.create(name=name, symbol=name.upper()) for name in ("mnq1", "es1"))
    token = new_token(first)
    collected(
        mail(created() | {"token": token}, at(1)),
        mail(entry() | {"symbol": "ES1"}, at(3)),
        mail(update(0.1), at(4)),
        source=None,
        now=LATER,
        trust=Trust("mx.example.org", TRADER),
    )
    rows = list(Mail.objects.order_by("at").values_list("source", "state"))
    assert rows == [(first.pk, "waiting"), (second.pk, "waiting"), (None, "refused")]
    assert token not in Mail.objects.order_by("at")[0].text


def test_what_was_stored_while_nobody_looked_is_seen_at_the_next_look() -> None:
    taken(mail(created(), at(1)), source=default_source(), now=LATER)
    MailMark.objects.update(seen_to=LATER - timedelta(days=400))
    webhook(created(), at(1) + 30 * SECOND)
    settle_late(LATER)
    assert states() == ["matched"]


Step = Callable[[], None]
BODIES: list[dict[str, Any]] = [created(), entry(), update(0.4), update(0.4, mae=-0.3)]


@settings(max_examples=25)
@given(
    alerts=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(1, 6), st.integers(0, 59), st.sampled_from([-15, 2, 30, 70, 110]),
            st.booleans(), st.booleans(), st.booleans(),
        ),
        min_size=1,
        max_size=7,
        unique_by=lambda each: each[:2],
    ),
    data=st.data(),
)  # fmt: skip
def test_whatever_comes_first_the_same_events_and_signals_stay(alerts: list[Any], data: st.DataObject) -> None:
    """Alerts that come by any of three ways, in any order, with any looks between."""

    def steps() -> list[Step]:
        found: list[Step] = []
        for number, (which, minute, second, late, by_webhook, by_log, by_mail) in enumerate(alerts):
            odd, fired = bool(number % 2), at(minute) + second * SECOND
            body = json.dumps(BODIES[which], indent=1 if odd else None)
            raw = mail(body, fired + late * SECOND, number=str(number), html=odd)
            if by_webhook:
                found.append(lambda body=body, fired=fired: webhook(body, fired))  # type: ignore[misc]
            if by_log:
                found.append(lambda body=body, fired=fired: log((body, fired)))  # type: ignore[misc]
            if by_mail:
                found.append(lambda raw=raw: taken(raw, source=default_source(), now=LATER))  # type: ignore[misc]
        return found

    def outcome(order: list[Step]) -> Any:
        with transaction.atomic():
            for step in order:
                step()
            settle_late(LATER)
            minutes = sorted((row[:4] for row in told()), key=repr)
            found = everything(), minutes, Mail.objects.filter(state="matched").count()
            transaction.set_rollback(True)
        return found

    assert outcome(data.draw(st.permutations(steps()))) == outcome(steps())
