"""Errors outside any view."""

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.defaults import page_not_found
from django.views.defaults import server_error as page_of_error


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Below /api/ the answer is JSON, as everything there; elsewhere it is a page."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": f"Nothing is at {request.path}. /api/docs lists what there is."}, status=404)
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Asks nothing of the database, which may be what failed."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "Something failed on the server; its log says what. Try again."}, status=500)
    return page_of_error(request)
