"""Where the pages of the console are, for whatever links to them."""

from typing import Any

from django.shortcuts import resolve_url


def address(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a page of the console."""
    return resolve_url(f"console:{name}", *args, **kwargs)
