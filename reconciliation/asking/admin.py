"""Tier 1 in the admin: companions, whose secret can be written and never read, and what was asked of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MinLengthValidator
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.widgets import INPUT_CLASSES

from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap, Companion, SyncRequest
from reconciliation.models.requests import MIN_SECRET
from signals.admin.base import ReadOnlyAdmin, among, link
from signals.admin.signals import OfSignalAdmin


class CompanionForm(forms.ModelForm):  # type: ignore[type-arg] # it takes none when it runs
    """The secret is no field of the form: what is stored goes into no page, not even as a form's initial value."""

    new_secret = forms.CharField(
        label="Secret",
        required=False,
        validators=[MinLengthValidator(MIN_SECRET)],
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": " ".join(INPUT_CLASSES)}),
        help_text=f"Signs the requests; at least {MIN_SECRET} characters. Never shown again. Empty: keep it as it is.",
    )

    class Meta:
        model = Companion
        fields = ("source", "url", "enabled")

    def clean_new_secret(self) -> str:
        secret: str = self.cleaned_data["new_secret"]
        if not secret and not self.instance.secret:
            raise forms.ValidationError("A companion needs a secret: with it, it tells our requests from others'.")
        return secret

    def save(self, commit: bool = True) -> Companion:
        self.instance.secret = self.cleaned_data["new_secret"] or self.instance.secret
        saved: Companion = super().save(commit)
        return saved


@admin.register(Companion)
class CompanionAdmin(ModelAdmin):
    form = CompanionForm
    list_display = ("source", "host", "enabled", "created_at")
    list_select_related = ("source",)
    readonly_fields = ("host",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who may only look is not shown the address either: its path may hold a secret of the companion's."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return ("source", "url", "enabled", "new_secret") if may_write else ("source", "host", "enabled")


class AskedGapInline(TabularInline):
    model = AskedGap
    fields = ("see_signal", "gap", "times", "answered_at", "ended_at", "again_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    @admin.display(description="signal")
    def see_signal(self, asked: AskedGap) -> str:
        return link(asked.signal)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SyncRequest)
class SyncRequestAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "source", "state", "reason", "attempts", "delivered_to", "error", "expires_at")
    list_select_related = ("source",)
    list_filter = ("state", "source", ("created_at", RangeDateTimeFilter))
    list_filter_submit = True
    inlines = (AskedGapInline,)


@admin.register(AskedGap)
class AskedGapAdmin(OfSignalAdmin):
    list_display = ("pk", "see_signal", "gap", "times", "answered_at", "ended_at", "again_at")
    list_filter = (among("gap", CATALOGUE),)
