"""The console's addresses: every module of `pages/` is imported, and its pages stand where their routes say."""

from importlib import import_module
from pkgutil import iter_modules

from django.urls import URLPattern, path

from . import pages
from .confirming import urlpatterns as confirming_patterns
from .login import urlpatterns as account_patterns
from .own_passkeys import urlpatterns as passkey_patterns
from .page import PAGES

for module in iter_modules(pages.__path__):
    import_module(f"{pages.__name__}.{module.name}")

app_name = "console"
urlpatterns: list[URLPattern] = [
    *account_patterns,
    *confirming_patterns,
    *passkey_patterns,
    *(path(page.route, page.as_view(), name=page.name) for page in PAGES),
]
