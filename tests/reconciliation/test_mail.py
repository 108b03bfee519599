"""What the webhook lost comes by mail, by itself: gaps close by its event, and nothing is doubled."""

import json
from collections.abc import Iterator

import pytest
from django_q.models import OrmQ

from reconciliation.cycle import worker
from reconciliation.cycle.lease import held
from reconciliation.models import GapRecord
from reconciliation.removing import remove_some, remove_sources, scope
from signals.intake import take_in
from signals.models import Delivery, Mail, Mailbox, SignalEvent, Source
from signals.parcels import Incoming
from signals.receiving.mail.polling import poll
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import at, created, entry, the_signal, update
from tests.reconciliation.cycles import audited, cycle, rebuilt_differently
from tests.signals.receiving.mail.mails import SERVER, collected, mail, taken
from tests.signals.receiving.mail.server import PASSWORD, USER, Server, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("MAILBOX_ALERTS_PASSWORD", PASSWORD)
    with serving() as found:
        Mailbox.objects.create(
            name="alerts", source=default_source(), host="127.0.0.1", port=found.port, security="plain",
            username=USER, server=SERVER,
        )  # fmt: skip
        yield found


def webhook(body: object, minute: float) -> None:
    take_in(default_source(), [Incoming(json.dumps(body).encode(), at(minute))], now=at(minute))


def open_gaps() -> set[str]:
    return set(GapRecord.objects.filter(state=GapRecord.State.OPEN).values_list("gap", flat=True))


def test_a_lost_webhook_comes_by_mail_and_closes_the_gaps_by_its_event(server: Server) -> None:
    """ENTRY's webhook is lost; its mail is there minutes later."""
    webhook(created(), 1)
    webhook(update(0.4), 5)
    cycle(6)
    assert {"no_entry_price", "no_stop_loss", "no_targets"} <= open_gaps()
    for body, minute in ((created(), 1.1), (entry(), 3.1), (update(0.4), 5.1)):
        server.add(mail(body, at(minute), html=True))
    assert dict(poll(at(9)).settled) == {"matched": 2, "alone": 1}
    cycle(10)
    assert not {"no_entry_price", "no_stop_loss", "no_targets"} & open_gaps()
    assert ("no_entry_price", "") in audited("gap_closed")
    by_mail = Delivery.objects.get(channel=Channel.MAIL, status="accepted")
    told = the_signal().provenance["entry_price"]
    assert (told["source"], told["tier"], told["confidence"]) == ("indicator_realtime", None, 1)
    assert by_mail.checksum in json.dumps(told["evidence"])
    assert the_signal().confirmation_time == at(2)
    assert rebuilt_differently() == []


def test_what_the_spool_brings_after_all_takes_the_mails_place(server: Server) -> None:
    webhook(created(), 1)
    server.add(mail(entry(), at(3.95), received=at(4.1)))
    poll(at(9))
    cycle(10)
    webhook(entry(), 4.05)  # which the spool had kept
    poll(at(12))
    cycle(12)
    assert list(SignalEvent.objects.filter(type="ENTRY").values_list("fire_minute", flat=True)) == [at(4)]
    assert Mail.objects.get().state == "matched"
    assert the_signal().confirmation_time == at(3)
    assert rebuilt_differently() == []


def test_the_worker_reads_mailboxes_in_a_task_of_its_own(server: Server) -> None:
    worker.tick()
    assert worker.MAILING in [row.func() for row in OrmQ.objects.all()]


def test_without_mailboxes_and_mails_there_is_no_such_task() -> None:
    worker.tick()
    assert worker.MAILING not in [row.func() for row in OrmQ.objects.all()]


def test_mails_of_an_invented_market_go_with_it() -> None:
    source = Source.objects.create(name="invented", simulated=True)
    taken(mail(created(), at(1)), mail(entry(), at(3)), source=source, now=at(9))
    collected(mail(update(0.4), at(4)), source=source, now=at(5))
    what = scope(at(10))
    with held() as lease:
        while remove_some(what, lease):
            pass
        remove_sources(what, lease)
    assert (Source.objects.count(), Mail.objects.count(), Delivery.objects.count()) == (0, 0, 0)
