"""The admin of what arrived and what it adds up to. Only sources are edited here; everything else is evidence."""

from . import deliveries, feeds, mail, signals, sources

__all__ = ["deliveries", "feeds", "mail", "signals", "sources"]
