"""For every switch: nothing that it is about is written while it is off, and something is while it is on.

Switches are found where they are declared: variables with a value that is `off`, fields called `enabled` or `…_off`,
and fields of sources that are empty for "none". One without a test, here or in test_filling_switches.py, fails the
first test.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management.base import OutputWrapper
from django.db.models import BooleanField, Model
from django.utils import timezone

from dashboard.models import Attempt, Incident, Outgoing, Ping, RuleSetting, StreamEvent
from dashboard.notifying import deadman
from dashboard.notifying.incidents import Symptom
from dashboard.notifying.rules import Rule
from dashboard.notifying.watch import watch
from dashboard.outbound import step as outbound
from dashboard.outbound.stream import destination_of
from reconciliation import bootstrap
from reconciliation.cycle.bodies import step
from reconciliation.cycle.retention import forget_runs
from reconciliation.cycle.thinning import thin_share
from reconciliation.models import SyncRun
from reconciliation.sealing.sealing import tell_head
from reconciliation.tiers.calculation import methods
from signals.models import AutomatedSignal, Delivery, DeliveryBody, Source, SourceToken, first_id
from signals.receiving.senders import default_source, new_token
from signalsync_project.variables import VARIABLES
from tests.builders import at, created, entry, exit_stop, send, update
from tests.dashboard.notifying.cases import Listener, destination, listening
from tests.dashboard.outbound.build import endpoint
from tests.posting import open_source, post
from tests.reconciliation.cycles import cycle

from . import test_filling_switches
from .switching import PROVED, of

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=1000)
PROVING = [test_filling_switches]  # imported, their tests are among the proved as well


def switches() -> Iterator[str]:
    yield from (name for name, variable in VARIABLES.items() if variable.off is not None)
    for model in apps.get_models():
        if model.__module__.split(".")[0] in {"signals", "reconciliation", "dashboard"}:
            yield from (f"{model.__name__}.{name}" for name in switching_fields(model))
    yield from (f"methods.{name}" for name in methods.METHODS)


def switching_fields(model: type[Model]) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        told = str(getattr(field, "help_text", ""))
        flag = isinstance(field, BooleanField) and field.name in {"enabled", "open_on_loopback"}
        empty = model is Source and told.endswith(("Empty: nowhere.", "Empty: none."))
        if flag or empty or field.name.endswith("_off"):
            yield field.name


def test_every_switch_is_proved() -> None:
    assert set(switches()) == set(PROVED)


def test_what_reads_like_a_switch_says_when_it_is_off() -> None:
    like = ("Empty: none.", "Empty: nobody is.", "Empty: it is not asked.", "0: for ever.")
    meant = {name for name, each in VARIABLES.items() if each.kind is bool or each.meaning.endswith(like)}
    written_to = meant - {"PRODUCTION", "DEBUG", "DATABASE_REPLICA_URL"}  # a replica is only read
    assert written_to <= set(switches())


# What is let in


@of("Source.open_on_loopback")
def test_a_source_that_is_not_open_takes_nothing_without_a_token() -> None:
    default_source()
    assert post().status_code == 401
    assert not Delivery.objects.exists()
    open_source()
    assert post().status_code == 200


@of("Source.token_field")
def test_a_source_whose_messages_hold_no_token_takes_none_there() -> None:
    source = default_source()
    token = new_token(source, label="x")
    source.token_field = ""
    source.save()
    body = b'{"token":"%s","event_type":"HEARTBEAT"}' % token.encode()
    assert post(body, REMOTE_ADDR="192.0.2.1").status_code == 401
    assert not Delivery.objects.exists()


@of("WEBHOOK_TOKEN")
def test_without_a_first_token_none_is_made(settings: Any) -> None:
    settings.WEBHOOK_TOKEN = VARIABLES["WEBHOOK_TOKEN"].off
    bootstrap.give_first_token(default_source())
    assert not SourceToken.objects.exists()
    settings.WEBHOOK_TOKEN = "a-token-of-at-least-24-characters"
    bootstrap.give_first_token(default_source())
    assert SourceToken.objects.count() == 1


# What tells others


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture
def sees(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A look of the only rule there is, which sees that the worker is down."""
    symptom = Symptom("worker", "worker", "The worker does no cycles.", "Restart it.")
    rule = Rule("worker", "worker", lambda now, limit: [symptom], nag_hours=4)
    monkeypatch.setattr("dashboard.notifying.choices.RULES", {"worker": rule})
    return lambda: watch(timezone.now()) and None


@of("RuleSetting.enabled")
def test_a_rule_that_is_off_makes_no_incident(sees: Callable[[], None]) -> None:
    destination()
    setting = RuleSetting.objects.create(rule="worker", enabled=False, nag_hours=1, escalate_minutes=0)
    sees()
    assert not Incident.objects.exists()
    RuleSetting.objects.filter(pk=setting.pk).update(enabled=True)
    sees()
    assert Incident.objects.count() == Outgoing.objects.count() == 1


@of("Destination.enabled")
def test_a_destination_that_is_off_is_sent_nothing(sees: Callable[[], None]) -> None:
    destination("off", enabled=False)
    on = destination("on")
    sees()
    assert set(Outgoing.objects.values_list("destination", flat=True)) == {on.key}


@of("Endpoint.enabled")
def test_an_endpoint_that_is_off_is_told_nothing() -> None:
    off, on = endpoint(name="off", enabled=False), endpoint(name="on")
    outbound.tell(timezone.now())
    send([(created(), at(1)), (entry(), at(3))])
    outbound.tell(timezone.now())
    told = set(Outgoing.objects.values_list("destination", flat=True))
    assert told == {destination_of(on.pk)}
    assert destination_of(off.pk) not in told


@of("OUTBOUND_NETWORKS")
def test_without_private_networks_nothing_is_posted_into_them(settings: Any, listener: Listener) -> None:
    endpoint(url=listener.url("hook", scheme="http"))
    outbound.tell(timezone.now())
    send([(created(), at(1)), (entry(), at(3))])
    outbound.tell(timezone.now())
    settings.OUTBOUND_NETWORKS = VARIABLES["OUTBOUND_NETWORKS"].off
    outbound.deliver(timezone.now())
    assert listener.paths == []
    settings.OUTBOUND_NETWORKS = ["127.0.0.1"]
    Outgoing.objects.update(due_at=timezone.now(), state=Outgoing.State.WAITING)
    outbound.deliver(timezone.now())
    assert set(listener.paths) == {"/hook"}


@of("DEADMAN_PING_URL")
def test_without_an_address_the_dead_mans_switch_notes_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(deadman, "get", asked.append)
    cycle(1, trigger="schedule")
    settings.DEADMAN_PING_URL = VARIABLES["DEADMAN_PING_URL"].off
    assert not deadman.ping(timezone.now())
    assert (asked, Ping.objects.count()) == ([], 0)
    settings.DEADMAN_PING_URL = "https://ping.example/1"
    assert deadman.ping(timezone.now())
    assert Ping.objects.count() == len(asked) == 1


# What is made, and what is forgotten


@of("DEMO")
def test_without_the_demo_a_first_start_invents_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(bootstrap, "make_history", made.append)
    settings.DEMO = VARIABLES["DEMO"].off
    bootstrap.prepare(OutputWrapper(StringIO()))
    bootstrap.give_demo_address("http://127.0.0.1:1/", OutputWrapper(StringIO()))
    assert made == []
    assert not SourceToken.objects.exists()
    assert not AutomatedSignal.objects.exists()
    settings.DEMO = True
    bootstrap.prepare(OutputWrapper(StringIO()))
    assert len(made) == 1


@of("RUN_RETENTION_DAYS")
def test_without_retention_no_run_is_forgotten(settings: Any) -> None:
    cycle(1)
    SyncRun.objects.update(started_at=timezone.now() - LONG_AGO)
    settings.RUN_RETENTION_DAYS = VARIABLES["RUN_RETENTION_DAYS"].off
    assert (forget_runs(timezone.now()), SyncRun.objects.count()) == (0, 1)
    settings.RUN_RETENTION_DAYS = 90
    assert forget_runs(timezone.now()) == 1


@of("UPDATE_THINNING_DAYS")
def test_without_thinning_all_updates_stay(settings: Any) -> None:
    send([(entry(), at(1)), *((update(n / 100), at(2 + n)) for n in range(20)), (exit_stop(), at(30))])
    cycle(100)
    now = at(0).replace(hour=23, minute=59) + LONG_AGO
    settings.UPDATE_THINNING_DAYS = VARIABLES["UPDATE_THINNING_DAYS"].off
    assert thin_share(now).updates == 0
    settings.UPDATE_THINNING_DAYS = 1
    assert thin_share(now).updates > 0


@of("BODY_RETENTION_DAYS")
def test_without_retention_no_body_is_let_go(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = first_id(timezone.now() - LONG_AGO)
    monkeypatch.setitem(Delivery._meta.pk.__dict__, "_get_default", lambda: key)
    send([(created(), at(1))])
    settings.BODY_RETENTION_DAYS = VARIABLES["BODY_RETENTION_DAYS"].off
    assert step(timezone.now())
    assert DeliveryBody.objects.exists()
    settings.BODY_RETENTION_DAYS = 90
    while not step(timezone.now()):
        pass
    assert not DeliveryBody.objects.exists()


@of("AUDIT_HEAD_FILE")
def test_without_a_file_the_head_of_the_audit_log_is_written_to_none(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_HEAD_FILE = VARIABLES["AUDIT_HEAD_FILE"].off
    tell_head()
    assert list(tmp_path.glob("head*")) == []
    settings.AUDIT_HEAD_FILE = str(tmp_path / "head")
    tell_head()
    assert (tmp_path / "head").read_text() == "null\n"


@of("OUTBOUND_RETENTION_DAYS")
def test_without_retention_nothing_that_was_told_is_forgotten(settings: Any) -> None:
    row = endpoint()
    outbound.tell(timezone.now())
    send([(created(), at(1)), (entry(), at(3))])
    outbound.tell(timezone.now())
    long_ago = timezone.now() - LONG_AGO
    StreamEvent.objects.update(told_at=long_ago)
    Attempt.objects.create(endpoint=row, key="k", type="t", at=long_ago)
    settings.OUTBOUND_RETENTION_DAYS = VARIABLES["OUTBOUND_RETENTION_DAYS"].off
    outbound.forget(timezone.now())
    assert StreamEvent.objects.exists()
    assert Attempt.objects.exists()
    settings.OUTBOUND_RETENTION_DAYS = 30
    outbound.forget(timezone.now())
    assert not StreamEvent.objects.exists()
    assert not Attempt.objects.exists()
