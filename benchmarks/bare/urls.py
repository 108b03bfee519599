"""One view: parse the JSON, insert one row, answer."""

import json

from django.http import HttpRequest, JsonResponse
from django.urls import path

from benchmarks.bare.models import Alert


def take_in(request: HttpRequest) -> JsonResponse:
    alert = Alert.objects.create(body=json.loads(request.body))
    return JsonResponse({"status": "accepted", "id": alert.pk})


urlpatterns = [path("alerts", take_in)]
