"""The API against its own schema: whatever the parameters, an answer is never a server error."""

import pytest
import schemathesis
from django.test import Client
from hypothesis import given, settings

from tests.builders import at, created, entry, send

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_reading_never_fails(admin_client: Client) -> None:
    send([(created(), at(1)), (entry(), at(5))])
    document = admin_client.get("/api/schema?format=json").json()
    schema = schemathesis.openapi.from_dict(document).include(method="GET")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 8
    for operation in operations:

        @settings(max_examples=8)
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            # Through the test client: a request by WSGI would close the connection that holds the test's transaction.
            answer = admin_client.get(case.formatted_path, case.query or {})
            assert answer.status_code < 500, (case.formatted_path, case.query)

        check()
