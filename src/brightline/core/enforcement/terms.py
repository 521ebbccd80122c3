# SPDX-License-Identifier: Apache-2.0
"""The terms under which one exchange is decided, fixed when it arrives and the same until it ends.

A new agreement or release makes new terms; an exchange that is under way finishes under the digest it began with.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.enforcement.pass_token import Signs
from brightline.core.screening.release import Release


class AdmittedModel(msgspec.Struct, frozen=True):
    """A model that may be served: its public name, the upstream's name for it, and the upstream's id."""

    name: str
    upstream_model: str
    upstream: str


class Terms(msgspec.Struct, frozen=True):
    """Everything that can change a verdict or sign for it. ``mark_*`` bound what may leave without a MARK.

    ``beside`` is a candidate release, where this exchange is a canary of it: the stricter of both holds.
    """

    profile: str
    agreement: Agreement
    release: Release
    models: Mapping[str, AdmittedModel]
    token_signer: Signs
    receipt_signer: Signs
    hold_key: bytes
    pass_seconds: int = 60
    mark_bytes: int = 65_536
    mark_seconds: float = 4.0
    beside: Release | None = None

    def served_by(self, model: AdmittedModel, upstream: str) -> Terms:
        """The same terms for an exchange that one of several servers alike was chosen for."""
        if model.upstream == upstream:
            return self
        chosen = msgspec.structs.replace(model, upstream=upstream)
        return msgspec.structs.replace(self, models={**self.models, model.name: chosen})

    def as_canary_of(self, candidate: Release) -> Terms:
        """The same terms for an exchange of which the stricter of two releases holds."""
        return msgspec.structs.replace(self, beside=candidate)

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases that judge: the one in force, and a candidate beside it."""
        return (self.release,) if self.beside is None else (self.release, self.beside)

    def header(self) -> dict[str, JsonValue]:
        """What every record of an exchange names in public."""
        return {"agreement": self.agreement.digest, "release": self.release.digest}
