"""An alert in a dialect that was added is taken in by the webhook, and makes a signal."""

import json
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from signals.models import Delivery
from signals.receiving.senders import default_source, new_token
from tests.builders import the_signal
from tests.posting import post
from tests.signals.dialects.payloads import terse


@pytest.mark.django_db
def test_the_webhook_reads_it(client: Client) -> None:
    token = new_token(default_source())
    answer = post(json.dumps(terse()).encode(), token=token)
    assert (answer.status_code, answer.json()["status"], answer.json()["events"]) == (200, "accepted", 1)
    signal, delivery = the_signal("20251212_144000000_BULLISH"), Delivery.objects.get()
    assert (signal.entry_price, signal.stop_loss, signal.direction) == (Decimal(25740), Decimal(25730), "Bullish")
    assert delivery.dialect == "terse"
    client.force_login(User.objects.create_superuser("boss"))
    assert "terse" in client.get(reverse("console:deliveries")).content.decode()


@pytest.mark.django_db
def test_a_stray_quote_in_it_is_mended() -> None:
    damaged = json.dumps(terse()).replace("25740", '25740"').encode()
    assert post(damaged, token=new_token(default_source())).json()["events"] == 1
    assert Delivery.objects.get().repaired_text
