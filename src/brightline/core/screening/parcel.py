# SPDX-License-Identifier: Apache-2.0
"""A classifier release on its way to a site: what the provider offers, and what the customer approved of it.

Each organisation speaks in files of its own, under keys of its own, and neither can write the other's. A site takes a
parcel only where the two agree: the approval names the very release and the very statement.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError, TrustError

OFFER_FORMAT: Final = "brightline-offer/1"
APPROVAL_FORMAT: Final = "brightline-approval/1"
FILES_MAX: Final = 200
BYTES_MAX: Final = 262_144

FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]
_Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider's word: this release, in these files. A rollback has no files: the site has them already."""

    format: str
    name: FileName
    version: int
    release: _Digest
    files: Annotated[tuple[FileName, ...], Meta(max_length=FILES_MAX)]


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's word: this release, by the statement with this digest."""

    format: str
    name: FileName
    release: _Digest
    update: _Digest


T = TypeVar("T", Offer, Approval)


def read_offer(data: bytes) -> Offer:
    """Read an offer. Raises ``ReleaseError``."""
    return _checked(_read(data, Offer), OFFER_FORMAT)


def read_approval(data: bytes) -> Approval:
    """Read an approval. Raises ``ReleaseError``."""
    return _checked(_read(data, Approval), APPROVAL_FORMAT)


def check_agreed(offer: Offer, approval: Approval, statement: bytes) -> None:
    """Both organisations mean the same release, and this statement. Raises ``TrustError``."""
    if (offer.name, offer.release) != (approval.name, approval.release):
        raise TrustError(
            f"the provider offers {offer.name} with {offer.release}; "
            f"the customer approved {approval.name} with {approval.release}"
        )
    found = statement_digest(statement)
    if found != approval.update:
        raise TrustError(f"the statement has digest {found}; the customer approved {approval.update}")


def statement_digest(statement: bytes) -> str:
    """By what an approval names a statement."""
    return "sha256:" + hashlib.sha256(statement).hexdigest()


def _read(data: bytes, kind: type[T]) -> T:
    if len(data) > BYTES_MAX:
        raise ReleaseError(f"{kind.__name__} of {len(data)} bytes exceeds {BYTES_MAX}")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"what is delivered does not read as {kind.__name__}: {error}") from error


def _checked(found: T, expected: str) -> T:
    if found.format != expected:
        raise ReleaseError(f"format {found.format[:40]!r}; expected {expected!r}")
    return found
