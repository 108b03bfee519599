"""Tokens for programs in a person's name, second factors with their passkeys, and answers kept to be repeated."""

from django.conf import settings
from django.db import models

ADMINISTER_TOKENS = "dashboard.administer_tokens"


class ApiToken(models.Model):
    """What a program presents in a person's name. Only its hash is kept; `scope` narrows what the person may.

    `last_used_at` is true to the hour: an exact one would make a write of every read.
    """

    class Scope(models.TextChoices):
        """The roles (console/roles.py): a token may what both its person and its scope may."""

        VIEWER = "Viewer", "Viewer: read"
        OPERATOR = "Operator", "Operator: also act"
        ADMINISTRATOR = "Administrator", "Administrator: all that the person may"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=64, help_text="What it is for.")
    prefix = models.CharField(max_length=12, help_text="How it begins, to tell it from others.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=16, choices=Scope, default=Scope.VIEWER)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True, help_text="User name, frozen.")

    class Meta:
        db_table = "api_tokens"
        verbose_name = "API token"
        ordering = ["-pk"]
        default_permissions = ()
        permissions = [
            ("use_api", "Can make and revoke API tokens of one's own"),
            ("administer_tokens", "Can see and revoke everybody's API tokens"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SecondFactor(models.Model):
    """What a person confirms a sign-in with, beside the password (dashboard/second_factor.py, the only writer)."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    sealed = models.TextField(
        blank=True, editable=False, help_text="What the app holds, sealed under SECRET_KEY. Empty: there is no app."
    )
    recovery = models.JSONField(default=list, editable=False, help_text="SHA-256 of the recovery codes not yet used.")
    last_step = models.BigIntegerField(default=0, help_text="Half minute of the latest code: none counts twice.")
    failures = models.PositiveIntegerField(default=0, help_text="Wrong codes and answers since the last right one.")
    failed_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "second_factors"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class Passkey(models.Model):
    """A key pair of a phone, computer or security key, whose public half is here (dashboard/passkeys.py)."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=64, help_text="Which device holds it.")
    host = models.CharField(max_length=253, help_text="The site that it is for: browsers offer it to no other.")
    key_id = models.CharField(max_length=1400, unique=True, editable=False, help_text="How browsers name it, base64.")
    public = models.TextField(editable=False, help_text="Model, name and public key as WebAuthn has them, base64.")
    counter = models.BigIntegerField(default=0, editable=False, help_text="Of its answers, where the device counts.")
    made_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "passkeys"
        default_permissions = ()
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Passkey {self.name}"


class KeptAnswer(models.Model):
    """What a request with an `Idempotency-Key` was answered, for a day; `status` is null until there is an answer."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=64, help_text="SHA-256 of the address with its query.")
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "api_kept_answers"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "key", "path"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status or 'under way'}"
