"""Whether the local disk can take alerts when the database cannot, and what waits there."""

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from dashboard.telling.addresses import address
from dashboard.telling.formats import some, were
from reconciliation.cycle.worker import patience
from signals.parcels import MAX_BODY
from signals.receiving import refusals
from signals.receiving.spool import DEFAULT_MAX_BYTES, SpoolError
from signals.receiving.spool import spool as journal
from signalsync_project.private import open_to_others

from .result import Problem, Result, Severity, bad, good, judged

REQUEUE = 'manage.py shell -c "from signals.receiving.spool import spool; spool().requeue_rejected()"'
UNREADABLE = "The spool cannot be read, which is a fault of its own."


def var_dir(now: datetime) -> Result:
    """Tried by writing: permissions alone do not tell of read-only file systems and quotas."""
    places = [Path(settings.VAR_DIR), Path(settings.SPOOL_DIR)]
    faults = [fault for place in places if (fault := write_fault(place))]
    return judged(faults, f"{settings.VAR_DIR} can be written.")


def write_fault(place: Path) -> Problem | None:
    """Why nothing can be written there. A folder that is not there yet is made by the first write, in its parent."""
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"\0")
    except OSError as error:
        return Problem(
            f"{place} cannot be written ({error.strerror}): alerts would be lost if the database failed.",
            "Let the service's user write there, or set VAR_DIR.",
        )
    return None


def privacy(now: datetime) -> Result:
    """The database's file holds password hashes and sessions, uploads hold tokens."""
    found = open_to_others(Path(settings.VAR_DIR), settings.SQLITE_FILE)
    if found:
        return bad(
            f"{len(found)} files or folders can be read by others, as {found[0]}.",
            f"As their owner run `chmod -R go= {settings.VAR_DIR}`, and give the service a VAR_DIR that is its own.",
        )
    return good(f"{settings.VAR_DIR} is readable by the service's user alone.")


def disk_space(now: datetime) -> Result:
    """Room for a whole spool."""
    free = shutil.disk_usage(settings.VAR_DIR).free
    if free < DEFAULT_MAX_BYTES:
        return bad(f"{mebibytes(free)} MiB are free at {settings.VAR_DIR}; the spool may need 1,024.", "Free some.")
    return good(f"{mebibytes(free)} MiB are free at {settings.VAR_DIR}.")


def mebibytes(size: int) -> str:
    return f"{size >> 20:,}"


def spool(now: datetime) -> Result:
    """Whether an alert could be spooled now. A full disk answers to every question: only writing tells."""
    kept = journal()
    try:
        pending = kept.pending_bytes()
    except (OSError, SpoolError) as error:
        return bad(
            "The spool cannot be read: alerts would be lost if the database failed.",
            "Check VAR_DIR and its disk.",
            link="/readyz",
            label="Readiness",
            detail=f"{settings.SPOOL_DIR}: {error}.",
        )
    try:
        kept.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=kept.directory) as probe:
            probe.write(bytes(2 * MAX_BODY))
    except OSError as error:
        return bad(
            f"The spool cannot be written ({error.strerror}): alerts would be lost if the database failed.",
            "Check VAR_DIR and its disk.",
            detail=f"{settings.SPOOL_DIR}: {error}.",
        )
    if pending + 2 * MAX_BODY > kept.max_bytes:
        return bad(
            "The spool is full: alerts are refused while the database cannot store.",
            "Bring the database and the worker back, so that it drains.",
        )
    return good("The spool can be read and written.")


def spool_drains(now: datetime) -> Result:
    """What waits is taken in by the next cycle: only what has waited for longer than that is stuck."""
    try:
        pending, oldest = journal().pending_bytes(), journal().oldest()
    except (OSError, SpoolError):
        return good(UNREADABLE)
    if not pending:
        return good("The spool is empty.")
    since = "of unknown age" if oldest is None else f"the oldest of {oldest:%Y-%m-%d %H:%M:%S}Z"
    says = f"{pending:,} bytes of alerts are spooled, {since}."
    if oldest is not None and now - oldest <= patience():
        soon = "The next cycle takes them in."
        return bad(says, soon, severity=Severity.INFO, link=address("deliveries"), label="Deliveries")
    return bad(
        f"{says} They were acknowledged and are not in the database yet.",
        "They are taken in once the database can store and the worker runs: look at those two first, then at the"
        " worker's log.",
        link=address("deliveries"),
        label="Deliveries",
    )


def spool_rejected(now: datetime) -> Result:
    try:
        kept = journal().rejected()
    except (OSError, SpoolError):
        return good(UNREADABLE)
    refused = [path for path in kept if path.suffix == ".json"]
    torn = [path for path in kept if path.suffix != ".json"]
    faults = []
    if refused:
        faults.append(
            Problem(
                f"{some(len(refused), 'spooled alert')} {were(len(refused))} refused and put aside.",
                f"Mend the cause (mostly a token of no source), then put them back: {REQUEUE}",
                Severity.WARN,
                address("sources"),
                "Sources",
                detail=f"`error` in {refused[0]} says why.",
            )
        )
    if torn:
        faults.append(
            Problem(
                f"{len(torn)} torn records are left of alerts that were cut off while they were spooled.",
                "Import TradingView's alert log of their time, which brings in what is missing, then delete the .torn"
                " files.",
                Severity.WARN,
                address("alert-log"),
                "Import a log",
                detail=f"They are in {torn[0].parent}.",
            )
        )
    return judged(faults, "No spooled alert was refused.")


def refused(now: datetime) -> Result:
    """What was turned away: a stranger's guess looks like that, and so does a mistyped address."""
    counted = refusals.read().since(now - timedelta(days=1))
    if not counted:
        return good("Nothing was refused at the door in the last day.")
    what = ", ".join(f"{count:,} {cause}" for cause, count in counted.most_common())
    return bad(
        f"Refused at the door in the last day: {what}.",
        "If one of them is an alert of yours, correct its address or token and import the alert log of that time.",
        severity=Severity.INFO,
        link=address("deliveries"),
        label="Deliveries",
    )
