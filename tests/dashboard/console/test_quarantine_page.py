"""The workbench: bodies that could not be read are mended, replayed and dismissed, one by one or together."""

import pytest
from django.urls import reverse

from signals.models import AutomatedSignal, Delivery, DeliveryBody, Quarantine, SignalEvent
from signals.vocabulary import Channel
from tests.builders import at

from .conftest import MENDED, UNREADABLE, As, quarantined
from .test_actions import mend, previewed

pytestmark = pytest.mark.django_db
LIST = reverse("console:quarantine")
REPLAY, DISMISS = reverse("console:replay-proposals"), reverse("console:dismiss")


def test_the_list_says_why_and_leads_to_mending_for_who_may(signed_in: As) -> None:
    row = quarantined()
    operator, viewer = (signed_in(role).get(LIST).content.decode() for role in ("Operator", "Viewer"))
    assert "The body was cut off" in operator
    assert mend(row) in operator
    assert "The body was cut off" in viewer
    assert mend(row) not in viewer
    assert 'name="pick"' not in viewer


def test_an_empty_quarantine_says_that_this_is_good(signed_in: As) -> None:
    assert b"Everything that arrived could be read" in signed_in("Viewer").get(LIST).content


def test_mending_starts_from_the_proposal_and_shows_what_it_would_store(signed_in: As) -> None:
    shown = signed_in("Operator").get(mend(quarantined())).content.decode()
    assert "is a new signal" in shown
    assert "stop_loss 2573" in shown
    assert "The copy below is a proposal" in shown


def test_a_mended_copy_is_previewed_as_it_is_typed(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    assert b"stop_loss 25730" in client.post(mend(row), {"text": MENDED}).content
    broken = client.post(mend(row), {"text": "{oops"}).content
    assert b"This cannot be done." in broken
    assert b'name="confirm"' not in broken


def test_a_replay_stores_the_copy_with_the_originals_time_and_keeps_the_original(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined(minute=6)
    shown = client.post(mend(row), {"text": MENDED}).content
    done = client.post(mend(row), {"text": MENDED, "confirm": "yes", "previewed": previewed(shown)}, follow=True)
    replayed = Delivery.objects.get(channel=Channel.REPLAY)
    assert reverse("console:signal", args=[AutomatedSignal.objects.get().pk]) in done.content.decode()
    assert (replayed.fire_minute, replayed.raw) == (at(6), MENDED.encode())
    assert Delivery.objects.get(channel=Channel.WEBHOOK).raw == UNREADABLE
    assert AutomatedSignal.objects.get().stop_loss == 25730


def test_line_ends_that_the_browser_changes_are_put_back(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    text = MENDED.replace(",", ",\r\n")
    shown = client.post(mend(row), {"text": text}).content
    client.post(mend(row), {"text": text, "confirm": "yes", "previewed": previewed(shown)})
    assert b"\r" not in Delivery.objects.get(channel=Channel.REPLAY).raw


@pytest.mark.usefixtures("unguarded")
def test_proposals_are_replayed_together_and_what_has_none_stays(signed_in: As) -> None:
    client, good, hopeless = signed_in("Operator"), readable_by_now(), quarantined(b"<html>", 7)
    link = f"{REPLAY}?pick={good.pk}&pick={hopeless.pk}"
    shown = client.get(link).content.decode()
    assert "1 of 2 can be replayed as proposed" in shown
    assert "stays: This is no message of the indicator" in shown
    done = client.post(link, {"confirm": "yes"}, follow=True).content.decode()
    assert "1 replayed, 1 events stored. 1 stay in quarantine." in done
    good.refresh_from_db()
    hopeless.refresh_from_db()
    assert (good.state, hopeless.state) == ("replayed", "open")
    assert SignalEvent.objects.count() == 1


def test_a_proposal_without_proof_is_not_replayed_by_anybody(signed_in: As) -> None:
    client, cut = signed_in("Operator"), quarantined()
    assert b"None of these can be read as proposed" in client.get(f"{REPLAY}?pick={cut.pk}").content
    shown = client.get(mend(cut)).content
    assert b"differs from what was sent in more than quotes" in shown
    assert b'name="confirm"' not in shown
    client.post(f"{REPLAY}?pick={cut.pk}", {"confirm": "yes"})
    assert not SignalEvent.objects.exists()


def test_a_password_in_a_body_is_nowhere_shown(signed_in: As) -> None:
    row = quarantined(UNREADABLE.replace(b'"event_type"', b'"passphrase":"s3cret","event_type"'))
    client = signed_in("Operator")
    for page in (mend(row), reverse("console:delivery", args=[row.delivery_id]), LIST):
        shown = client.get(page)
        assert shown.status_code == 200
        assert b"s3cret" not in shown.content
    assert b"s3cret" in Delivery.objects.get().raw


def test_where_no_proposal_can_be_read_nothing_is_offered(signed_in: As) -> None:
    row = quarantined(b"<html>")
    shown = signed_in("Operator").get(f"{REPLAY}?pick={row.pk}").content
    assert b"None of these can be read as proposed" in shown
    assert b'name="confirm"' not in shown


def readable_by_now() -> Quarantine:
    """A body that could not be read when it came, and can be since."""
    row = quarantined(b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","price":{{close}}}')
    body = MENDED.replace('"stop_loss"', '"be_mfe":NaN,"stop_loss"').encode()
    DeliveryBody.objects.filter(pk=row.delivery_id).update(raw=body)
    Quarantine.objects.filter(pk=row.pk).update(proposal="")
    return Quarantine.objects.get(pk=row.pk)


@pytest.mark.parametrize("link", [REPLAY, DISMISS])
@pytest.mark.parametrize("ticked", ["", "?pick=", "?pick=x", "?pick=99999999999999999999999"])
def test_ticking_nothing_says_so(link: str, ticked: str, signed_in: As) -> None:
    assert b"Nothing was ticked" in signed_in("Operator").get(link + ticked).content


@pytest.mark.parametrize("link", [REPLAY, DISMISS])
def test_what_others_decided_meanwhile_is_gone(link: str, signed_in: As) -> None:
    row = quarantined()
    Quarantine.objects.update(state=Quarantine.State.DISMISSED)
    assert signed_in("Operator").get(f"{link}?pick={row.pk}").status_code == 404


def test_dismissing_takes_a_reason_that_is_kept_with_the_name(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    link = f"{DISMISS}?pick={row.pk}"
    assert b"This field is required" in client.post(link, {"confirm": "yes", "note": ""}).content
    client.post(link, {"confirm": "yes", "note": "a test of ours"})
    row.refresh_from_db()
    assert (row.state, row.note) == ("dismissed", "a test of ours")
    assert row.decided_by is not None
    assert row.decided_by.username == "operator-person"
    told = client.get(LIST, {"state": "dismissed"}).content.decode()
    assert "a test of ours" in told
    assert "operator-person" in told
