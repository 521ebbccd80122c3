# SPDX-License-Identifier: Apache-2.0
"""What somebody signed about a model: a DSSE envelope (v1), by a key that whoever admits the model pinned.

The statement of training is an in-toto statement; a filled-in VV&T form and a set of probes are signed as the files
that people read, so that what was looked at is what was signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from brightline.core.errors import TrustError
from brightline.core.statement import STATEMENT_BYTES_MAX, open_payload

FORM_TYPE: Final = "application/vnd.brightline.vvt-form+toml"
PROBES_TYPE: Final = "application/vnd.brightline.probes+toml"
PAPER_BYTES_MAX: Final = 4 * STATEMENT_BYTES_MAX


def open_paper(
    envelope: bytes, payload_type: str, signers: Mapping[str, bytes], bytes_max: int = STATEMENT_BYTES_MAX
) -> tuple[bytes, Sequence[str]]:
    """What was signed, and by which of the accepted signers (name → raw Ed25519 key). Raises ``TrustError``."""
    found: dict[str, bytes] = {}
    why = "nobody is accepted"
    for name, public in signers.items():
        try:
            found[name] = open_payload(envelope, payload_type, public, bytes_max)
        except TrustError as error:
            why = str(error)
    if not found:
        raise TrustError(f"no accepted signer signed it: {why}")
    return next(iter(found.values())), sorted(found)
