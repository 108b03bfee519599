"""The console's one navigation, for dashboard and admin alike. The settings name these functions."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.utils.functional import SimpleLazyObject

from dashboard.telling.addresses import address
from signals.models import Quarantine

from .page import PAGES, Page
from .roles import SEE

MOST_SHOWN = 99

Item = dict[str, Any]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The pages that this person may see; the admin's lists below them for those who may enter the admin."""
    groups: list[dict[str, Any]] = [{"title": "Console", "items": pages(request)}]
    if admin.site.has_permission(request):
        groups += [
            {
                "title": app["name"],
                "collapsible": True,
                "separator": index == 0,
                "items": [listed(request, str(model["name"]), model["admin_url"], "table_rows") for model in models],
            }
            for index, app in enumerate(admin.site.get_app_list(request))
            if (models := [model for model in app["models"] if model["admin_url"]])
        ]
    return groups


def context(request: HttpRequest) -> dict[str, Any]:
    """The context processor: the sidebar, which is made only where a template shows it."""
    return {"sidebar_navigation": SimpleLazyObject(lambda: sidebar(request))}


def in_order() -> list[type[Page]]:
    return sorted((page for page in PAGES if page.icon), key=lambda page: page.place)


def pages(request: HttpRequest) -> list[Item]:
    return [
        listed(request, page.title, address(page.name), page.icon) | badge(page.name)
        for page in in_order()
        if request.user.has_perms([SEE, page.permission])
    ]


def above(path: str) -> tuple[str, str]:
    """The address and the title of the page of the navigation that this path is on or below."""
    found = {address(page.name): page.title for page in in_order()}
    link = max((each for each in found if path.startswith(each)), key=len, default="/")
    return link, found[link]


def badge(page: str) -> Item:
    """How many deliveries wait in quarantine, beside Deliveries; counted to MOST_SHOWN."""
    if page != "deliveries":
        return {}
    waiting = Quarantine.objects.filter(state=Quarantine.State.OPEN).order_by()[: MOST_SHOWN + 1].count()
    shown = f"{MOST_SHOWN}+" if waiting > MOST_SHOWN else waiting
    return {"badge": shown, "badge_variant": "warning"} if waiting else {}


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
