"""Endpoints that do not take what they are told are told themselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard.models import StreamMark
from dashboard.outbound import step
from dashboard.watching.checks.outbound import BEHIND, FAILING, outbound
from tests.dashboard.outbound.build import endpoint

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.mark.parametrize(
    ("state", "ok"),
    [
        ({}, True),
        ({"enabled": False}, True),
        ({"enabled": False, "off_because": "Nothing was taken for 5 days."}, False),
        ({"failing_since": NOW - FAILING}, True),
        ({"failing_since": NOW - FAILING - timedelta(seconds=1)}, False),
    ],
)
def test_an_endpoint_that_gets_nothing_is_told_unless_a_person_wanted_it(state: dict[str, Any], ok: bool) -> None:
    endpoint(**state)
    assert outbound(NOW).ok is ok


def test_a_stream_that_stands_still_is_told() -> None:
    endpoint()
    step.tell(NOW)
    StreamMark.objects.update(read_at=NOW)
    assert outbound(NOW + BEHIND).ok
    assert not outbound(NOW + BEHIND + timedelta(seconds=1)).ok
