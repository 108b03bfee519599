"""The console's pages, one module each, in the order of the navigation. docs/console.md says how to add one."""

from django.urls import URLPattern, path

from dashboard.console.login import urlpatterns as account_patterns
from dashboard.console.page import Page

from . import (
    activation,
    alertlog,
    audit,
    deliveries,
    dismissing,
    fixing,
    gaps,
    jobs,
    overview,
    quarantine,
    runs,
    signal,
    signals,
    sources,
    undoing,
)

MODULES = (
    overview,
    activation,
    signals,
    signal,
    gaps,
    fixing,
    dismissing,
    undoing,
    runs,
    quarantine,
    deliveries,
    alertlog,
    audit,
    sources,
    jobs,
)
PAGES: tuple[type[Page], ...] = tuple(page for module in MODULES for page in module.PAGES)

app_name = "console"
urlpatterns: list[URLPattern] = [
    *account_patterns,
    *(path(page.route, page.as_view(), name=page.name) for page in PAGES),
]
