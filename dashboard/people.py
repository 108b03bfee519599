"""Accounts as a request's session finds them."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class People(ModelBackend):
    """Django's own, which reads in the one query what every request asks of an account beside itself."""

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("second_factor", "preference").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
