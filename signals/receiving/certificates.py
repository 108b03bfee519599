"""Whose client certificate a TLS proxy has seen, as it tells in a header. Pure; that it is valid the proxy has judged.

Understood are a whole certificate (nginx's `$ssl_client_escaped_cert`, Traefik's `X-Forwarded-Tls-Client-Cert`, Caddy's
`{http.request.tls.client.certificate_der_base64}`), its subject (nginx's `$ssl_client_s_dn`, Caddy's
`{http.request.tls.client.subject}`), and Traefik's `X-Forwarded-Tls-Client-Cert-Info`.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import NameOID

PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
DER = re.compile(r"MI[\w+/\s]{64,}={0,2}")  # how every certificate begins in base64
INFO = re.compile(r'(?i)\b(Subject|SAN)="((?:[^"\\]|\\.)*)"')
COMMON_NAME = re.compile(r"(?i)^\s*(?:CN|commonName|2\.5\.4\.3)\s*=\s*(.*?)\s*$", re.DOTALL)
NEXT_PART = re.compile(r"(?<!\\)[,+](?=\s*[A-Za-z0-9.]+\s*=)")  # Traefik escapes no comma within a value


@dataclass(frozen=True, slots=True)
class Names:
    """The common name ("" where there is none, or more than one), and the alternative names where they are told."""

    common: str = ""
    alternative: frozenset[str] | None = None


def is_one_of(header: str, names: Collection[str]) -> bool:
    """Whether the certificate is of one of these names: by an alternative name where they are told, else by its own."""
    found = names_in(header)
    wanted = {name.strip().lower() for name in names}
    if found.alternative is not None:
        return not wanted.isdisjoint(name.lower() for name in found.alternative)
    return bool(found.common) and found.common.lower() in wanted


@lru_cache(maxsize=64)
def names_in(header: str) -> Names:
    """What a header tells; nothing where it is not understood."""
    text = unquote(header).strip()
    if whole := PEM.search(text):
        return of_certificate(whole[1])
    first = text.partition(",")[0]  # Traefik passes the chain, its own first
    if DER.fullmatch(first):
        return of_certificate(first)
    told = {name.lower(): value for name, value in INFO.findall(text)}
    if told:
        names = told.get("san", "")
        listed = frozenset(filter(None, (name.strip() for name in names.split(","))))
        return Names(common_name(told.get("subject", "")), listed or None)
    return Names(common_name(text))


def common_name(subject: str) -> str:
    """Of a subject as RFC 2253 writes it. Of two none counts: one of them may stand within another value."""
    found = [match[1] for part in NEXT_PART.split(subject) if (match := COMMON_NAME.match(part))]
    return re.sub(r"\\(.)", r"\1", found[0]) if len(found) == 1 else ""


def of_certificate(text: str) -> Names:
    try:
        certificate = x509.load_der_x509_certificate(b64decode("".join(text.split()), validate=True))
        common = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        alternative = alternative_names(certificate)
    except (ValueError, binascii.Error, x509.DuplicateExtension):
        return Names()
    return Names(common[0] if len(common) == 1 else "", alternative)


def alternative_names(certificate: x509.Certificate) -> frozenset[str] | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    kinds = (x509.RFC822Name, x509.DNSName, x509.UniformResourceIdentifier)
    return frozenset(name for kind in kinds for name in names.get_values_for_type(kind))
