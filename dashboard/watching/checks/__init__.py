"""What is judged of the system: one list, shown by the doctor, the overview, activation and the probes.

A check looks at one thing as of `now` and only looks. Whoever shows checks picks them from CHECKS, so that the same
thing is told in the same words everywhere, with the same severity.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from . import (
    accounts,
    clocks,
    configuration,
    database,
    decisions,
    disk,
    feeds,
    mail,
    outbound,
    outgoing,
    records,
    sources,
    worker,
)
from .result import Problem, Result, Severity, bad

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """`find` judges; its name is the check's.

    `stored`: it asks the database. `cheap`: it costs a few indexed look-ups and may be asked every few seconds.
    `ready`: alerts cannot be stored while it fails. `decision`: nothing is wrong, somebody has to decide.
    """

    find: Callable[[datetime], Result]
    stored: bool = True
    cheap: bool = False
    ready: bool = False
    decision: bool = False

    @property
    def name(self) -> str:
        return self.find.__name__

    def judge(self, now: datetime) -> Result:
        """A check that crashes has failed: it must neither pass for a good one nor keep the others from being run."""
        try:
            return self.find(now)
        except Exception as error:
            log.debug("the check %s crashed", self.name, exc_info=True)
            reason = " ".join(str(error).split())
            return bad("This could not be judged:", detail=f"{type(error).__name__}: {reason}")


DATABASE = Check(database.database, stored=False, ready=True)
CHECKS: tuple[Check, ...] = (
    DATABASE,
    Check(database.migrations, ready=True),
    Check(database.database_setup),
    Check(database.read_replica, stored=False),
    Check(disk.spool, stored=False, cheap=True, ready=True),
    Check(disk.spool_drains, stored=False, cheap=True),
    Check(disk.spool_rejected, stored=False, cheap=True),
    Check(disk.refused, stored=False, cheap=True),
    Check(disk.var_dir, stored=False),
    Check(disk.privacy, stored=False),
    Check(disk.disk_space, stored=False),
    Check(worker.cycles, cheap=True),
    Check(worker.sync_schedule),
    Check(worker.scheduler),
    Check(worker.queue),
    Check(worker.broker, stored=False),
    Check(worker.clusters),
    Check(worker.lease),
    Check(sources.silence, cheap=True),
    Check(sources.alert_expiry, cheap=True),
    Check(sources.default_source),
    Check(sources.access),
    Check(sources.calendars),
    Check(sources.charts),
    Check(sources.clock),
    Check(clocks.clock_offset, stored=False, cheap=True),
    Check(sources.habits),
    Check(feeds.feeds, cheap=True),
    Check(mail.mail, cheap=True),
    Check(outbound.outbound, cheap=True),
    Check(records.quarantine, cheap=True),
    Check(records.set_aside, cheap=True),
    Check(outgoing.outgoing, cheap=True),
    Check(records.rebuild_errors),
    Check(records.derivation),
    Check(records.audit_chain),
    Check(decisions.approvals, cheap=True, decision=True),
    Check(decisions.questions, cheap=True, decision=True),
    Check(decisions.gaps_left, cheap=True, decision=True),
    Check(accounts.second_factors),
    Check(configuration.settings_readable, stored=False),
    Check(configuration.exposure, stored=False),
    Check(configuration.proxies, stored=False, cheap=True),
    Check(configuration.origins),
    Check(configuration.public_url, stored=False),
    Check(configuration.static_files, stored=False),
)
UNJUDGED = bad("Not judged while the database does not answer.")


def judge(
    checks: Iterable[Check], now: datetime, known: Mapping[str, Result] = MappingProxyType({})
) -> Iterator[tuple[Check, Result]]:
    """Every check with its result, which is `known` of some by name. While the database does not answer, what is
    stored there fails unjudged."""
    answers = True
    for check in checks:
        result = known.get(check.name) or (check.judge(now) if answers or not check.stored else UNJUDGED)
        if check is DATABASE:
            answers = result.ok
        yield check, result


def problems(
    checks: Iterable[Check], now: datetime, known: Mapping[str, Result] = MappingProxyType({})
) -> list[Problem]:
    """All that is wrong, worst first."""
    found = [problem for _, result in judge(checks, now, known) for problem in result.problems]
    return sorted(found, key=lambda problem: list(Severity).index(problem.severity))
