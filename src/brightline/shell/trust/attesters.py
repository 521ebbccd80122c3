# SPDX-License-Identifier: Apache-2.0
"""Which attester a gateway's settings name: a command, a TPM in software, or the development attester."""

from __future__ import annotations

from pathlib import Path

from brightline.core.attestation.lease import DEVELOPMENT
from brightline.core.errors import TrustError
from brightline.core.ports import Attester, Clock
from brightline.shell.config import AttestationSettings, child_environment
from brightline.shell.state import StateFolder
from brightline.shell.trust.asking import ATTESTER_KEY, CommandAttester, DevelopmentAttester
from brightline.shell.trust.software_tpm import SoftwareTpmAttester


def open_attester(folder: StateFolder, settings: AttestationSettings, profile: str, clock: Clock) -> Attester:
    """The attester that the settings name; without one the development attester, in its profile alone.

    Raises ``TrustError``.
    """
    if settings.command:
        return CommandAttester(settings.command, environment=child_environment())
    if profile != DEVELOPMENT:
        raise TrustError(f"profile {profile!r} needs evidence of this machine: set attestation.command")
    if settings.software_tpm:
        return SoftwareTpmAttester(Path(settings.software_tpm), folder.key(ATTESTER_KEY), clock)
    return DevelopmentAttester(folder.key(ATTESTER_KEY), clock)
