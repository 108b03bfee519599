"""Who may open which address, with which method: every address that there is, walked as everybody that there is.

The permissions themselves are the code's (console/roles.py, `permission` of pages, `acting` of endpoints). Here stands
what they come to, to be read by people. An address that is not in the table fails.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils import timezone
from django.views import View
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from dashboard.api.tokens import make
from dashboard.console import page
from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from dashboard.models import Preference
from signals.receiving.senders import default_source, new_token

pytestmark = pytest.mark.django_db

ANYBODY, ACCOUNT = "anybody", "any account"
PEOPLE = (ANYBODY, ACCOUNT, VIEWER, OPERATOR, ADMINISTRATOR)  # each may what the one before may
COMPANION, NOBODY = "a source's token", "nobody"
SAFE, UNSAFE = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE")
REACHED = 299  # what stands in for a view's own answer

# The least that opens an address, by whatever method it has.
OPENS = {
    ANYBODY: "webhook schema api-docs healthz readyz /favicon.ico console:logout",
    ACCOUNT: """console:password console:code console:second-factor console:own-factor
        console:add-passkey console:remove-passkey""",
    VIEWER: """all-signals cancelled-signals signal-timeline signal sync-health sync-gaps sync-runs sync-audit sync-run
        reconcile-signal dismiss-gap reopen-gap sync-run-detail undo-run deliveries delivery events quarantine
        quarantined preview-mend replay-quarantined dismiss-quarantined fills fill undo-fill approve-fill allow-fill
        gap-records requests request sources source findings health-trend jobs job resume-job bars bar-coverage me
        analysis dataset-of-signals formats outbound-events outbound-endpoints outbound-attempts metrics
        notes write-note remove-note tags tag-signal format try-format retire-format restore-format
        console:overview console:activation console:first-alert console:search console:trends console:changes
        console:signals console:signal console:export-signals console:trades console:analysis console:export-analysis
        console:gaps console:gap console:set-aside console:approvals console:each-tier console:replay
        console:runs console:run console:compare-runs console:job
        console:audit console:audit-changes console:export-audit console:bars console:bars-day
        console:alert-log console:deliveries console:delivery console:quarantine console:unknown-formats
        console:formats console:format console:export-formats console:mail console:sources console:source
        console:notifications console:notification-rules console:destinations console:incident-history
        console:incident console:outbox console:outbound console:endpoint
        console:preferences console:keep-view console:forget-view console:choose-columns
        console:api-tokens console:make-api-token console:revoke-api-token""",
    OPERATOR: """console:self-test console:ledger console:bars-import console:reconcile-signal console:ask-indicator
        console:rebuild-signal console:undo-fill console:allow-fill console:approve-fill console:approve-fills
        console:refuse-fills console:write-note console:remove-note console:add-tags console:remove-tag
        console:dismiss-gap console:reopen-gap console:dismiss-gaps console:reopen-gaps console:fix-gaps
        console:approve-found console:refuse-found console:start-run console:undo-run console:undo-tier
        console:resume-job console:mend console:replay-proposals console:dismiss console:read-shape
        console:dismiss-shape console:acknowledge-incident console:snooze-incident console:plan-maintenance
        console:end-maintenance console:mute-source console:unmute-source console:try-again
        console:test-endpoint console:replay-events""",
    ADMINISTRATOR: """console:start console:create-source console:change-source console:rotate-token
        console:revoke-token console:remove-simulated console:create-mailbox console:change-mailbox console:test-mailbox
        console:remove-mailbox console:teach console:change-format console:use-format console:retire-format
        console:restore-format console:import-formats console:add-destination console:change-destination
        console:test-destination console:remove-destination console:quiet-hours console:change-rule
        console:create-endpoint console:change-endpoint console:switch-endpoint console:rotate-secret
        console:reveal-secret console:remove-endpoint""",
    COMPANION: "sync-requests acknowledge-request",
}
# Where acting takes more than reading: the least that may POST.
ACTS = {
    OPERATOR: """sync-run reconcile-signal dismiss-gap reopen-gap undo-run preview-mend replay-quarantined
        dismiss-quarantined undo-fill approve-fill allow-fill resume-job write-note remove-note tag-signal""",
    ADMINISTRATOR: "formats try-format retire-format restore-format",
}
# The admin is for accounts that are staff as well. Of each model: who sees the list, adds, changes and deletes.
STAFF = {
    "nobody nobody nobody nobody": """auth.group auth.user axes.accessattempt axes.accessfailurelog axes.accesslog""",
    "Administrator nobody nobody nobody": "django_q.failure django_q.ormq django_q.schedule django_q.success",
    "Viewer nobody nobody nobody": """reconciliation.askedgap reconciliation.companion reconciliation.findingtotal
        reconciliation.gaprecord reconciliation.gaptotal reconciliation.healthtotal reconciliation.measuredconfidence
        reconciliation.setaside reconciliation.signalhealthmetric reconciliation.syncauditlog reconciliation.synclease
        reconciliation.syncrequest reconciliation.syncrun signals.automatedsignal signals.delivery signals.feedstate
        signals.feeduse signals.feedwindow signals.fill signals.mail signals.mailbox signals.pricebar
        signals.quarantine signals.refusedbar signals.signalevent reconciliation.cluster reconciliation.shard""",
    "Viewer Administrator Administrator nobody": "signals.source",
}


class Address(NamedTuple):
    name: str
    path: str
    callback: Callable[..., Any]

    @property
    def methods(self) -> set[str]:
        """Those that the view answers at all."""
        view = getattr(self.callback, "view_class", None) or getattr(self.callback, "cls", None)
        if view is None:
            return {*SAFE, *UNSAFE}
        return {method for method in (*SAFE, *UNSAFE) if hasattr(view, method.lower().replace("head", "get"))}


SAMPLES = ("1", "01a20460-0000-7000-8000-000000000000", "x", "jsonl", "signals")


def addresses() -> Iterator[Address]:
    """Every pattern of the project, with an address that it takes."""
    for names, pattern in patterns(get_resolver().url_patterns):
        name = ":".join([*names, str(pattern.name)])
        if pattern.name:
            yield Address(name, sample(name, list(pattern.pattern.regex.groupindex)), pattern.callback)
        elif not names:  # the admin's without a name lead to those with one
            yield Address(f"/{pattern.pattern}", f"/{pattern.pattern}", pattern.callback)


def patterns(
    found: list[URLPattern | URLResolver], names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], URLPattern]]:
    for each in found:
        if isinstance(each, URLResolver):
            yield from patterns(each.url_patterns, (*names, each.namespace) if each.namespace else names)
        else:
            yield names, each


def sample(name: str, arguments: list[str]) -> str:
    """An address of this name: with the first samples that it takes."""
    for value in SAMPLES:
        for other in SAMPLES:
            try:
                return reverse(name, kwargs={key: value if key == arguments[0] else other for key in arguments})
            except NoReverseMatch:
                continue
    raise AssertionError(f"Give SAMPLES what {name} takes.")


ADDRESSES = list(addresses())
OWN = [each for each in ADDRESSES if not each.name.startswith("admin:")]


def table(levels: dict[str, str]) -> dict[str, str]:
    return {name: level for level, names in levels.items() for name in names.split()}


class Reached(APIException):
    """Raised where an endpoint would begin: who asks may have it."""

    status_code = REACHED


@pytest.fixture
def only_doors(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Views up to the point where they have let somebody in, and no further."""
    settings.API_RATES, settings.BAD_TOKEN_RATE = "", "10000/min"
    judged = APIView.initial

    def initial(self: APIView, request: Any, *args: Any, **kwargs: Any) -> None:
        judged(self, request, *args, **kwargs)
        raise Reached

    def dispatch(self: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(status=REACHED if hasattr(self, str(request.method).lower()) else 405)

    monkeypatch.setattr(APIView, "initial", initial)
    monkeypatch.setattr(View, "dispatch", dispatch)
    monkeypatch.setattr(page, "preference", lambda user: Preference(user=user))
    monkeypatch.setattr(page, "refusal", lambda request, wanted: HttpResponse(status=403))


class Asking(NamedTuple):
    """Somebody who asks: signed in, or a program with a token."""

    level: str
    user: Any = AnonymousUser()
    headers: dict[str, str] = {}


def person(level: str, *, staff: bool = False) -> User:
    user = User.objects.create_user(f"{level}-{staff}", is_staff=staff)
    if level != ACCOUNT:
        user.groups.add(Group.objects.get(name=level))
    return user


def people() -> list[Asking]:
    return [Asking(ANYBODY), *(Asking(level, person(level)) for level in PEOPLE[1:])]


def programs() -> list[Asking]:
    """Tokens of an administrator, each narrower than him."""
    boss, now = person(ADMINISTRATOR), timezone.now()
    found = []
    for scope in (VIEWER, OPERATOR, ADMINISTRATOR):
        _, secret = make(boss, name=scope, scope=scope, expires_at=now + timedelta(days=1), now=now)
        found.append(Asking(scope, headers={"Authorization": f"Bearer {secret}"}))
    return found


def lets_in(asking: Asking, address: Address, method: str, *, forged: bool = False) -> bool:
    """Whether the view at this address goes to work for them; `forged`: by a form on a page of another site."""
    request: Any = RequestFactory().generic(method, address.path, headers=asking.headers, REMOTE_ADDR="192.0.2.7")
    request.user, request.session, request._messages = asking.user, SessionBase(), CookieStorage(HttpRequest())
    request._dont_enforce_csrf_checks = not forged
    match = resolve(address.path)
    try:
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    except PermissionDenied:
        return False
    to_login = answer.status_code == 302 and answer["Location"].startswith(reverse("admin:login"))
    return not to_login and answer.status_code not in {401, 403}


def least(asking: list[Asking], address: Address, method: str) -> str:
    """The least of them who is let in, and with him all that are more."""
    let_in = [each.level for each in asking if lets_in(each, address, method)]
    assert let_in == [each.level for each in asking][len(asking) - len(let_in) :], "who is more is refused"
    return let_in[0] if let_in else NOBODY


def test_every_address_is_in_the_table() -> None:
    names = {each.name for each in OWN}
    missing, gone = sorted(names - table(OPENS).keys()), sorted(table(OPENS).keys() - names)
    assert missing == [], "Say in OPENS (and ACTS) of tests/dashboard/test_access.py who may open these."
    assert gone == [], "OPENS of tests/dashboard/test_access.py names what is no address any more."


def test_every_sample_leads_to_its_own_view() -> None:
    assert [each.name for each in ADDRESSES if resolve(each.path).func is not each.callback] == []


@pytest.mark.usefixtures("only_doors")
def test_each_address_opens_to_whom_the_table_says_by_every_method() -> None:
    asking, opens, acts = people(), table(OPENS), table(ACTS)
    wrong = {}
    for address in OWN:
        for method in (*SAFE, *UNSAFE):
            wanted = opens.get(address.name, "")
            wanted = acts.get(address.name, wanted) if method in UNSAFE else wanted
            wanted = NOBODY if wanted == COMPANION else wanted
            found = least(asking, address, method)
            # What a view has no method for is 405 for those whom it lets in: it may be told to fewer.
            if found != wanted and (method in address.methods or rank(found) < rank(wanted)):
                wrong[address.name, method] = f"{found}, not {wanted}"
    assert wrong == {}


def rank(level: str) -> int:
    return PEOPLE.index(level) if level in PEOPLE else len(PEOPLE)


@pytest.mark.usefixtures("only_doors")
def test_a_program_may_what_its_tokens_scope_says_in_the_api_and_nothing_elsewhere() -> None:
    asking, opens, acts = programs(), table(OPENS), table(ACTS)
    wrong = {}
    for address in OWN:
        for method in ("GET", "POST"):
            wanted = (acts if method == "POST" else {}).get(address.name, opens.get(address.name, ""))
            if address.name.startswith("console:") and wanted != ANYBODY:
                wanted = NOBODY
            wanted = VIEWER if wanted == ANYBODY else NOBODY if wanted == COMPANION else wanted
            found = least(asking, address, method)
            if found != wanted and (method in address.methods or rank(found) < rank(wanted)):
                wrong[address.name, method] = f"{found}, not {wanted}"
    assert wrong == {}


@pytest.mark.usefixtures("only_doors")
def test_a_companion_opens_what_its_source_is_asked_and_nothing_else() -> None:
    token = new_token(default_source())
    companion = Asking(COMPANION, headers={"Authorization": f"Bearer {token}"})
    opened = {each.name for each in OWN if lets_in(companion, each, "GET") or lets_in(companion, each, "POST")}
    assert opened == {name for name, level in table(OPENS).items() if level in {COMPANION, ANYBODY}}


@pytest.mark.usefixtures("only_doors")
def test_no_other_site_can_have_a_browser_change_anything() -> None:
    """Pages ask for the form's token by Django's middleware, endpoints where somebody comes with a session."""
    boss = Asking(ADMINISTRATOR, person(ADMINISTRATOR))
    endpoints = [each for each in OWN if getattr(each.callback, "csrf_exempt", False)]
    pages = {each.name for each in OWN} - {each.name for each in endpoints}
    assert {name for name in pages if not name.startswith("console:")} == {"healthz", "readyz", "/favicon.ico"}
    opened = {each.name for each in endpoints for method in UNSAFE if lets_in(boss, each, method, forged=True)}
    assert opened == {"webhook"}, "who has no token there is nobody, signed in or not"


@pytest.mark.usefixtures("only_doors")
def test_the_admin_is_closed_to_who_is_not_staff() -> None:
    inside = [each for each in ADDRESSES if each.name.startswith("admin:")]
    asking = people()
    opened = {each.name for each in inside for who in asking for method in SAFE if lets_in(who, each, method)}
    assert opened == {"admin:login", "admin:logout"}


@pytest.mark.usefixtures("only_doors")
def test_staff_may_in_the_admin_what_the_table_says() -> None:
    asking = [Asking(role, person(role, staff=True)) for role in (VIEWER, OPERATOR, ADMINISTRATOR)]
    by_name = {each.name: each for each in ADDRESSES}
    doors = (("changelist", "GET"), ("add", "POST"), ("change", "POST"), ("delete", "POST"))
    found = {}
    for model in admin.site._registry:
        under = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        found[model._meta.label_lower] = " ".join(
            least(asking, by_name[under + each], method) for each, method in doors
        )
    assert found == table(STAFF)
