"""Outbound in a browser: readable and accessible, light and dark; and what is on its pages."""

import pytest
from django.utils import timezone

from dashboard.models import Attempt
from dashboard.outbound import step
from tests.builders import at, created, entry, send
from tests.dashboard.outbound.build import endpoint

from .browser import Visitor, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_pages_are_accessible_and_readable_light_and_dark(visitor: Visitor) -> None:
    row = endpoint()
    step.tell(timezone.now())
    send([(created(), at(1)), (entry(), at(3))])
    step.tell(timezone.now())
    for status, error in ((200, ""), (500, ""), (None, "cannot be reached")):
        Attempt.objects.create(
            endpoint=row, key="evt_1", type="signal.confirmed", at=timezone.now(), status=status, error=error, body="{}"
        )
    visitor.sign_in("Administrator")
    pages = ["", "create/", f"{row.pk}/", f"{row.pk}/change/", f"{row.pk}/replay/", f"{row.pk}/rotate/"]
    assert violations(visitor, [f"/console/outbound/{page}" for page in pages]) == []
