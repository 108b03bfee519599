"""Mailboxes and mails as they are stored. Mailboxes are set up in the console, which tests them."""

from django.contrib import admin

from signals.models import Mail, Mailbox

from .base import ReadOnlyAdmin


@admin.register(Mailbox)
class MailboxAdmin(ReadOnlyAdmin):
    list_display = ("name", "source", "host", "folder", "answered_at", "failures", "error")


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "at", "source", "state", "sender", "subject", "reason")
    list_filter = ("state", "source", "mailbox")
    list_select_related = ("source",)
    search_fields = ("=message_id",)
