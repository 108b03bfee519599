"""Whether anything has changed: the number is another after everything that pages show, and costs one query."""

from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from dashboard.models import Job
from dashboard.watching.changes import version
from reconciliation.cycle.run import run_sync
from signals.models import Source
from tests.builders import at, created, send, update

pytestmark = pytest.mark.django_db


def a_job() -> Job:
    now = timezone.now()
    return Job.objects.create(kind="undo", title="t", total=1, started_by="mia", created_at=now, updated_at=now)


def test_it_is_the_same_until_something_happens() -> None:
    send([(created(), at(1))])
    assert version() == version()


def test_it_is_another_after_an_alert_a_cycle_a_new_source_and_the_work_of_a_job() -> None:
    seen = [version()]
    send([(created(), at(1))])
    seen.append(version())
    run_sync(now=at(6), trigger="command")
    seen.append(version())
    send([(update(0.5), at(4))])
    seen.append(version())
    source = Source.objects.create(name="another")
    seen.append(version())
    person = User.objects.create_superuser("mia")
    LogEntry.objects.log_actions(person.pk, [source], CHANGE, change_message="Changed.", single_object=True)
    seen.append(version())
    job = a_job()
    seen.append(version())
    Job.objects.filter(pk=job.pk).update(done=1, updated_at=timezone.now())
    seen.append(version())
    assert len(set(seen)) == len(seen)


def test_it_costs_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        version()
