"""Where the pages of the console are, for whatever links to them."""

from typing import Any

from django.conf import settings
from django.shortcuts import resolve_url


def address(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a page of the console."""
    return resolve_url(f"console:{name}", *args, **kwargs)


def public(link: str) -> str:
    """A link as others can open it: under PUBLIC_URL, else under this machine's own address."""
    if link.startswith(("http://", "https://")):
        return link
    return f"{settings.PUBLIC_URL or f'http://{settings.HOST}:{settings.PORT}'}{link}"
