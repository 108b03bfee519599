"""The Content-Security-Policy of every answer: nothing from elsewhere runs or is loaded, whatever a sender wrote."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# The theme's Alpine reads expressions in attributes, which browsers count as eval, and sets styles in elements. There
# is no script in any page's text, so that one which a sender put there would not run.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentPolicy:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
