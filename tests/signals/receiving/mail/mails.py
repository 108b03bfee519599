"""Alert mails as TradingView sends them and a server passes them on, and small ways to take them in."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from signals.models import Source
from signals.receiving.mail.collecting import Arrived, Collected, Trust, collect
from signals.receiving.mail.settling import settle_due, settle_late

SERVER, TRADER = "mx.example.org", "trader@example.org"
PASSES = f"{SERVER}; dkim=pass header.i=@tradingview.com header.s=s1; dmarc=pass header.from=tradingview.com"
TRUST = Trust(SERVER, TRADER)
SECONDS = timedelta(seconds=1)


def mail(
    body: str | dict[str, Any],
    sent: datetime,
    *,
    received: datetime | None = None,
    number: str = "",
    sender: str = "TradingView <noreply@tradingview.com>",
    to: str = TRADER,
    results: Sequence[str] = (PASSES,),
    html: bool = False,
    subject: str = "Alert: Hybrid Signals",
    date: bool = True,
) -> bytes:
    """A message; `results` are its Authentication-Results, the top-most first."""
    text = body if isinstance(body, str) else json.dumps(body)
    message = EmailMessage(policy=SMTP)
    for line in results:
        message["Authentication-Results"] = line
    message["Received"] = f"from mta.tradingview.com by {SERVER}; {format_datetime(received or sent + 2 * SECONDS)}"
    message["From"], message["To"], message["Subject"] = sender, to, subject
    if date:
        message["Date"] = format_datetime(sent)
    message["Message-ID"] = f"<{number or f'{sent.timestamp()}-{hash(text)}'}@tradingview.com>"
    if html:
        message.set_content(page(text), subtype="html", cte="quoted-printable")
    else:
        message.set_content(text, cte="quoted-printable")
    return message.as_bytes()


def page(text: str) -> str:
    """What the usual alert mail looks like, with its styles and links around the message."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f"""<html><head><style>p {{ color: "red" }}</style><title>Alert</title></head><body><table><tr><td>
<p>Your MNQ1! alert was triggered</p><div>{shown}</div><p><a href="https://www.tradingview.com/">View chart</a></p>
</td></tr></table></body></html>"""


def collected(*raws: bytes, source: Source | None, now: datetime, trust: Trust = TRUST) -> Collected:
    return collect([Arrived(raw, size=len(raw)) for raw in raws], trust, source=source, now=now)


def taken(*raws: bytes, source: Source, now: datetime) -> None:
    """Collect mails, and settle all that waits, as of `now`."""
    collected(*raws, source=source, now=now)
    settle_due(now)
    settle_late(now)
