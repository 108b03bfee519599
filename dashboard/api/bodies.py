"""What a POST may say, and how it is read: an unknown field is refused, for a mistyped one must not be passed over."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


class StrictBody(serializers.Serializer[Any]):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A mistyped option must not do something else instead."""
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise ValidationError({name: f"Unknown; there are {', '.join(self.fields)}." for name in unknown})
        return attrs


class Reason(StrictBody):
    reason = serializers.CharField(max_length=500, help_text="Kept in the audit log, with your name.")


class Note(StrictBody):
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="Kept in the audit log, with your name."
    )


def said(body: type[StrictBody], request: Request) -> dict[str, Any]:
    """What the request says, read and checked. Raises ValidationError."""
    given = body(data=request.data)
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found
