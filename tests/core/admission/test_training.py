# SPDX-License-Identifier: Apache-2.0
"""The signed word on a model's safety training: by whom, of which files, until when; anything else says nothing."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.admission.training import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Evaluation,
    Result,
    Training,
    open_training,
    state_training,
)
from brightline.core.admission.weights import check_weights
from brightline.core.errors import TrustError
from brightline.core.screening.oms import read_public_key, sign_files, signed_files
from brightline.core.statement import add_signature, sign_statement
from tests.core.screening.test_oms import REFERENCE, REFERENCE_KEY

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
DIGEST = "sha256:" + "ab" * 32
AT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
TRAINING = Training(
    "trained to refuse the agreement's red lines",
    (Evaluation("refusals", "sha256:" + "cd" * 32, (Result("refused of 1000", "996"),)),),
    "English only",
    "office of safety",
    "2026-02-01T00:00:00Z",
    "2026-08-01T00:00:00Z",
)


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def opened(envelope: bytes, digest: str = DIGEST, at: float = AT, **signers: bytes) -> tuple[Training, list[str]]:
    said, names = open_training(envelope, digest, signers or {"safety": raw(KEY)}, at)
    return said, list(names)


def test_what_an_accepted_signer_says_of_these_files_is_read_with_who_said_it() -> None:
    envelope = state_training("m", DIGEST, TRAINING, KEY)
    assert opened(envelope) == (TRAINING, ["safety"])
    both = add_signature(envelope, PAYLOAD_TYPE, OTHER)
    assert opened(both, other=raw(OTHER), safety=raw(KEY))[1] == ["other", "safety"]
    assert opened(both, other=raw(OTHER))[1] == ["other"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda e: opened(e, other=raw(OTHER)), "no accepted signer"),
        (lambda e: open_training(e, DIGEST, {}, AT), "no accepted signer"),
        (lambda e: opened(e, "sha256:" + "00" * 32), "of another model"),
        (lambda e: opened(e, at=AT - 90 * 86_400), "begins on"),
        (lambda e: opened(e, at=AT + 153 * 86_400), "ended on"),
        (lambda e: opened(e[:-1]), "no accepted signer"),
        (lambda e: opened(e.replace(b'"sig":"', b'"sig":"00')), "no accepted signer"),
        (lambda e: opened(b""), "no accepted signer"),
        (lambda e: opened(b"[" * 60_000), "no accepted signer"),
    ],
    ids=range(9),
)
def test_what_is_not_signed_by_who_counts_of_these_files_and_in_date_says_nothing(call: Any, said: str) -> None:
    with pytest.raises(TrustError, match=said):
        call(state_training("m", DIGEST, TRAINING, KEY))


class Anything(msgspec.Struct, frozen=True, rename={"type_": "_type", "predicate_type": "predicateType"}):
    subject: Any = msgspec.field(default_factory=lambda: ({"name": "m", "digest": {"sha256": DIGEST[7:]}},))
    predicate: Any = msgspec.field(default_factory=lambda: msgspec.to_builtins(TRAINING))
    type_: Any = STATEMENT_TYPE
    predicate_type: Any = PREDICATE_TYPE


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": ()},
        {"subject": ({"name": "m", "digest": {"sha512": "ab" * 32}},)},
        {"subject": ({"name": "m", "digest": {"sha256": "AB" * 32}},)},
        {"type_": "https://in-toto.io/Statement/v0.1"},
        {"predicate_type": "https://slsa.dev/provenance/v1"},
        {"predicate": {}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "surplus": 1}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "evaluations": []}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "training": ""}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "expires": "2027-02-03T00:00:00Z"}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "expires": "2026-02-01T00:00:00Z"}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "expires": "2026-08-01T00:00:00"}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "expires": "2026-08-01T00:00:00+02:00"}},
        {"predicate": {**msgspec.to_builtins(TRAINING), "expires": "soon"}},
    ],
    ids=range(14),
)
def test_a_signed_statement_of_another_form_says_nothing(changed: dict[str, Any]) -> None:
    assert opened(sign_statement(Anything(), PAYLOAD_TYPE, [KEY]))[0] == TRAINING
    with pytest.raises(TrustError):
        opened(sign_statement(Anything(**changed), PAYLOAD_TYPE, [KEY]))


def test_a_statement_under_another_payload_type_says_nothing() -> None:
    with pytest.raises(TrustError, match="no accepted signer"):
        opened(sign_statement(Anything(), "application/json", [KEY]))


def test_nobody_states_for_longer_than_a_year() -> None:
    later = msgspec.structs.replace(TRAINING, expires="2028-01-01T00:00:00Z")
    with pytest.raises(TrustError, match="366 days"):
        state_training("m", DIGEST, later, KEY)


# ---- the files -----------------------------------------------------------------------------------------------------

SIGNER = ec.generate_private_key(ec.SECP256R1())
FILES = {"config.json": "aa" * 32, "weights/model.safetensors": "bb" * 32, "LICENSE": "cc" * 32}


def test_these_files_and_no_others_are_the_model() -> None:
    bundle = sign_files("m", FILES, SIGNER)
    signed = check_weights(bundle, SIGNER.public_key(), FILES | {"model.sig": "dd" * 32})
    assert signed.files == FILES
    assert signed.digest.startswith("sha256:")
    other = sign_files("m", FILES | {"LICENSE": "00" * 32}, SIGNER)
    assert check_weights(other, SIGNER.public_key(), FILES | {"LICENSE": "00" * 32}).digest != signed.digest


def test_the_digest_is_the_one_that_the_reference_implementation_signs() -> None:
    signed = signed_files(REFERENCE.encode(), read_public_key(REFERENCE_KEY.encode()))
    payload = json.loads(base64.b64decode(json.loads(REFERENCE)["dsseEnvelope"]["payload"]))
    assert signed.digest == f"sha256:{payload['subject'][0]['digest']['sha256']}"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({**FILES, "LICENSE": "00" * 32}, "not those that were signed: LICENSE"),
        ({name: FILES[name] for name in ("LICENSE", "config.json")}, "missing: weights/model.safetensors"),
        ({**FILES, ".git/config": "00" * 32}, "signed by nobody: .git/config"),
        ({**FILES, "weights/model.sig": "00" * 32}, "signed by nobody"),
        ({}, "missing"),
    ],
    ids=range(5),
)
def test_a_file_that_differs_is_named(found: dict[str, str], said: str) -> None:
    with pytest.raises(TrustError, match=said):
        check_weights(sign_files("m", FILES, SIGNER), SIGNER.public_key(), found)


@pytest.mark.parametrize(
    "name", ["model.bin", "model.pt", "model.pkl", "run.py", "a.safetensors.so", "x", ".json", "b.JSON.exe"]
)
def test_a_file_that_may_run_is_refused_though_it_was_signed(name: str) -> None:
    files = FILES | {name: "00" * 32}
    with pytest.raises(TrustError, match="may run"):
        check_weights(sign_files("m", files, SIGNER), SIGNER.public_key(), files)


def test_another_key_and_an_empty_manifest_admit_nothing() -> None:
    with pytest.raises(TrustError, match="was not signed by"):
        check_weights(sign_files("m", FILES, SIGNER), ec.generate_private_key(ec.SECP256R1()).public_key(), FILES)
    with pytest.raises(TrustError, match="lists 0 files"):
        check_weights(sign_files("m", {}, SIGNER), SIGNER.public_key(), {})
