"""The admin of what arrived and what it adds up to. Only sources are edited here; everything else is evidence."""

from . import deliveries, signals, sources

__all__ = ["deliveries", "signals", "sources"]
