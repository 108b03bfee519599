"""What each person chooses for themselves: the zone of times, columns, and views kept under a name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.console.page import PAGES, Page
from dashboard.console.personal import LONGEST, MOST_VIEWS, ZONE_COOKIE, kept_query
from dashboard.models import Preference, SavedView
from dashboard.telling.addresses import address


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg] # it takes none when it runs
    class Meta:
        model = Preference
        fields = ("zone", "shortcuts")
        widgets: Mapping[str, forms.Widget] = {"zone": forms.RadioSelect()}
        labels: Mapping[str, str] = {"zone": "Times are told in", "shortcuts": "Keys lead to pages and to the search"}


class ViewForm(forms.Form):
    page = forms.SlugField(max_length=40)
    name = forms.CharField(max_length=60, label="Name")
    query = forms.CharField(max_length=LONGEST, required=False)

    def clean_page(self) -> str:
        name: str = self.cleaned_data["page"]
        if name not in {page.name for page in PAGES if page.keeps_views}:
            raise forms.ValidationError("This page keeps no views.")
        return name

    def clean_query(self) -> str:
        return kept_query(QueryDict(self.cleaned_data["query"]))


class Preferences(Page):
    """One's own: nobody else sees or changes them, and nothing stored is touched."""

    name = "preferences"
    route = "console/preferences/"
    title = "Preferences"
    template_name = "dashboard/preferences.html"

    def content(self, now: datetime) -> dict[str, Any]:
        titles = {page.name: page.title for page in PAGES}
        mine = SavedView.objects.filter(user=self.request.user.pk).order_by("page", "name")
        return {
            "form": PreferenceForm(instance=self.preference),
            "browser_zone": self.request.COOKIES.get(ZONE_COOKIE, "")[:48],
            "mine": [(view, titles.get(view.page, view.page), link_of(view)) for view in mine],
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = PreferenceForm(request.POST, instance=self.preference)
        if form.is_valid():
            form.save()
            messages.success(request, "Saved.")
        else:
            messages.error(request, "Choose one of the zones.")
        return redirect(address(self.name))


def link_of(view: SavedView) -> str:
    return f"{address(view.page)}?{view.query}"


class Posted(Page):
    """What a form of another page posts to: whoever opens its address is led to that page."""

    form_on = "preferences"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect(address(self.form_on))


class Keep(Posted):
    """Keep what a list shows under a name; of the same name the new one counts."""

    name = "keep-view"
    route = "console/preferences/views/"
    title = "Keep a view"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ViewForm(request.POST)
        if not form.is_valid():
            messages.error(request, "A view needs a name of at most 60 characters.")
            return back(request)
        given = form.cleaned_data
        mine = SavedView.objects.filter(user=request.user.pk, page=given["page"])
        if mine.exclude(name=given["name"]).count() >= MOST_VIEWS:
            messages.error(request, f"There are {MOST_VIEWS} already: delete one first, under Preferences.")
            return back(request)
        try:
            with transaction.atomic():
                view, _ = SavedView.objects.update_or_create(
                    user=self.preference.user,
                    page=given["page"],
                    name=given["name"],
                    defaults={"query": given["query"]},
                )
        except IntegrityError:  # the same, twice at once
            return back(request)
        messages.success(request, f"Kept as {view.name}.")
        return redirect(link_of(view))


class Forget(Posted):
    """Delete a view of one's own."""

    name = "forget-view"
    route = "console/preferences/views/<int:pk>/forget/"
    title = "Delete a view"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        gone, _ = SavedView.objects.filter(user=request.user.pk, pk=self.kwargs["pk"]).delete()
        if gone:
            messages.success(request, "Deleted.")
        return redirect(address("preferences"))


class Columns(Posted):
    """Choose the columns of All Signals; none ticked are the usual ones."""

    name = "choose-columns"
    route = "console/preferences/columns/"
    title = "Columns of All Signals"
    form_on = "signals"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = self.preference
        chosen.columns = [] if "usual" in request.POST else request.POST.getlist("column")[:50]
        chosen.save()
        return back(request)


def back(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that it was asked from, which is one of ours."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return HttpResponseRedirect(wanted if safe else address("preferences"))
