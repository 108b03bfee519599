"""A device that holds a passkey: it makes one as a browser would have it, and answers as one does."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "http://testserver"
FLAG = AuthenticatorData.FLAG


@dataclass
class Device:
    name: bytes = b"a device, thirty-two bytes long."
    origin: str = ORIGIN
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, asked: str) -> str:
        """The answer to what a page asks where a passkey is added (`data-passkey`)."""
        options = json.loads(asked)
        public = AttestedCredentialData.create(
            Aaguid.NONE, self.name, ES256.from_cryptography_key(self.key.public_key())
        )
        data = AuthenticatorData.create(rp(options["rp"]["id"]), FLAG.UP | FLAG.AT, self.count, public)
        client = self.client(CollectedClientData.TYPE.CREATE, options)
        return self.told(clientDataJSON=client, attestationObject=AttestationObject.create("none", data, {}))

    def answer(self, asked: str) -> str:
        """The answer to what a page asks where one confirms something."""
        options = json.loads(asked)
        self.count += 1
        data = AuthenticatorData.create(rp(options["rpId"]), FLAG.UP, self.count)
        client = self.client(CollectedClientData.TYPE.GET, options)
        signature = self.key.sign(data + client.hash, ec.ECDSA(SHA256()))
        return self.told(clientDataJSON=client, authenticatorData=data, signature=signature)

    def client(self, what: Any, options: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(what, websafe_decode(options["challenge"]), self.origin)

    def told(self, **parts: bytes) -> str:
        name = websafe_encode(self.name)
        response = {part: websafe_encode(value) for part, value in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def rp(host: str) -> bytes:
    return sha256(host.encode()).digest()
