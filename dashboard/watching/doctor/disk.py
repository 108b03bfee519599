"""Whether the local disk can take alerts when the database cannot, and what waits there."""

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from signals.receiving import refusals
from signals.receiving.spool import DEFAULT_MAX_BYTES
from signals.receiving.webhook import spool

from .result import Result, bad, good, judged
from .worker import patience

REQUEUE = 'manage.py shell -c "from signals.receiving.webhook import spool; spool().requeue_rejected()"'


def var_dir(now: datetime) -> Result:
    """Tried by writing: permissions alone do not tell of read-only file systems and quotas."""
    places = [Path(settings.VAR_DIR), Path(settings.SPOOL_DIR)]
    faults = [fault for place in places if (fault := write_fault(place))]
    return judged(faults, f"{settings.VAR_DIR} can be written.")


def write_fault(place: Path) -> str:
    """Why nothing can be written there. A folder that is not there yet is made by the first write, in its parent."""
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"\0")
    except OSError as error:
        return (
            f"{place} cannot be written ({error.strerror}): alerts would be lost if the database failed. Let the"
            " service's user write there, or set VAR_DIR."
        )
    return ""


def disk_space(now: datetime) -> Result:
    """Room for a whole spool."""
    free = shutil.disk_usage(settings.VAR_DIR).free
    if free < DEFAULT_MAX_BYTES:
        return bad(f"{mebibytes(free)} MiB are free at {settings.VAR_DIR}; the spool may need 1,024. Free some.")
    return good(f"{mebibytes(free)} MiB are free at {settings.VAR_DIR}.")


def mebibytes(size: int) -> str:
    return f"{size >> 20:,}"


def spool_drains(now: datetime) -> Result:
    """What waits is taken in by the next cycle: only what has waited for longer than that is stuck."""
    journal = spool()
    pending, oldest = journal.pending_bytes(), journal.oldest()
    if not pending:
        return good("The spool is empty.")
    since = "of unknown age" if oldest is None else f"the oldest of {oldest:%Y-%m-%d %H:%M:%S}Z"
    waits = f"{pending:,} bytes of alerts are spooled, {since}."
    if oldest is not None and now - oldest <= patience():
        return good(f"{waits} The next cycle takes them in.")
    return bad(
        f"{waits} They were acknowledged and are not in the database yet. They are taken in once the database can store"
        " and the worker runs: look at those two checks first, then at the worker's log."
    )


def spool_rejected(now: datetime) -> Result:
    kept = spool().rejected()
    refused = [path for path in kept if path.suffix == ".json"]
    faults = []
    if refused:
        faults.append(
            f"{len(refused)} spooled alerts were refused: `error` in {refused[0]} says why. Mend the cause (mostly a"
            f" token of no source), then put them back: {REQUEUE}"
        )
    if len(kept) > len(refused):
        faults.append(
            f"{len(kept) - len(refused)} torn records are in {kept[0].parent}. Import TradingView's alert log of their"
            " time (`manage.py import_alerts`), which brings in what is missing, then delete the .torn files."
        )
    return judged(faults, "No spooled alert was refused.")


def refused(now: datetime) -> Result:
    """Alerts that were turned away: a stranger's guess looks like that, and so does a mistyped address."""
    counted = refusals.read().since(now - timedelta(days=1))
    if not counted:
        return good("Nothing was refused at the door in the last day.")
    what = ", ".join(f"{count:,} {cause}" for cause, count in counted.most_common())
    return bad(
        f"Refused at the door in the last day: {what}. The console shows the last ones under Deliveries. If one is an"
        " alert of yours, correct its address or token and import TradingView's alert log of that time."
    )
