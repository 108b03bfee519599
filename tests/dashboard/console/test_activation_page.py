"""Activation: each step is judged by its own figure; and the self-test goes through the real path."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.watching import selftest
from dashboard.watching.activation import Observed, observe, steps
from dashboard.watching.checks.result import Problem
from reconciliation.health import Health
from signals.dialects.builtin import BUILTIN
from signals.intake import take_in
from signals.models import AutomatedSignal, Source, SourceToken
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.teaching.saving import save
from signals.vocabulary import Status
from tests.posting import CREATED, WEBHOOK, open_source

from .conftest import As

NOW = datetime(2025, 12, 12, 20, tzinfo=UTC)
DONE = Observed(
    first_alert=NOW, first_created=NOW, first_signal=NOW, in_first_hour=10, gaps=9, actionable=0, health=Health(10, 9),
    in_day=100, confirmed=3, without_created=0, cancelled=2, stale_pending=0, by_hand=0,
)  # fmt: skip
STOPPED = Problem("The worker does no cycles.", "Start manage.py serve.")


def met(seen: Observed) -> list[bool]:
    return [step.met for step in steps(seen)]


def test_an_empty_system_has_met_nothing_and_says_what_to_do() -> None:
    told = steps(Observed())
    assert not any(step.met for step in told)
    assert all(step.todo and step.figure for step in told)
    assert told[0].figure == "waiting for your first alert…"


def test_a_system_that_works_has_met_everything() -> None:
    assert all(met(DONE))


def test_what_arrived_and_was_not_read_is_no_alert_and_says_where_to_go() -> None:
    told = steps(Observed(unread=2))
    assert not told[0].met
    assert told[0].figure == "2 arrived, none could be read"
    assert told[0].link == reverse("console:unknown-formats")
    assert "triangle" not in told[1].todo


def test_where_orders_make_the_signals_nothing_is_asked_that_only_the_indicator_sends() -> None:
    told = steps(replace(DONE, created_owed=False, first_created=None, first_entry=NOW, confirmed=9, cancelled=0))
    assert all(step.met for step in told)
    assert told[1].title == "The first ENTRY is stored"


def test_an_alert_that_was_read_outweighs_those_that_were_not() -> None:
    told = steps(replace(DONE, unread=2))[0]
    assert told.met
    assert told.figure == "an alert arrived and was read"


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (0, {"first_alert": None}),
        (1, {"first_created": None}),
        (2, {"first_signal": None}),
        (3, {"in_first_hour": 9}),
        (4, {"gaps": 8, "actionable": 1}),
        (5, {"health": Health(100, 89)}),
        (5, {"health": Health(0, 0)}),
        (6, {"in_day": 99}),
        (7, {"without_created": 1}),
        (7, {"confirmed": 0}),
        (8, {"cancelled": 0}),
        (8, {"stale_pending": 1}),
        (9, {"by_hand": 1}),
        (9, {"stopped": STOPPED}),
    ],
)
def test_each_step_is_open_when_its_own_figure_falls_short(index: int, changes: dict[str, Any]) -> None:
    assert not met(replace(DONE, **changes))[index]


def test_seven_gaps_are_allowed_even_when_actionable() -> None:
    assert met(replace(DONE, gaps=7, actionable=7))[4]


@pytest.mark.parametrize(
    ("changes", "figure", "todo"),
    [
        ({"first_alert": None}, "no alert arrived yet", "before the first alert"),
        ({"by_hand": 1}, "1 thing done by hand", "See in Audit"),
        ({"stopped": STOPPED}, "cycles do not run", "Start manage.py serve"),
    ],
)
def test_the_last_step_names_only_what_it_lacks(changes: dict[str, Any], figure: str, todo: str) -> None:
    told = steps(replace(DONE, **changes))[-1]
    assert figure in told.figure
    others = {"before the first alert", "See in Audit", "Start manage.py serve"} - {todo}
    assert todo in told.todo
    assert not any(other in told.todo for other in others)


pages = pytest.mark.django_db
PAGE = reverse("console:activation")


@pages
def test_the_page_turns_when_the_first_alert_is_posted(signed_in: As) -> None:
    client, default = signed_in("Viewer"), default_source()
    assert b"Waiting for your first alert" in client.get(PAGE).content
    now = timezone.now()
    take_in(default, [Incoming(body=CREATED, received_at=now)], now=now)
    part = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "Waiting for your first alert" not in part
    assert [step.met for step in client.get(PAGE).context["steps"]][:3] == [True, True, True]


@pages
def test_the_page_says_that_what_arrived_could_not_be_read(signed_in: As) -> None:
    now = timezone.now()
    take_in(default_source(), [Incoming(body=b"BTCUSDT Crossing 65,000", received_at=now)], now=now)
    shown = signed_in("Viewer").get(PAGE)
    assert not shown.context["steps"][0].met
    assert "none of them could be read" in shown.content.decode()
    assert "Waiting for your first alert" not in shown.content.decode()


@pages
def test_a_source_of_orders_begins_with_an_entry() -> None:
    now, source = timezone.now(), default_source()
    save(BUILTIN["traderspost"].spec, source=source, by=None, now=now)
    body = b'{"ticker": "AMD", "action": "buy", "price": 143.12}'
    take_in(source, [Incoming(body=body, received_at=now)], now=now)
    seen = observe(now)
    assert (seen.created_owed, seen.first_alert, seen.first_entry) == (False, now, now)


@pages
def test_alerts_of_the_self_test_count_nowhere() -> None:
    now = timezone.now()
    take_in(selftest.self_test_source(), [Incoming(body=CREATED, received_at=now)], now=now)
    seen = observe(now)
    assert (seen.first_alert, seen.first_created, seen.first_signal, seen.in_day) == (None, None, None, 0)


@pages
def test_the_checklist_costs_a_bounded_number_of_queries(django_assert_max_num_queries: Any) -> None:
    default_source()
    with django_assert_max_num_queries(24):
        observe(timezone.now())


@pages
@pytest.mark.parametrize(
    ("role", "says"), [("Viewer", "which an Administrator makes"), ("Administrator", "Make an address")]
)
def test_the_guide_leads_to_the_address_by_role(role: str, says: str, signed_in: As) -> None:
    default_source()
    Source.objects.update(open_on_loopback=False)
    told = signed_in(role).get(PAGE).content.decode()
    assert says in told
    assert "Any alert() function call" in told


@pages
def test_where_no_token_is_needed_the_exact_address_can_be_copied(signed_in: As, settings: LazySettings) -> None:
    open_source()
    settings.PUBLIC_URL = "https://signals.example.com"
    told = signed_in("Viewer").get(PAGE).content.decode()
    assert f'value="https://signals.example.com{WEBHOOK}"' in told
    assert "data-copy" in told


@pages
def test_the_demo_says_where_the_address_of_this_start_is_and_not_what_it_is(
    signed_in: As, settings: LazySettings, tmp_path: Path
) -> None:
    default_source()
    settings.DEMO, settings.WEBHOOK_ADDRESS = True, tmp_path / "webhook_address"
    settings.WEBHOOK_ADDRESS.write_text("http://127.0.0.1:8000/a-secret")
    told = signed_in("Viewer").get(PAGE).content.decode()
    assert f"$(cat {settings.WEBHOOK_ADDRESS})" in told
    assert "a-secret" not in told


class Wire(httpx.BaseTransport):
    """Carries httpx's requests to the real webhook view."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = Client().generic(
            request.method, request.url.path, request.read(), content_type=request.headers["Content-Type"],
            REMOTE_ADDR="192.0.2.1",
        )  # fmt: skip
        return httpx.Response(answer.status_code, content=answer.content)


def sent_over(transport: httpx.BaseTransport) -> selftest.Result:
    now = timezone.now()
    token = selftest.prepare(now)
    address = f"http://testserver{WEBHOOK}/{token}"
    return selftest.send(address, token, now, httpx.Client(transport=transport))


@pages
def test_the_self_test_stores_a_signal_cancels_it_and_takes_its_token_back() -> None:
    result = sent_over(Wire())
    assert (result.stored, result.in_time, result.said) == (True, True, "HTTP 200 accepted")
    signal = AutomatedSignal.objects.get()
    assert (signal.source.name, signal.status) == (selftest.SELF_TEST, Status.CANCELLED)
    assert not SourceToken.objects.exists()


@pages
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(502, text="<html>"), "HTTP 502"),
        (httpx.Response(401, json={"status": "refused"}), "HTTP 401 refused"),
        (httpx.ConnectError("refused"), "no answer (ConnectError: refused)"),
    ],
)
def test_a_self_test_that_fails_says_what_was_answered(answer: httpx.Response | Exception, said: str) -> None:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    result = sent_over(httpx.MockTransport(handle))
    assert (result.stored, result.said) == (False, said)
    assert not SourceToken.objects.exists()


@pages
def test_an_operator_starts_it_and_is_told_the_time(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest.httpx, "Client", lambda **_: REAL_CLIENT(transport=Wire()))
    client = signed_in("Operator")
    assert b"counts in no step here" in client.get(reverse("console:self-test")).content
    told = client.post(reverse("console:self-test"), {"confirm": "yes"}, follow=True).content.decode()
    assert "TradingView waits 3 s." in told


@pages
def test_a_self_test_that_fails_names_the_part_that_is_broken_and_leads_back(
    signed_in: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = httpx.MockTransport(lambda _: httpx.Response(502, text="<html>"))
    monkeypatch.setattr(selftest.httpx, "Client", lambda **_: REAL_CLIENT(transport=proxy))
    page = f"{reverse('console:self-test')}?back=start"
    answer = signed_in("Administrator").post(page, {"confirm": "yes"}, follow=True)
    assert answer.redirect_chain[0][0] == reverse("console:start")
    assert "What is broken is what stands behind the proxy." in answer.content.decode()


REAL_CLIENT = httpx.Client


@pages
def test_one_worker_cannot_answer_itself(signed_in: As, settings: LazySettings) -> None:
    settings.WEB_WORKERS = 1
    shown = signed_in("Operator").get(reverse("console:self-test")).content
    assert b"Set WEB_WORKERS to 2" in shown
    assert b'name="confirm"' not in shown
