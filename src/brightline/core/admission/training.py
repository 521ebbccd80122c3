# SPDX-License-Identifier: Apache-2.0
"""A signed word that a model was trained for safety and evaluated: an in-toto statement (v1) in a DSSE envelope (v1).

Its subject is the digest over the model's files, so that it says nothing of any other. Who signs is pinned by whoever
asks, by Ed25519 keys; the envelope's key ids decide nothing. A statement has an end, and after it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from brightline.core.admission.paper import open_paper
from brightline.core.errors import TrustError
from brightline.core.statement import sign_statement

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "tag:brightline,2026:safety-training-and-evaluation/v1"
DAYS_MAX: Final = 366
CLOCK_SKEW_SECONDS: Final = 300
_Words = Annotated[str, Meta(min_length=1, max_length=16_000)]
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured figure, as it was reported."""

    name: _Words
    value: _Words


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model was asked, by the digest of the suite, and what came of it."""

    name: _Words
    suite: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
    results: Annotated[tuple[Result, ...], Meta(min_length=1, max_length=256)]


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predicate. ``training`` says in words how the model was trained to refuse; times are RFC 3339 in UTC."""

    training: _Words
    evaluations: Annotated[tuple[Evaluation, ...], Meta(min_length=1, max_length=64)]
    limits: _Words
    office: _Words
    issued: str
    expires: str


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, _Hex]


class _Statement(msgspec.Struct, frozen=True, rename={"type_": "_type", "predicate_type": "predicateType"}):
    type_: str
    subject: Annotated[tuple[_Subject, ...], Meta(min_length=1, max_length=16)]
    predicate_type: str
    predicate: Training


def state_training(name: str, digest: str, training: Training, key: Ed25519PrivateKey) -> bytes:
    """Sign the statement for a model's digest (``sha256:…``). Raises ``TrustError`` for times that are none."""
    _times(training)
    subject = (_Subject(name, {"sha256": digest.removeprefix("sha256:")}),)
    return sign_statement(_Statement(STATEMENT_TYPE, subject, PREDICATE_TYPE, training), PAYLOAD_TYPE, [key])


def open_training(
    envelope: bytes, digest: str, signers: Mapping[str, bytes], at: float
) -> tuple[Training, Sequence[str]]:
    """The statement for this digest, and which of the accepted signers (name → raw Ed25519 key) signed it.

    ``at`` is Unix seconds. Raises ``TrustError``: no accepted signer, another model, another kind, not in date.
    """
    payload, names = open_paper(envelope, PAYLOAD_TYPE, signers)
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"the statement of training does not read as one: {error}") from error
    if (statement.type_, statement.predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise TrustError(f"the statement is of another kind: {statement.predicate_type[:80]!r}")
    named = {f"sha256:{subject.digest['sha256']}" for subject in statement.subject if "sha256" in subject.digest}
    if digest not in named:
        raise TrustError("the statement of training is of another model: none of its subjects has these files")
    issued, expires = _times(statement.predicate)
    if at < issued - CLOCK_SKEW_SECONDS:
        raise TrustError(f"the statement of training begins on {statement.predicate.issued}")
    if at >= expires:
        raise TrustError(f"the statement of training ended on {statement.predicate.expires}")
    return statement.predicate, names


def _times(training: Training) -> tuple[float, float]:
    try:
        issued, expires = (datetime.fromisoformat(text) for text in (training.issued, training.expires))
    except ValueError as error:
        raise TrustError(f"the statement of training has a time that is none: {error}") from error
    if issued.utcoffset() != UTC.utcoffset(None) or expires.utcoffset() != UTC.utcoffset(None):
        raise TrustError("the times of a statement of training are in UTC, and end with Z")
    if not 0 < (expires - issued).total_seconds() <= DAYS_MAX * 86_400:
        raise TrustError(f"a statement of training is in date for 1 to {DAYS_MAX} days")
    return issued.timestamp(), expires.timestamp()
