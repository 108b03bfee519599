"""Passkeys: keys in a phone, a computer or a security key that answer for the second factor (WebAuthn).

The browser gives an answer to the site that made the passkey and to no other, and each answers one question of ours: a
copied page gets none, and none counts twice. Nobody finds one by trying, so they are never held up; wrong ones are
counted with the wrong codes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils.crypto import salted_hmac
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from dashboard.models import Passkey, SecondFactor

from .second_factor import ISSUER, Outcome, begin, judged

LONGEST = 20_000  # characters of an answer
PREFERRED = (
    UserVerificationRequirement.PREFERRED
)  # a PIN or finger where the device asks for one: the password is known


@dataclass(frozen=True, slots=True)
class Site:
    """For whom browsers make and use passkeys (WebAuthn's relying party), and the origins of its pages."""

    host: str
    origins: frozenset[str]

    @property
    def server(self) -> Fido2Server:
        party = PublicKeyCredentialRpEntity(id=self.host, name=ISSUER)
        return Fido2Server(party, verify_origin=lambda origin: origin in self.origins)


def site_of(request: HttpRequest) -> Site | None:
    """The site that a request asks for; None under an address in numbers, for which no browser makes passkeys.

    Its pages are where forms may come from.
    """
    origins = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    host = settings.PASSKEY_HOST or split_domain_port(request.get_host())[0]
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return Site(host, frozenset(origins))
    return None


def known(passkeys: list[Passkey]) -> list[AttestedCredentialData]:
    return [AttestedCredentialData(websafe_decode(each.public)) for each in passkeys]


def passkeys_of(user: User, site: Site | None) -> list[Passkey]:
    """Those that a browser would use on this site."""
    return list(Passkey.objects.filter(factor__user=user, host=site.host)) if site else []


def to_make(site: Site, user: User, challenge: str) -> Mapping[str, Any]:
    """What the browser is asked for a new one, as JSON has it."""
    # The handle tells deployments on one host apart, for a device keeps one passkey of each site and handle.
    handle = salted_hmac("dashboard.passkeys", str(user.pk)).digest()
    name = user.get_username()
    options, _ = site.server.register_begin(
        PublicKeyCredentialUserEntity(id=handle, name=name, display_name=name),
        known(passkeys_of(user, site)),
        ResidentKeyRequirement.PREFERRED,
        PREFERRED,
        challenge=websafe_decode(challenge),
    )
    return dict(options.public_key)


def to_answer(site: Site | None, user: User, challenge: str) -> Mapping[str, Any] | None:
    """What the browser is asked where one is to confirm something; None where there is none for this site."""
    passkeys = passkeys_of(user, site)
    if site is None or not passkeys:
        return None
    options, _ = site.server.authenticate_begin(known(passkeys), PREFERRED, websafe_decode(challenge))
    return dict(options.public_key)


def confirm(user: User, answer: str, site: Site | None, challenge: str, now: datetime) -> Outcome:
    """Judge a passkey's answer to the challenge, and note it."""

    def judge(factor: SecondFactor) -> Outcome:
        passkey = answered(list(factor.passkeys.filter(host=site.host)), answer, site, challenge) if site else None
        if passkey is None:
            return Outcome.WRONG
        passkey.last_used_at = now
        passkey.save(update_fields=["counter", "last_used_at"])
        return Outcome.RIGHT

    return judged(user, judge, now)


def answered(passkeys: list[Passkey], answer: str, site: Site, challenge: str) -> Passkey | None:
    """Whose answer this is, with its new count; None for no proof."""
    try:
        given = AuthenticationResponse.from_dict(parsed(answer))
        key = site.server.authenticate_complete(state(challenge), known(passkeys), given)
    except Exception:  # noqa: BLE001 - whatever the package stumbles over in somebody's bytes, it is no proof
        return None
    passkey = next(each for each in passkeys if each.key_id == websafe_encode(key.credential_id))
    count = given.response.authenticator_data.counter
    if (count or passkey.counter) and count <= passkey.counter:
        return None  # a copy of the device has counted on
    passkey.counter = count
    return passkey


def made(answer: str, site: Site, challenge: str) -> AuthenticatorData | None:
    """The new passkey that a browser's answer tells of; None for no answer to the challenge."""
    try:
        given = RegistrationResponse.from_dict(parsed(answer))
        data = site.server.register_complete(state(challenge), given)
    except Exception:  # noqa: BLE001 - as above
        return None
    key = data.credential_data
    return data if key is not None and key.public_key.get(3) in CoseKey.supported_algorithms() else None


def add(user: User, name: str, data: AuthenticatorData, site: Site, now: datetime) -> list[str] | None:
    """Keep a new one. The recovery codes where it makes the second factor, else none; None where it is known."""
    key = data.credential_data
    assert key is not None
    try:
        with transaction.atomic():
            codes = [] if SecondFactor.objects.filter(user=user).exists() else begin(user, now) or []
            Passkey.objects.create(
                factor=SecondFactor.objects.get(user=user), name=name, host=site.host, made_at=now,
                key_id=websafe_encode(key.credential_id), public=websafe_encode(key), counter=data.counter,
            )  # fmt: skip
    except IntegrityError:
        return None
    return codes


def remove(passkey: Passkey) -> bool:
    """False where nothing but recovery codes would be left."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().get(pk=passkey.factor_id)
        if not factor.sealed and factor.passkeys.count() < 2:
            return False
        passkey.delete()
    return True


def parsed(answer: str) -> Mapping[str, Any]:
    """Raises ValueError."""
    if len(answer) > LONGEST:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def state(challenge: str) -> dict[str, Any]:
    """Raises ValueError where nothing was asked."""
    if not challenge:
        raise ValueError("no challenge")
    return {"challenge": challenge, "user_verification": PREFERRED}
