# SPDX-License-Identifier: Apache-2.0
"""Coming in with a passkey: what the browser is asked, and whose passkey answered.

The challenge is random to everybody but this process, and a decision's is the digest of the decision: neither can be
shown as the other. Which passkey is whose stands on the roster and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.review.passkey import RelyingParty, base64url, read_response, verify
from brightline.core.review.roster import ClearedPerson, CredentialKind

TIMEOUT_MS: Final = 120_000


class Arrived(msgspec.Struct, frozen=True):
    """Who came in, by which passkey, with which counter."""

    person: ClearedPerson
    credential: str
    counter: int


def asked(relying: RelyingParty, challenge: bytes) -> str:
    """``PublicKeyCredentialRequestOptionsJSON`` (WebAuthn Level 3, section 5.1.10).

    No credential is named: the device shows those that it has for this console, and who has none learns no names.
    """
    options = {
        "challenge": base64url(challenge),
        "rpId": relying.id,
        "timeout": TIMEOUT_MS,
        "userVerification": "required",
    }
    return msgspec.json.encode(options).decode()


def arrived(
    given: bytes,
    challenge: bytes,
    relying: RelyingParty,
    people: Mapping[str, ClearedPerson],
    counters: Mapping[str, int],
) -> Arrived:
    """Whose passkey signed the challenge. Raises ``TrustError`` if it is nobody's on the roster, or did not."""
    signed = read_response(given)
    for person in people.values():
        for credential in person.credentials:
            if (credential.kind, credential.id) == (CredentialKind.PASSKEY, signed.credential):
                last = counters.get(credential.id, 0)
                counter = verify(signed, credential.public, challenge, relying, last)
                return Arrived(person, credential.id, counter)
    raise TrustError("this passkey is nobody's on the roster")
