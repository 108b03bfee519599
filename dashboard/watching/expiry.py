"""When an alert in TradingView ends: they have an expiry, and nobody is told when it passes."""

from datetime import datetime, timedelta

WARN_BEFORE = timedelta(days=7)


def expiry_warning(expires: datetime | None, now: datetime) -> tuple[str, str] | None:
    """A tone and a sentence when the alert in TradingView has ended or soon will. Pure."""
    if expires is None or expires > now + WARN_BEFORE:
        return None
    if expires <= now:
        return "bad", "Its alert in TradingView has expired. Renew it there and note the new date here."
    days = (expires - now) / timedelta(days=1)
    left = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return "warn", f"Its alert in TradingView expires in {left}. Renew it there before, and note the new date here."
