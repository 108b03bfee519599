"""Alert mail: mailboxes that are read beside the webhook, and what became of each message in them."""

from datetime import UTC, datetime

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from .deliveries import Delivery
from .sources import Source

# What "never yet" is in a column of times.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Mailbox(models.Model):
    """A folder on an IMAP server that TradingView's alert mails come into. Its password is in the environment only.

    `busy_until` keeps two readers apart; nothing is read before `next_at`. What is above `last_uid` under this
    `uid_validity` was not read yet.
    """

    class Security(models.TextChoices):
        TLS = "tls", "TLS from the start (port 993)"
        STARTTLS = "starttls", "STARTTLS (port 143)"
        PLAIN = "plain", "None: a server on this machine"

    name = models.SlugField(max_length=32, unique=True, help_text="Also names the variable that holds its password.")
    source = models.ForeignKey(
        Source,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="mailboxes",
        help_text="Whose alerts come here. Empty: several sources', told apart by token or symbol in the message.",
    )
    host = models.CharField(max_length=255, help_text="As imap.gmail.com.")
    port = models.PositiveIntegerField(default=993, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    security = models.CharField(max_length=8, choices=Security, default=Security.TLS)
    username = models.CharField(max_length=255, help_text="Mostly the address itself.")
    folder = models.CharField(
        max_length=255, default="INBOX", help_text="The folder, or label, that a filter moves TradingView's mails to."
    )
    server = models.CharField(
        max_length=255,
        validators=[RegexValidator(r"^(-|[A-Za-z0-9._-]+)$", "Give a host's name, as mx.google.com, or -.")],
        help_text=(
            "Whose word counts on whether a mail is TradingView's: the first word of Authentication-Results, as"
            " mx.google.com. Hosts below it count, too; - where the server names none."
        ),
    )
    recipient = models.EmailField(
        blank=True, help_text="The address that TradingView mails to. Empty: the username, where it is an address."
    )
    uid_validity = models.BigIntegerField(null=True, editable=False)
    last_uid = models.BigIntegerField(default=0, editable=False)
    busy_until = models.DateTimeField(default=LONG_AGO, editable=False)
    next_at = models.DateTimeField(default=LONG_AGO, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)
    answered_at = models.DateTimeField(null=True, editable=False, help_text="When it was last read to the end.")
    failures = models.PositiveSmallIntegerField(default=0, editable=False, help_text="In a row.")
    error = models.CharField(max_length=300, blank=True, editable=False, help_text="Why it could not be read.")
    advice = models.CharField(max_length=300, blank=True, editable=False)
    error_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return self.name

    def variable(self, kind: str = "PASSWORD") -> str:
        """The variable of the environment that holds its password, or its TOKEN of OAuth."""
        return f"MAILBOX_{self.name.upper().replace('-', '_')}_{kind}"

    @property
    def addressee(self) -> str:
        """The address that its mails must be sent to; "" where nobody said one."""
        return self.recipient or (self.username if "@" in self.username else "")


class Mail(models.Model):
    """One message, once, however often it is read. `at` is when its alert fired, as far as the mail tells.

    `text` is the alert's own; where a delivery has it byte for byte, only that one keeps it. `folded` is the same for
    texts that differ in line ends, spaces and entities only.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for the webhook"
        MATCHED = "matched", "Came by webhook or log as well"
        ALONE = "alone", "Came by mail alone"
        REFUSED = "refused", "Refused"

    key = models.CharField(max_length=32, unique=True, help_text="Of its Message-ID, and of whether it was refused.")
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.SET_NULL, related_name="mails")
    source = models.ForeignKey(Source, null=True, blank=True, on_delete=models.CASCADE, related_name="mails")
    message_id = models.CharField(max_length=255, blank=True)
    sender = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    received_at = models.DateTimeField(help_text="When the mail server received it.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="What it says itself.")
    at = models.DateTimeField()
    text = models.TextField(blank=True)
    folded = models.CharField(max_length=32, blank=True)
    structured = models.BooleanField(default=False, help_text="The alert is JSON, whose ends are known.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=400, blank=True)
    delivery = models.OneToOneField(
        Delivery, null=True, blank=True, on_delete=models.PROTECT, related_name="mail", editable=False
    )
    stored_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at"]
        verbose_name_plural = "mails"
        indexes = [
            models.Index(fields=["-received_at"], name="mail_newest_first"),
            models.Index(fields=["source", "folded", "at"], name="mail_same_words"),
            models.Index(fields=["state", "source", "at"], name="mail_by_state"),
        ]

    def __str__(self) -> str:
        return self.subject or self.message_id or f"mail of {self.received_at:%Y-%m-%d %H:%M}Z"


class MailMark(models.Model):
    """Up to when a source's other deliveries were compared with the mails that came alone."""

    source = models.OneToOneField(Source, primary_key=True, on_delete=models.CASCADE, related_name="+")
    seen_to = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source_id} to {self.seen_to:%Y-%m-%d %H:%M}Z"
