"""Errors outside any view."""

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.defaults import page_not_found


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Below /api/ the answer is JSON, as everything there; elsewhere it is a page."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": f"Nothing is at {request.path}. /api/docs lists what there is."}, status=404)
    return page_not_found(request, exception)
