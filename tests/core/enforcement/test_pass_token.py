# SPDX-License-Identifier: Apache-2.0
"""The pass token: minted from a durable PASS alone, and it says what it permits."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import brightline
from brightline.core.enforcement.pass_token import (
    TOKEN_VERSION,
    PassClaims,
    PassToken,
    mint_pass,
    token_id,
    wire_digest,
)
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange.model import UpstreamRequest
from tests.playbooks.playbook import PUBLIC_KEY, SIGNER, TERMS, durable

SOURCE = Path(brightline.__file__).parent
REQUEST = UpstreamRequest("/v1/chat/completions", b'{"model":"m"}', streamed=False)


def token_of(kind: RecordKind = RecordKind.PASS) -> PassToken:
    record = durable(Draft(kind, "x-1", TERMS.header(), {}), seq=7)
    return mint_pass(record, REQUEST, "upstream-m", "default", 1_800_000_000, 1_800_000_060, SIGNER)


def parts_of(token: PassToken) -> tuple[bytes, bytes]:
    payload, signature = (base64.urlsafe_b64decode(part + "==") for part in token.text.split("."))
    return payload, signature


def test_nobody_but_the_mint_makes_a_token() -> None:
    claims = PassClaims("x", "s", 0, "", "", "", "", "", "", 0, 0)
    with pytest.raises(TypeError, match="machine alone"):
        PassToken(object(), claims, "")


def test_the_machine_alone_imports_the_mint() -> None:
    importers = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if "mint_pass" in path.read_text("utf-8")
    }
    assert importers == {"core/enforcement/machine.py", "core/enforcement/pass_token.py"}


@pytest.mark.parametrize("kind", [kind for kind in RecordKind if kind is not RecordKind.PASS])
def test_no_other_record_makes_a_token(kind: RecordKind) -> None:
    with pytest.raises(TypeError, match="needs a PASS record"):
        token_of(kind)


def test_a_token_verifies_and_says_what_it_permits() -> None:
    payload, signature = parts_of(token_of())
    Ed25519PublicKey.from_public_bytes(PUBLIC_KEY).verify(signature, payload)
    assert json.loads(payload) == {
        "v": TOKEN_VERSION,
        "exchange": "x-1",
        "shard": "shard-1",
        "seq": 7,
        "path": "/v1/chat/completions",
        "wire_digest": "sha256:" + hashlib.sha256(REQUEST.body).hexdigest(),
        "model": "upstream-m",
        "upstream": "default",
        "agreement": TERMS.agreement.digest,
        "release": TERMS.release.digest,
        "issued": 1_800_000_000,
        "expires": 1_800_000_060,
        "vvt": [],
    }


def test_a_token_of_which_a_byte_was_changed_does_not_verify() -> None:
    payload, signature = parts_of(token_of())
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(PUBLIC_KEY).verify(signature, payload.replace(b"default", b"anothe1"))


def test_another_body_has_another_digest_and_another_exchange_another_token_id() -> None:
    assert wire_digest(REQUEST) != wire_digest(UpstreamRequest(REQUEST.path, REQUEST.body + b" ", streamed=False))
    assert token_id("x-1") != token_id("x-2")
    assert len(token_id("x-1")) == 32
