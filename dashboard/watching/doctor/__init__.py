"""The troubleshooting list of docs/operations.md, as code: what is wrong, and what to do about it.

It only looks. Each check is a function of `now` that judges one thing; `examine` runs them all, even if one crashes.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from . import configuration, database, disk, records, sources, worker
from .result import Result, bad

log = logging.getLogger(__name__)

Check = Callable[[datetime], Result]
LOCAL: tuple[Check, ...] = (
    configuration.settings_readable,
    configuration.exposure,
    configuration.public_url,
    configuration.static_files,
    disk.var_dir,
    disk.disk_space,
    disk.spool_drains,
    disk.spool_rejected,
    disk.refused,
)
STORED: tuple[Check, ...] = (
    database.migrations,
    database.database_setup,
    worker.sync_schedule,
    worker.scheduler,
    worker.queue,
    worker.cycles,
    worker.lease,
    sources.default_source,
    sources.access,
    sources.alert_expiry,
    sources.silence,
    sources.calendars,
    sources.clock,
    records.quarantine,
    records.set_aside,
    records.rebuild_errors,
    records.derivation,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `advice` says what is wrong and what to do; of a check that holds, what was seen."""

    check: str
    ok: bool
    advice: str


def examine(now: datetime) -> list[Finding]:
    """Every check's finding. Without a database, what is stored there is not judged, and fails saying so."""
    answers = finding(database.database, now)
    if answers.ok:
        return [answers, *findings(STORED, now), *findings(LOCAL, now)]
    unjudged = [Finding(check.__name__, False, "Not judged while the database does not answer.") for check in STORED]
    return [answers, *findings(LOCAL, now), *unjudged]


def findings(checks: Iterable[Check], now: datetime) -> list[Finding]:
    return [finding(check, now) for check in checks]


def finding(check: Check, now: datetime) -> Finding:
    """A check that crashes has failed: it must neither pass for a good one nor keep the others from being run."""
    try:
        result = check(now)
    except Exception as error:
        log.debug("the check %s crashed", check.__name__, exc_info=True)
        reason = " ".join(str(error).split())
        result = bad(f"This could not be judged: {type(error).__name__}: {reason}")
    return Finding(check.__name__, result.ok, result.says)
