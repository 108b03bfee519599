"""A body that was let go is said to be so wherever it would be shown."""

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.api.records import DetailedDelivery, DetailedQuarantine
from reconciliation.cycle import bodies
from signals.models import Delivery, Quarantine
from signals.partitions import Month
from signals.receiving.quarantine import dismiss
from tests.builders import at, created, send, the_signal

from .conftest import As

pytestmark = pytest.mark.django_db
SAYS = "let go on 2025-12-11, kept for 90 days"


@pytest.fixture(autouse=True)
def all_are_let_go() -> None:
    """What was read, and what could not be and was dismissed."""
    send([(created(), at(1)), (b"not json", at(2))])
    dismiss(Quarantine.objects.get(), "noise", by=None, now=at(3))
    for month in {Month.of_id(key) for key in Delivery.objects.values_list("pk", flat=True)}:
        bodies.let_go(month, 90, at(4))
    bodies.sweep()


@pytest.mark.parametrize("status", ["accepted", "quarantined"])
def test_on_the_deliverys_page(status: str, signed_in: As) -> None:
    key = Delivery.objects.get(status=status).pk
    told = signed_in("Viewer").get(reverse("console:delivery", args=[key])).content.decode()
    assert SAYS in told
    assert "Body as received" not in told


def test_on_the_signals_page(signed_in: As) -> None:
    told = signed_in("Viewer").get(reverse("console:signal", args=[the_signal().pk])).content.decode()
    assert SAYS in told
    assert "Body as received" not in told


def test_where_it_was_mended(signed_in: As) -> None:
    address = reverse("console:mend", args=[Quarantine.objects.get().pk])
    assert SAYS in signed_in("Operator").get(address).content.decode()


def test_in_the_admin(admin_client: Client) -> None:
    address = reverse("admin:signals_delivery_change", args=[Delivery.objects.get(status="accepted").pk])
    assert SAYS in admin_client.get(address).content.decode()


def test_by_the_api() -> None:
    for told in (
        DetailedDelivery(Delivery.objects.get(status="accepted")).data,
        DetailedQuarantine(Quarantine.objects.get()).data,
    ):
        assert (told["body"], told["let_go"]) == ("", {"at": "2025-12-11T14:44:00Z", "kept_days": 90})
