# SPDX-License-Identifier: Apache-2.0
"""An authenticator in software: makes passkeys and signs with them, rightly, or wrongly where a test says how."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from brightline.core.review.passkey import base64url
from brightline.core.review.roster import Credential, CredentialKind

RP_ID: Final = "localhost"
ORIGIN: Final = "http://localhost:8092"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
_CURVE: Final = ec.SECP256R1()


class Passkey:
    """One credential in one authenticator. ``counter`` is None for one that does not count, as synced ones do."""

    def __init__(self, seed: int, algorithm: str = "ES256", counter: int | None = 0) -> None:
        self.id = hashlib.sha256(f"credential {seed} {algorithm}".encode()).digest()
        self.counter = counter
        self._key: Any
        if algorithm == "ES256":
            self._key = ec.derive_private_key(seed + 1_000, _CURVE)
            point = self._key.public_key().public_numbers()
            self.cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        elif algorithm == "EdDSA":
            self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
            self.cose = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: self._key.public_key().public_bytes_raw()})
        else:
            self._key = rsa.generate_private_key(65_537, 2_048)
            public = self._key.public_key().public_numbers()
            self.cose = cbor2.dumps({1: 3, 3: -257, -1: public.n.to_bytes(256), -2: public.e.to_bytes(3)})

    @property
    def pkcs8(self) -> bytes:
        """The private key, for an authenticator that is given one."""
        data: bytes = self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return data

    @property
    def credential(self) -> Credential:
        """As it stands on a roster."""
        return Credential(CredentialKind.PASSKEY, base64url(self.id), self.cose.hex())

    def get(self, challenge: bytes, *, flags: int = PRESENT | VERIFIED, rp_id: str = RP_ID, **client: Any) -> bytes:
        """Sign a challenge, as ``navigator.credentials.get()`` gives it: ``PublicKeyCredential.toJSON()`` as bytes."""
        said = {
            "type": "webauthn.get",
            "challenge": base64url(challenge),
            "origin": ORIGIN,
            "crossOrigin": False,
            **client,
        }
        client_data = json.dumps({name: value for name, value in said.items() if value is not None}).encode()
        data = self._data(flags, rp_id)
        response = {
            "authenticatorData": base64url(data),
            "clientDataJSON": base64url(client_data),
            "signature": base64url(self._sign(data + hashlib.sha256(client_data).digest())),
            "userHandle": None,
        }
        return json.dumps(self._json(response)).encode()

    def create(self, challenge: bytes, *, flags: int = PRESENT | VERIFIED, rp_id: str = RP_ID, **client: Any) -> bytes:
        """Register, as ``navigator.credentials.create()`` gives it; without attestation."""
        said = {"type": "webauthn.create", "challenge": base64url(challenge), "origin": ORIGIN, **client}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + self.cose
        data = self._data(flags | ATTESTED, rp_id) + attested
        response = {
            "attestationObject": base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "clientDataJSON": base64url(json.dumps(said).encode()),
            "transports": ["internal"],
        }
        return json.dumps(self._json(response)).encode()

    def _json(self, response: dict[str, Any]) -> dict[str, Any]:
        named = base64url(self.id)
        return {"id": named, "rawId": named, "type": "public-key", "clientExtensionResults": {}, "response": response}

    def _data(self, flags: int, rp_id: str) -> bytes:
        if self.counter is not None:
            self.counter += 1
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + (self.counter or 0).to_bytes(4)

    def _sign(self, data: bytes) -> bytes:
        signed: bytes
        if isinstance(self._key, Ed25519PrivateKey):
            signed = self._key.sign(data)
        elif isinstance(self._key, rsa.RSAPrivateKey):
            signed = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            signed = self._key.sign(data, ec.ECDSA(hashes.SHA256()))
        return signed
