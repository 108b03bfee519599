"""Taking in what the demo's markets have told so far: as alert logs and a file of bars, and then one cycle."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from django.db import transaction

from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncRun
from reconciliation.simulation.importing import take_in_bars
from signals.intake import take_in
from signals.models import Source
from signals.parcels import Incoming
from signals.receiving.senders import new_token
from signals.simulator import PRICE_BAR, Alert, Scenario, bars_of, stream
from signals.storage.queries import batches
from signals.symbols import normalised
from signals.vocabulary import Channel

from .shown import EVERY, SHOWN

ALERTS_AT_ONCE = 500
THIS_START = "demo, this start"
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_history(now: datetime) -> None:
    """Make the demo's sources, with all that they told up to `now`, and run one cycle over it."""
    with transaction.atomic():  # all or nothing: half a history would look like a whole one to the next start
        for shown in SHOWN:
            source = Source.objects.create(name=shown.name, simulated=True, update_minutes=EVERY, addresses="any")
            Source.objects.filter(pk=source.pk).update(created_at=now)  # its market follows from it
            new_token(source, label=THIS_START)
            tell(source, shown.scenarios(now), NEVER, now)
    run_sync(now=now, trigger=SyncRun.Trigger.START)


def tell(source: Source, scenarios: Sequence[Scenario], since: datetime, now: datetime) -> None:
    """Take in what was told in [since, now), as a person would who exported the alert's log and the chart's bars."""
    for scenario in scenarios:
        take_in_alerts(source, scenario, since, now)
    # With the hour before, which is there already: a bar is judged by those beside it.
    take_in_bars(scenarios[-1], [bar for bar in bars_of(scenarios[-1], now) if bar.time >= since - HOUR])


def take_in_alerts(source: Source, scenario: Scenario, since: datetime, now: datetime) -> None:
    told = takewhile(lambda alert: alert.fire_time < now, stream(scenario))
    missed = (alert for alert in told if alert.fire_time >= since and alert.kind != PRICE_BAR)
    for some in batches(missed, ALERTS_AT_ONCE):
        take_in(source, [incoming(alert) for alert in some], now=now)
        source.refresh_from_db()


def incoming(alert: Alert) -> Incoming:
    return Incoming(
        body=alert.body,
        received_at=alert.fire_time,
        fired_at=alert.fire_time,
        channel=Channel.LOG,
        alert_id=alert.alert_id,
        symbol=normalised(alert.ticker),
        ticker=alert.ticker,
    )
