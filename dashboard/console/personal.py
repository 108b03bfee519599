"""What each person has chosen: the zone of times, the columns of All Signals, and lists that were kept under a name."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, QueryDict

from dashboard.models import Preference, SavedView
from signals.clock import is_zone

ZONE_COOKIE = "zone"
"""The browser says its zone in it (console.js)."""
POSITION = ("page", "upto")
"""Of an address: where in the list somebody is, which is not kept."""
MOST_VIEWS = 30  # of a person and a page
LONGEST = 2000  # characters of an address


def preference(user: User | AnonymousUser) -> Preference:
    """What they have chosen, unsaved as long as that is nothing."""
    found: Preference | None = getattr(user, "preference", None)  # read with the account (dashboard/people.py)
    return found or Preference(user=user if isinstance(user, User) else None)


def zone_of(request: HttpRequest, chosen: Preference) -> str:
    """The zone to tell times in; "" is the market's, as for a browser that has not said its own."""
    if chosen.zone == Preference.Zone.UTC:
        return "UTC"
    said = request.COOKIES.get(ZONE_COOKIE, "")
    return said if chosen.zone == Preference.Zone.BROWSER and is_zone(said) else ""


def kept_query(query: QueryDict) -> str:
    """What an address asks for, without where in the list it is; the same for the same questions."""
    asked = {name: values for name, values in query.lists() if name not in POSITION and any(values)}
    kept = QueryDict(mutable=True)
    for name in sorted(asked):
        kept.setlist(name, [value for value in asked[name] if value])
    return kept.urlencode()


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a page: those kept, and what is shown now, as it would be kept."""

    page: str
    kept: Sequence[SavedView]
    query: str

    @property
    def is_kept(self) -> bool:
        return any(view.query == self.query for view in self.kept)


def views_of(request: HttpRequest, page: str) -> Views:
    kept = SavedView.objects.filter(user=request.user.pk, page=page)[:MOST_VIEWS]
    return Views(page, list(kept), kept_query(request.GET))
