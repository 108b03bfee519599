"""What is known of the tokens of ours: from the database, remembered for seconds; from a file while it is down."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TypeVar

from django.core.cache import cache
from django.db import Error as DatabaseError

from signals.models import Source, SourceToken
from signals.storage.deadlines import transaction_within

from . import outage

TOKEN_CACHE_SECONDS = 5
"""For which a process remembers; a revoked token is refused after this long."""
NAMES, HASHES = "token-names", "token-hashes"
NONE = "\0"  # of the cache, for a hash of no token
UNANSWERED = "tokens-unanswered"
UNASKED_SECONDS = 1
Found = TypeVar("Found")


class RememberedTokens:
    """For the webhook: never raises, and never waits longer than `wait_ms` for the database."""

    def __init__(self, wait_ms: int) -> None:
        self.wait_ms = wait_ms

    def names(self) -> frozenset[str]:
        found: frozenset[str] | None = cache.get(NAMES)
        if found is None:
            if (found := self.asked(token_names)) is None:
                return outage.names_of(outage.known_senders())
            cache.set(NAMES, found, TOKEN_CACHE_SECONDS)
        return found

    def hashes(self) -> Collection[str]:
        found: frozenset[str] | None = cache.get(HASHES)
        if found is None:
            if (found := self.asked(token_hashes)) is None:
                return outage.hashes_of(outage.known_senders())
            cache.set(HASHES, found, TOKEN_CACHE_SECONDS)
        return found

    def fields_of(self, hashes: Collection[str]) -> Mapping[str, str]:
        keys = {f"token:{each}": each for each in hashes}
        found: dict[str, str] = {keys[key]: field for key, field in cache.get_many(keys).items()}
        if unknown := set(hashes) - found.keys():
            if (told := self.asked(lambda: token_fields(unknown))) is None:
                return outage.fields_of(hashes, outage.known_senders())
            fresh = dict.fromkeys(unknown, NONE) | told
            cache.set_many({f"token:{key}": field for key, field in fresh.items()}, TOKEN_CACHE_SECONDS)
            found |= fresh
        return {key: field for key, field in found.items() if field != NONE}

    def asked(self, ask: Callable[[], Found]) -> Found | None:
        """What the database says; None where it does not, and for a moment after: of alerts that are answered together
        only one may wait for it."""
        if outage.breaker.open or cache.get(UNANSWERED):
            return None
        try:
            with transaction_within(self.wait_ms):
                return ask()
        except DatabaseError:
            cache.set(UNANSWERED, True, UNASKED_SECONDS)
            return None


class StoredTokens:
    """For imports: all of them, asked for once, and only when a body names one. Raises DatabaseError."""

    def names(self) -> frozenset[str]:
        return self._names

    def hashes(self) -> Collection[str]:
        return self._fields

    def fields_of(self, hashes: Collection[str]) -> Mapping[str, str]:
        return {key: self._fields[key] for key in hashes if key in self._fields}

    @cached_property
    def _names(self) -> frozenset[str]:
        return token_names()

    @cached_property
    def _fields(self) -> dict[str, str]:
        return dict(SourceToken.objects.values_list("token_hash", "source__token_field"))


def token_names() -> frozenset[str]:
    fields = Source.objects.order_by().values_list("token_field", flat=True).distinct()
    return frozenset(field.lower() for field in fields if field)


def token_hashes() -> frozenset[str]:
    return frozenset(SourceToken.objects.order_by().values_list("token_hash", flat=True))


def token_fields(hashes: Collection[str]) -> dict[str, str]:
    rows = SourceToken.objects.filter(token_hash__in=hashes)
    return dict(rows.values_list("token_hash", "source__token_field"))
