"""Where alerts may come from: TradingView's certificate as a proxy tells of it, and lists of addresses."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.utils import timezone

from dashboard.watching.checks import configuration
from signals.models import Delivery, Source
from signals.networks import OF_TRADINGVIEW, holds
from signals.receiving import refusals
from signals.receiving.certificates import is_one_of
from signals.receiving.draining import drain_spool
from signals.receiving.outage import breaker, remember_senders
from signals.receiving.senders import new_token
from signals.receiving.spool import spool
from tests.posting import FIRED, post

TRADINGVIEW = ("webhook-server@tradingview.com", "TradingView Webhooks")
SUBJECT = r"CN=TradingView Webhooks,O=TradingView\, Inc.,L=Westerville,ST=Ohio,C=US"
HEADER = "HTTP_X_CLIENT_CERT"


@cache
def certificate(common: str, email: str = "") -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    start = datetime(2025, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=1))
    if email:
        made = made.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
    return made.sign(key, hashes.SHA256())


def escaped(made: x509.Certificate) -> str:
    """As nginx's $ssl_client_escaped_cert."""
    return quote(made.public_bytes(serialization.Encoding.PEM).decode(), safe="")


def bare(made: x509.Certificate) -> str:
    """As Traefik passes it, and Caddy in base64."""
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def info(subject: str, san: str = "") -> str:
    """As Traefik's X-Forwarded-Tls-Client-Cert-Info."""
    return quote(f'Subject="{subject}"' + (f';SAN="{san}"' if san else ""), safe="")


THEIRS = certificate("TradingView Webhooks", TRADINGVIEW[0])
IMPOSTOR = certificate("TradingView Webhooks", "somebody@example.org")
OTHER = certificate("somebody")


@pytest.mark.parametrize(
    "header",
    [
        SUBJECT,
        "C=US,ST=Ohio,L=Westerville,O=TradingView, Inc.,CN=TradingView Webhooks",
        escaped(THEIRS),
        bare(THEIRS),
        f"{bare(THEIRS)},{bare(OTHER)}",
        info("C=US,O=TradingView, Inc.,CN=TradingView Webhooks"),
        info("CN=whatever", "webhook-server@tradingview.com"),
    ],
)
def test_the_certificate_of_tradingview_is_known_in_every_form(header: str) -> None:
    assert is_one_of(header, TRADINGVIEW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "CN=somebody,O=x",
        r"CN=somebody,O=x\,CN=TradingView Webhooks",
        "CN=somebody,O=x,CN=TradingView Webhooks",
        "O=CN\\=TradingView Webhooks",
        "/C=US/CN=TradingView Webhooks",
        escaped(IMPOSTOR),
        bare(OTHER),
        f"{bare(OTHER)},{bare(THEIRS)}",
        info("CN=TradingView Webhooks", "somebody@example.org"),
        "MIIB" + "A" * 200,
        "%%%",
    ],
)
def test_nobody_else_is_taken_for_it(header: str) -> None:
    assert not is_one_of(header, TRADINGVIEW)


@pytest.mark.parametrize("address", [*OF_TRADINGVIEW, "::ffff:52.89.214.238"])
def test_the_preset_holds_the_addresses_of_tradingview(address: str) -> None:
    assert holds(["TradingView"], address)
    assert not holds(["tradingview"], "52.89.214.239")


@pytest.mark.parametrize(("entries", "inside"), [(["10.0.0.0/8"], True), (["any"], True), (["10.0.0.1"], False)])
def test_a_list_holds_networks_and_addresses(entries: list[str], inside: bool) -> None:
    assert holds(entries, "10.2.3.4") is inside
    assert not holds(["10.0.0.0/8"], "")


# -- at the door

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name="chart")


@pytest.fixture
def token(source: Source) -> str:
    return new_token(source)


def from_(address: str, token: str, **meta: Any) -> Any:
    """A post that one proxy passed on."""
    return post(token=token, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=address, **meta)


def limit(source: Source, addresses: str) -> None:
    source.addresses = addresses
    source.full_clean(exclude=["zones_seen"])
    source.save()


def test_an_address_that_is_not_on_the_list_is_refused_and_on_the_books(
    settings: Any, source: Source, token: str
) -> None:
    settings.TRUSTED_PROXIES, settings.WEBHOOK_ADDRESSES = 1, ["tradingview"]
    assert from_("52.89.214.238", token).status_code == 200
    assert from_("203.0.113.7", token).status_code == 403
    assert from_("203.0.113.7", "a-guess").status_code == 401
    assert refusals.read().last[1].cause == "address not allowed"
    assert "1 alert with a valid token was refused in the last day" in configuration.origins(timezone.now()).says


def test_a_list_of_the_source_counts_instead_of_the_installations(settings: Any, source: Source, token: str) -> None:
    settings.TRUSTED_PROXIES, settings.WEBHOOK_ADDRESSES = 1, ["tradingview"]
    limit(source, "203.0.113.0/24")
    assert [from_(each, token).status_code for each in ("203.0.113.7", "52.89.214.238")] == [200, 403]


@pytest.mark.parametrize("addresses", ["nonsense", "10.0.0.1/8", "52.89.214.300"])
def test_a_list_names_what_is_none(addresses: str, source: Source) -> None:
    with pytest.raises(ValidationError, match="Give addresses"):
        limit(source, addresses)


def test_this_machine_is_not_asked_where_it_is(settings: Any, token: str) -> None:
    settings.WEBHOOK_ADDRESSES, settings.CLIENT_CERT_HEADER = ["tradingview"], "X-Client-Cert"
    assert post(token=token).status_code == 200
    assert post(token=token, HTTP_X_FORWARDED_FOR="203.0.113.7").status_code == 403
    settings.TRUSTED_PROXIES = 1
    assert post(token=token).status_code == 200


def test_what_is_spooled_is_judged_when_its_source_is_known_again(settings: Any, source: Source, token: str) -> None:
    settings.TRUSTED_PROXIES = 1
    limit(source, "52.89.214.238")
    remember_senders()
    breaker.failed()
    assert from_("203.0.113.7", token).json()["spooled"]
    assert from_("52.89.214.238", token).json()["spooled"]
    breaker.worked()
    assert (drained := drain_spool(FIRED)).count == 1
    assert drained.failed == 1
    assert Delivery.objects.get().remote_addr == "52.89.214.238"
    assert "takes no alerts from 203.0.113.7" in spool().rejected()[0].read_text()


def test_a_certificate_is_asked_for_only_where_a_header_is_named(settings: Any, token: str) -> None:
    settings.TRUSTED_PROXIES = 1
    assert from_("203.0.113.7", token).status_code == 200
    settings.CLIENT_CERT_HEADER = "X-Client-Cert"
    assert from_("203.0.113.7", token, **{HEADER: SUBJECT}).status_code == 200
    assert from_("203.0.113.7", token, **{HEADER: "CN=somebody"}).status_code == 403
    assert from_("203.0.113.7", token).status_code == 403
    assert refusals.read().last[0].cause == "no certificate of TradingView"


def test_only_a_proxy_that_is_counted_is_believed(settings: Any, source: Source, token: str) -> None:
    settings.CLIENT_CERT_HEADER = "X-Client-Cert"
    assert from_("52.89.214.238", token, **{HEADER: SUBJECT}).status_code == 403
    assert "no proxy is counted who could be believed" in configuration.origins(FIRED).says
    settings.TRUSTED_PROXIES = 1
    assert post(token=token, REMOTE_ADDR="10.0.0.1", **{HEADER: SUBJECT}).status_code == 403


def test_a_source_that_takes_alerts_from_anywhere_is_not_asked(settings: Any, source: Source, token: str) -> None:
    settings.TRUSTED_PROXIES, settings.WEBHOOK_ADDRESSES = 1, ["tradingview"]
    settings.CLIENT_CERT_HEADER = "X-Client-Cert"
    limit(source, "any")
    assert from_("203.0.113.7", token).status_code == 200
