# SPDX-License-Identifier: Apache-2.0
"""Channels for tests: an authority, and parts that it names."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from brightline.core.channel import issue, make_authority, make_request
from brightline.shell.channel import CERTIFICATE, KEY, ROOTS, Channel

DOMAIN = "parts.example"
GATEWAY = f"spiffe://{DOMAIN}/gateway/one"
GUARD = f"spiffe://{DOMAIN}/guard/default"
HOUR = 3_600


class Authority:
    """Issues certificates for ``DOMAIN``, from whatever time a test says."""

    def __init__(self, domain: str = DOMAIN) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = make_authority(domain, self.key, 1, time.time() - HOUR, 30)

    def part(self, folder: Path, identity: str, hours: int = 1, at: float | None = None) -> Path:
        """Make a channel's folder, or give an old one a new key and certificate."""
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        begins = time.time() if at is None else at
        made = issue(make_request(key), identity, self.root, self.key, 2, begins, hours)
        (folder / KEY).touch(mode=0o600)
        (folder / KEY).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / CERTIFICATE).write_bytes(made)
        (folder / ROOTS).write_bytes(self.root)
        return folder


def channel(folder: Path, peer: str, unix: Callable[[], float] = time.time) -> Channel:
    """The channel of a folder to one peer."""
    return Channel(folder, (peer,), unix)
