"""The guided start: an address is made once, and the page that waits says what came."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.telling.alert_messages import INDICATOR, message_of
from dashboard.watching.selftest import self_test_source
from signals import dialects
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import compiled
from signals.models import AutomatedSignal, Format, Source, SourceToken
from signals.receiving.senders import default_source, new_token
from tests.posting import post

from .conftest import As

pytestmark = pytest.mark.django_db
START = reverse("console:start")
ASKED = {"confirm": "yes", "source": "", "name": "my-chart", "format": INDICATOR}


def shown_once(client: Client, **given: Any) -> dict[str, Any]:
    answer = client.post(START, ASKED | given)
    assert answer.status_code == 200
    return {name: answer.context[name] for name in ("source", "address", "message", "waiting", "there")}


def seen(client: Client, once: dict[str, Any]) -> str:
    return client.get(once["waiting"], headers={"HX-Request": "true"}).content.decode()


def posted(once: dict[str, Any], body: str) -> int:
    return int(post(body.encode(), token=once["there"].rsplit("/", 1)[-1], REMOTE_ADDR="192.0.2.7").status_code)


def test_from_a_new_source_to_its_first_signal(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    assert "Waiting for the first alert" in seen(client, once)
    assert posted(once, once["message"].arrives) == 200
    told = seen(client, once)
    signal = AutomatedSignal.objects.get()
    assert signal.source.name == "my-chart"
    assert "your alert is a signal" in told
    assert reverse("console:signal", args=[signal.pk]) in told


def test_the_address_is_in_that_answer_alone_and_its_making_is_audited(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    secret = once["address"].rsplit("/", 1)[-1]
    assert secret not in client.get(once["waiting"]).content.decode()
    assert not SourceToken.objects.filter(token_hash=secret).exists()
    assert "Made a webhook address." in LogEntry.objects.values_list("change_message", flat=True)


def test_another_address_of_a_source_leaves_those_that_it_has(signed_in: As) -> None:
    source = default_source()
    new_token(source, label="first")
    shown_once(signed_in("Administrator"), source=source.pk, name="")
    assert source.tokens.filter(expires_at=None).count() == 2
    assert Source.objects.count() == 1


def test_a_new_source_takes_a_name_that_is_free(signed_in: As) -> None:
    default_source()
    client = signed_in("Administrator")
    assert "Give the new source a name" in client.post(START, ASKED | {"name": ""}).content.decode()
    assert "There is a source of this name" in client.post(START, ASKED | {"name": "default"}).content.decode()


def test_simulated_sources_and_the_self_test_are_not_offered(signed_in: As) -> None:
    Source.objects.create(name="invented", simulated=True)
    self_test_source()
    default_source()
    offered = signed_in("Administrator").get(START).context["form"].fields["source"].queryset
    assert [source.name for source in offered] == ["default"]


def test_a_format_that_comes_along_is_read_for_the_source_at_once(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client, format="traderspost")
    assert Format.objects.get().source == once["source"]
    assert posted(once, once["message"].arrives) == 200
    assert "your alert is a signal" in seen(client, once)


def test_an_unknown_message_is_shown_with_the_way_to_teach_it(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    assert posted(once, '{"sym": "MNQ1!", "way": "up", "px": 20010}') == 202
    told = seen(client, once)
    assert "not understood yet" in told
    assert "Teach this format" in told


def test_what_is_refused_at_the_door_is_told_while_it_waits(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    once["there"] += "x"
    assert posted(once, once["message"].arrives) == 401
    told = seen(client, once)
    assert "Refused at the door" in told
    assert "copy it again, whole" in told


def test_a_heartbeat_is_seen_and_is_no_signal(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    assert posted(once, '{"event_type": "HEARTBEAT", "signal_count": 3}') == 200
    assert "tells of no signal" in seen(client, once)


def test_what_came_before_the_address_was_made_does_not_count(signed_in: As) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    posted(once, once["message"].arrives)
    later = re.sub(r"since=\d+", f"since={(timezone.now() + timedelta(minutes=1)).timestamp():.0f}", once["waiting"])
    assert "Waiting for the first alert" in seen(client, once | {"waiting": later})


def test_waiting_costs_a_bounded_number_of_queries(signed_in: As, django_assert_max_num_queries: Any) -> None:
    client = signed_in("Administrator")
    once = shown_once(client)
    posted(once, '{"sym": "MNQ1!", "way": "up", "px": 20010}')
    with django_assert_max_num_queries(20):
        seen(client, once)


@pytest.mark.parametrize("name", [name for name, each in BUILTIN.items() if each.message])
def test_what_is_written_for_a_format_is_read_by_it(name: str) -> None:
    message = message_of(name, timezone.now())
    read = dialects.read(message.arrives.encode(), formats=lambda: (compiled(BUILTIN[name].spec),))
    assert read.dialect == name


def test_the_indicators_own_message_is_a_signal_of_the_bar_that_closed() -> None:
    message = message_of(INDICATOR, timezone.now())
    assert message.written == ""
    assert json.loads(message.arrives)["event_type"] == "SIGNAL_CREATED"
