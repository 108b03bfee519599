"""What replay costs a cycle that has nothing to do: no query."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.replayer import replay_is, timed
from signals.models import AutomatedSignal

from .test_cycle import NOW, replayed

pytestmark = pytest.mark.django_db


def test_an_idle_cycle_asks_no_query_more_for_replay() -> None:
    replayed()
    asked = {}
    for on in (True, False):
        with replay_is(on=on), CaptureQueriesContext(connection) as queries:
            timed(NOW)
        asked[on] = len(queries)
    assert asked[True] == asked[False]


def test_a_cycle_over_changed_signals_asks_as_many_queries_whatever_their_number() -> None:
    replayed()
    asked = []
    for some in (5, 20):
        keys = list(AutomatedSignal.objects.order_by("pk").values_list("pk", flat=True)[:some])
        AutomatedSignal.objects.filter(pk__in=keys).update(needs_sync=True)
        with CaptureQueriesContext(connection) as queries:
            timed(NOW)
        asked.append(len(queries))
    assert asked[0] == asked[1]
