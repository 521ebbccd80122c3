# SPDX-License-Identifier: Apache-2.0
"""The vault of a state folder, under the key of its tenant. In production that key is another adapter's to release."""

from __future__ import annotations

from typing import Final

from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.keys import load_secret

TENANT_KEY: Final = "tenant"


def open_vault(folder: StateFolder) -> Vault:
    """The keys of the records of a state folder. Raises ``TrustError`` if the tenant's key is not there."""
    return Vault(folder.vault, load_secret(folder.key(TENANT_KEY)))
