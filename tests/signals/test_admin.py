"""The admin of what arrived: pages open, evidence cannot be edited, secrets are shown once, counts are bounded."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.paginator import Page
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from signals.admin.base import periods
from signals.models import (
    AlertId,
    AutomatedSignal,
    Delivery,
    FeedState,
    FeedUse,
    FeedWindow,
    Fill,
    Mail,
    Mailbox,
    PriceBar,
    Quarantine,
    RefusedBar,
    SignalEvent,
    Source,
    SourceToken,
)
from signals.receiving.senders import default_source, hash_token, new_token
from signals.storage.paging import BoundedPaginator
from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 12, 12, tzinfo=UTC)
FEEDS = [FeedUse, FeedWindow, FeedState]
MAIL = [Mailbox, Mail]
EVIDENCE = [AutomatedSignal, SignalEvent, Fill, PriceBar, RefusedBar, Delivery, Quarantine]
ALL = [Source, *EVIDENCE, *FEEDS, *MAIL]
HOSTILE = b"<script>alert('x')</script>"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="irrelevant-here"))
    return client


@pytest.fixture
def rows() -> None:
    """One row at least of every model; one body that cannot be read."""
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))])
    send([(HOSTILE, at(5))])
    AlertId.objects.create(source=default_source(), alert_id="3141592")
    PriceBar.objects.create(
        symbol="MNQ1!", time=at(3), kind=PriceBar.Kind.CLOSE, close=Decimal("25741.5"), evidence="x"
    )
    price = Decimal("25970.5")
    RefusedBar.objects.create(
        symbol="MNQ1!", time=at(3), open=price, high=price, low=price, close=price, reason="a jump", evidence="x"
    )
    use = FeedUse.objects.create(symbol="MNQ1!", feed="massive", feed_symbol="MNQZ5")
    FeedWindow.objects.create(use=use, start=at(0), end=at(60), upto=at(60), answer="nothing", asked_at=at(99))
    FeedState.objects.create(feed="massive", busy_until=NOW, next_at=NOW)
    box = Mailbox.objects.create(name="alerts", host="imap.example.org", username="a@example.org", server="mx")
    Mail.objects.create(key="k", mailbox=box, received_at=at(5), at=at(5), stored_at=NOW, subject="Alert: MNQ1!")
    Fill.objects.create(
        signal=the_signal(), field="targets_extended", value={"1R": "25750"}, tier="2", method="arithmetic",
        data_source="backend_calculated", confidence=Decimal("0.8"), evidence_key="k", created_at=NOW,
    )  # fmt: skip


def listing(model: type[Model]) -> str:
    return reverse(f"admin:signals_{model._meta.model_name}_changelist")


def page(row: Model) -> str:
    return reverse(f"admin:signals_{row._meta.model_name}_change", args=[row.pk])


def test_every_model_of_the_app_is_in_the_admin() -> None:
    registered = {model for model in admin.site._registry if model._meta.app_label == "signals"}
    assert registered == set(ALL)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", ALL)
def test_list_and_page_of_each_model_open(boss: Client, model: type[Model]) -> None:
    assert boss.get(listing(model)).status_code == 200
    row = model._default_manager.first()
    assert row is not None
    assert boss.get(page(row)).status_code == 200


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", EVIDENCE)
def test_evidence_cannot_be_added_changed_or_deleted_even_by_a_superuser(boss: Client, model: type[Model]) -> None:
    row = model._default_manager.first()
    assert row is not None
    before = model._default_manager.count()
    assert boss.post(page(row), {"status": "COMPLETED", "reason": "x"}).status_code == 403
    assert boss.post(page(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert boss.post(reverse(f"admin:signals_{model._meta.model_name}_add"), {}).status_code == 403
    assert model._default_manager.count() == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", ALL)
def test_a_user_without_permission_sees_no_page(client: Client, model: type[Model]) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(listing(model)).status_code == 403


@pytest.mark.usefixtures("rows")
def test_a_signal_leads_to_its_events_and_deliveries_and_back(boss: Client) -> None:
    signal = the_signal()
    shown = boss.get(page(signal)).content.decode()
    events, deliveries = f"{listing(SignalEvent)}?signal__id__exact={signal.pk}", f"{listing(Delivery)}?events__signal"
    assert events in shown
    assert deliveries in shown
    assert len(boss.get(events).context["cl"].result_list) == 3
    assert len(boss.get(f"{listing(Delivery)}?events__signal__id__exact={signal.pk}").context["cl"].result_list) == 3
    event = SignalEvent.objects.first()
    assert event is not None
    shown = boss.get(page(event)).content.decode()
    assert page(signal) in shown
    assert page(event.delivery) in shown
    back = f"{listing(AutomatedSignal)}?events__delivery__id__exact={event.delivery_id}"
    assert [row.trade_id for row in boss.get(back).context["cl"].result_list] == [TRADE_ID]


@pytest.mark.usefixtures("rows")
def test_what_a_sender_wrote_is_shown_escaped(boss: Client) -> None:
    delivery = Delivery.objects.get(status="quarantined")
    shown = boss.get(page(delivery)).content
    assert HOSTILE not in shown
    assert b"&lt;script&gt;alert" in shown


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("model", "term"), [(AutomatedSignal, "094000000"), (SignalEvent, TRADE_ID), (Delivery, TRADE_ID), (Fill, TRADE_ID)]
)
def test_rows_are_found_by_trade_id(boss: Client, model: type[Model], term: str) -> None:
    assert boss.get(listing(model), {"q": term}).context["cl"].result_list
    assert not boss.get(listing(model), {"q": "20240101_000000000_BEARISH"}).context["cl"].result_list


@pytest.mark.parametrize("model", [AutomatedSignal, SignalEvent, Delivery, Fill])
def test_a_list_costs_the_same_queries_however_many_rows_it_shows(boss: Client, model: type[Model]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get(listing(model))
        return len(captured)

    def grow(n: int) -> None:
        trade_id = f"20251211_09{n:02}00000_BULLISH"
        send([(created(trade_id), at(60 + n)), (entry(trade_id), at(62 + n))])
        Fill.objects.create(
            signal=the_signal(trade_id), field="mae", value="0", tier="2", method="bars", confidence=1,
            data_source="backend_calculated", evidence_key="k", created_at=NOW,
        )  # fmt: skip

    grow(10)
    queries()  # content types and the session are looked up once
    few = queries()
    for n in range(11, 30):
        grow(n)
    assert queries() == few


class TestClockOfASource:
    def save(self, boss: Client, **fields: str) -> str:
        source = default_source()
        form = boss.get(page(source)).context["adminform"].form
        # As a browser would: boxes that are not ticked are left out, hidden copies of what was shown are sent back.
        shown = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
        data = {**shown, **{form[name].html_initial_name: value for name, value in shown.items()}}
        inlines = {f"{name}-{count}_FORMS": 0 for name in ("tokens", "alert_ids") for count in ("TOTAL", "INITIAL")}
        return boss.post(page(source), {**data, **inlines, **fields}, follow=True).content.decode()

    @pytest.mark.parametrize(
        ("field", "value", "problem"),
        [
            ("clock_zone", "Newyork", "There is no such time zone"),
            ("market_zone", "America", "There is no such time zone"),
            ("zones", '["America/New_York", "X/Y"]', "Give a list of time zones that exist"),
            ("zones", '"America/New_York"', "Give a list of time zones that exist"),
            ("zones", "[1]", "Give a list of time zones that exist"),
            ("zones", "[]", "This field is required"),
            ("calendar", "nowhere", "unknown market calendar"),
        ],
    )
    def test_what_does_not_exist_is_refused(self, boss: Client, field: str, value: str, problem: str) -> None:
        before = getattr(default_source(), field)
        assert problem in self.save(boss, **{field: value})
        assert getattr(default_source(), field) == before

    def test_a_change_says_what_becomes_of_stored_signals(self, boss: Client) -> None:
        assert "rebuild_signals" in self.save(boss, clock_zone="America/Chicago")
        assert default_source().clock_zone == "America/Chicago"
        assert "rebuild_signals" not in self.save(boss, symbol="ES1!")
        assert default_source().symbol == "ES1!"


class TestTokens:
    def create(self, boss: Client, source: Source) -> str:
        data = {"action": "create_token", "_selected_action": [str(source.pk)]}
        return boss.post(listing(Source), data).content.decode()

    def test_a_token_is_shown_once_and_opens_the_webhook(self, boss: Client) -> None:
        source = default_source()
        Source.objects.update(open_on_loopback=False)
        shown = self.create(boss, source)
        token = shown.split("/webhook/")[1].split("<")[0]
        assert SourceToken.objects.get().token_hash == hash_token(token)
        assert token not in boss.get(page(source)).content.decode()
        answer = boss.post(f"/api/automated-signals/webhook/{token}", created(), content_type="application/json")
        assert answer.json()["status"] == "accepted"

    def test_the_page_with_the_token_is_not_cached(self, boss: Client) -> None:
        source = default_source()
        answer = boss.post(listing(Source), {"action": "create_token", "_selected_action": [str(source.pk)]})
        assert "no-store" in answer["Cache-Control"]

    def test_it_takes_a_post_by_someone_who_may_change_sources(self, client: Client) -> None:
        source = default_source()
        client.force_login(User.objects.create_user("viewer", is_staff=True))
        answer = client.post(listing(Source), {"action": "create_token", "_selected_action": [str(source.pk)]})
        assert answer.status_code == 403
        assert not SourceToken.objects.exists()

    def test_a_hash_is_never_shown(self, boss: Client) -> None:
        source = default_source()
        token = new_token(source, label="first")
        shown = boss.get(page(source)).content.decode()
        assert "first" in shown
        assert hash_token(token) not in shown


def test_counting_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals.storage.paging.COUNTED_ROWS", 3)
    send([(update(0.1 * n), at(n)) for n in range(1, 6)])
    paginator = BoundedPaginator(SignalEvent.objects.order_by("pk"), 2)
    first: Page[SignalEvent] = paginator.page(1)
    assert (paginator.count, paginator.num_pages, len(first.object_list)) == (3, 2, 2)


MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CUTS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "year": lambda t: (t.year,),
    "month": lambda t: (t.year, t.month),
    "day": lambda t: (t.year, t.month, t.day),
}


@pytest.mark.parametrize("kind", CUTS)
@given(moments=st.lists(MOMENTS, min_size=2, max_size=2))
def test_periods_run_from_the_first_to_the_last_without_a_hole(kind: str, moments: list[datetime]) -> None:
    first, last = sorted(moments)
    found: Iterator[datetime] = periods(first, last, kind)
    named = [CUTS[kind](t) for t in found]
    assert named[0] == CUTS[kind](first)
    assert named[-1] == CUTS[kind](last)
    assert named == sorted(set(named))
    if kind == "day":
        assert len(named) == (last.date() - first.date()).days + 1
