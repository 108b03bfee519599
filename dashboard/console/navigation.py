"""The console's one navigation, for dashboard and admin alike. The settings name these functions."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from dashboard.models import Incident
from dashboard.notifying.watch import open_incidents
from dashboard.telling.addresses import address
from signals.models import Quarantine

from .page import PAGES, Page
from .roles import SEE

MOST_SHOWN = 99
HEADINGS = {"Console": 0, "Signals": 30, "Reconciliation": 40, "Intake": 60, "Programs": 90}
"""What pages stand under in the navigation, by the place from which on they do."""

Item = dict[str, Any]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The pages that this person may see; the admin's lists below them for those who may enter the admin."""
    groups: list[dict[str, Any]] = [
        {"title": title, "items": items}
        for title, under in groupby(in_order(), heading)
        if (items := pages(request, under))
    ]
    if admin.site.has_permission(request):
        groups += [
            {
                "title": f"Admin: {app['name']}",
                "collapsible": True,
                "separator": index == 0,
                "items": [listed(request, str(model["name"]), model["admin_url"], "table_rows") for model in models],
            }
            for index, app in enumerate(admin.site.get_app_list(request))
            if (models := [model for model in app["models"] if model["admin_url"]])
        ]
    return groups


def context(request: HttpRequest) -> dict[str, Any]:
    """The context processor: the sidebar and the bell, which are made only where a template shows them."""
    return {"sidebar_navigation": SimpleLazyObject(lambda: sidebar(request)), "bell": SimpleLazyObject(bell)}


def in_order() -> list[type[Page]]:
    return sorted((page for page in PAGES if page.icon), key=lambda page: page.place)


def heading(page: type[Page]) -> str:
    return [name for name, first in HEADINGS.items() if first <= page.place][-1]


def pages(request: HttpRequest, shown: Iterable[type[Page]]) -> list[Item]:
    return [
        listed(request, page.title, address(page.name), page.icon) | badge(page.name)
        for page in shown
        if request.user.has_perms([SEE, page.permission])
    ]


def above(path: str) -> tuple[str, str]:
    """The address and the title of the page of the navigation that this path is on or below."""
    found = {address(page.name): page.title for page in in_order()}
    link = max((each for each in found if path.startswith(each)), key=len, default="/")
    return link, found[link]


def badge(page: str) -> Item:
    """How many deliveries wait in quarantine, beside Deliveries."""
    if page != "deliveries":
        return {}
    waiting = shortly(Quarantine.objects.filter(state=Quarantine.State.OPEN))
    return {"badge": waiting, "badge_variant": "warning"} if waiting else {}


class Bell(NamedTuple):
    """How many incidents are open that nobody sees to yet, empty for none; and whether all are of invented markets."""

    number: str
    simulated: bool


def bell() -> Bell:
    unseen = open_incidents().filter(state=Incident.State.OPEN).exclude(snoozed_until__gt=timezone.now())
    rows = list(unseen.only("symptoms")[: MOST_SHOWN + 1])
    return Bell(shown(len(rows)), bool(rows) and all(row.simulated for row in rows))


def shortly(rows: QuerySet[Any]) -> str:
    """How many there are, counted to MOST_SHOWN; empty for none."""
    return shown(rows.order_by()[: MOST_SHOWN + 1].count())


def shown(number: int) -> str:
    return f"{MOST_SHOWN}+" if number > MOST_SHOWN else str(number or "")


def listed(request: HttpRequest, title: str, link: str, icon: str) -> Item:
    """An entry. It is the active one on its page and on those below it."""
    below = link != "/" and request.path.startswith(link)
    return {"title": title, "icon": icon, "link": link, "active": below or request.path == link, "has_permission": True}


def stylesheet(_: HttpRequest) -> str:
    return static("dashboard/console.css")


def script(_: HttpRequest) -> str:
    return static("dashboard/console.js")


def favicon(_: HttpRequest) -> str:
    return static("dashboard/icon.svg")


def icon(request: HttpRequest) -> HttpResponseRedirect:
    """For pages that name no icon: browsers ask for /favicon.ico by themselves."""
    return HttpResponseRedirect(favicon(request))
