"""Mail: the mailboxes of alert mail, how each is, and what became of every message."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import CHANGE_SOURCE
from dashboard.telling.addresses import address
from signals.models import Mail, Mailbox, Source
from signals.receiving.mail.imap import is_here
from signals.receiving.mail.overview import overview
from signals.receiving.mail.trusting import KNOWN
from signals.receiving.mail.trying import try_out
from signals.storage.paging import BoundedPaginator

ROWS = 50
PLACE = ("host", "port", "username", "folder")  # which messages there are
FIELDS = ("source", *PLACE[:2], "security", *PLACE[2:], "server", "recipient")


def help_of(field: str) -> str:
    return str(getattr(Mailbox._meta.get_field(field), "help_text", ""))


class MailFilter(forms.Form):
    """What of the mails to show; an invalid choice shows everything and says so."""

    state = forms.ChoiceField(required=False, choices=[("", "any"), *Mail.State.choices])
    mailbox = forms.ModelChoiceField(Mailbox.objects.all(), required=False, empty_label="every", to_field_name="name")
    source = forms.ModelChoiceField(Source.objects.all(), required=False, empty_label="every", to_field_name="name")

    def matching(self) -> QuerySet[Mail]:
        self.full_clean()
        named = {name: value for name, value in self.cleaned_data.items() if value}
        rows = Mail.objects.select_related("source", "mailbox").defer("text").order_by("-received_at", "-pk")
        return rows.filter(**named)


class Mails(Page):
    name = "mail"
    route = "console/mail/"
    title = "Mail"
    icon = "mail"
    place = 71
    template_name = "dashboard/mail/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        form = MailFilter(self.request.GET)
        paginator: Paginator[Mail] = BoundedPaginator(form.matching(), ROWS)
        return {
            "boxes": overview(now),
            "form": form,
            "rows": paginator.get_page(self.request.GET.get("page")),
            "filtered": any(self.request.GET.get(name) for name in form.fields),
        }


class MailboxForm(forms.Form):
    """Where a mailbox is. Its password is never typed here: it is in the environment only."""

    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="several, by token or symbol in the message",
        help_text="Whose alerts come here.",
    )
    host = forms.CharField(max_length=255, label="IMAP server", help_text=help_of("host"))
    port = forms.IntegerField(min_value=1, max_value=65535)
    security = forms.ChoiceField(choices=Mailbox.Security.choices, label="Encryption")
    username = forms.CharField(max_length=255, help_text=help_of("username"))
    folder = forms.CharField(max_length=255, help_text=help_of("folder"))
    server = forms.CharField(
        max_length=255,
        required=False,
        label="Vouched for by",
        validators=Mailbox._meta.get_field("server").validators,
        help_text=f"{help_of('server')} Empty: as is known of Gmail, Fastmail and Yahoo.",
    )
    recipient = forms.EmailField(required=False, label="Written to", help_text=help_of("recipient"))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        host = given.get("host", "").lower()
        given["server"] = given.get("server") or KNOWN.get(host, "")
        if host and not given["server"] and "server" not in self.errors:
            self.add_error(
                "server", "Say it for this host: the top-most Authentication-Results of a mail begins with it."
            )
        if given.get("security") == Mailbox.Security.PLAIN and not is_here(host):
            self.add_error("security", "Without encryption only a server on this machine is read.")
        return given


class NewMailboxForm(MailboxForm):
    name = forms.SlugField(max_length=32, help_text="Letters, digits and hyphens. It names the password's variable.")
    field_order = ("name", *FIELDS)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        variable = Mailbox(name=name).variable()
        if any(box.variable() == variable for box in Mailbox.objects.all()):
            raise forms.ValidationError("There is a mailbox of this name. Choose another.")
        return name


class CreateMailbox(ActionPage[None]):
    name = "create-mailbox"
    route = "console/mail/create/"
    title = "New mailbox"
    permission = CHANGE_SOURCE
    inputs = NewMailboxForm
    verb = "Create"
    back = "mail"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        named = self.request.GET.get("source", "")
        source = Source.objects.filter(name=named).first()
        return {"source": source, "port": 993, "security": Mailbox.Security.TLS, "folder": "INBOX"}

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "The folder is read every two minutes, at first from two weeks back. Nothing in it is changed.",
                "The password of the mail account, best an app password, is set in the environment of the server and"
                " shown nowhere. The next page says under which name.",
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        box = Mailbox.objects.create(**given)
        says = f"Created. Set {box.variable()} in the environment and restart; then test it."
        return Done(says, [LoggedChange(box, "Created the mailbox.", made=True)], address("test-mailbox", box.pk))


class OneMailbox(ActionPage[Mailbox]):
    """What is done with one mailbox."""

    permission = CHANGE_SOURCE
    back = "mail"

    def subject(self) -> Mailbox:
        return get_object_or_404(Mailbox.objects.select_related("source"), pk=self.kwargs["pk"])

    def heading(self, subject: Mailbox) -> str:
        return f"{self.title}: {subject}"


class ChangeMailbox(OneMailbox):
    name = "change-mailbox"
    route = "console/mail/<int:pk>/change/"
    title = "Change a mailbox"
    inputs = MailboxForm
    binding = True
    verb = "Save"

    def initial(self, subject: Mailbox) -> dict[str, Any]:
        return {name: getattr(subject, name) for name in FIELDS}

    def preview(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Preview:
        changed = differences(subject, given)
        if not changed:
            return Preview(says=["Nothing is changed yet."])
        rows = [(name, old, new) for name, (old, new) in told(subject, changed).items()]
        again = ["It is read from two weeks back again. What is known already counts once."]
        return Preview(says=again if changed.keys() & set(PLACE) else (), columns=("What", "Now", "Then"), rows=rows)

    def perform(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Done:
        changed = differences(subject, given)
        says = "; ".join(f"{name}: {old} → {new}" for name, (old, new) in told(subject, changed).items())
        for name, new in changed.items():
            setattr(subject, name, new)
        if changed.keys() & set(PLACE):
            subject.uid_validity, subject.last_uid = None, 0
        subject.next_at = now
        subject.save(update_fields=[*changed, "uid_validity", "last_uid", "next_at"])
        return Done("Saved." if changed else "Nothing was changed.", [LoggedChange(subject, says)] if changed else [])


class TryMailbox(OneMailbox):
    name = "test-mailbox"
    route = "console/mail/<int:pk>/test/"
    title = "Test a mailbox"
    verb = "Test it"
    once_template = "dashboard/mail/tried.html"

    def preview(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                f"Connects to {subject.host} as {subject.username}, opens {subject.folder} and looks at the newest mail"
                " of TradingView. Nothing is stored, and nothing in the folder is changed.",
                f"The password is that of {subject.variable()}, as the environment of this server had it at its start.",
            ]
        )

    def perform(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Done:
        steps = try_out(subject, now)
        works = all(step.works for step in steps)
        if works:
            Mailbox.objects.filter(pk=subject.pk).update(next_at=now)
        says = "All of it works: the worker reads it within two minutes." if works else "It does not work yet."
        return Done(says, once={"box": subject, "steps": steps, "works": works})


class RemoveMailbox(OneMailbox):
    name = "remove-mailbox"
    route = "console/mail/<int:pk>/remove/"
    title = "Remove a mailbox"
    verb = "Remove"
    danger = True

    def preview(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Preview:
        kept = subject.mails.count()
        return Preview(
            says=[f"{subject} is not read any more. The {kept:,} mails that are known stay, and their events."]
        )

    def perform(self, subject: Mailbox, given: dict[str, Any], now: datetime) -> Done:
        key = subject.pk
        subject.delete()
        subject.pk = key  # which the log names
        says = f"Removed the mailbox: {subject.folder} of {subject.username} at {subject.host}."
        return Done(
            f"Removed. Take {subject.variable()} out of the environment.", [LoggedChange(subject, says, gone=True)]
        )


def differences(box: Mailbox, given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in FIELDS if name in given and getattr(box, name) != given[name]}


def told(box: Mailbox, changed: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What each changed field is now and will be, in words."""
    return {name: (str(getattr(box, name) or "none"), str(new or "none")) for name, new in changed.items()}
