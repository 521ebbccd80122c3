# SPDX-License-Identifier: Apache-2.0
"""TLS between our own parts: each shows a certificate, and each pins the other by identity.

A channel is a folder: ``certificate.pem``, ``key.pem`` (its owner's alone), ``roots.pem`` (the authorities that are
believed). It is read again when a file was touched; what does not load leaves the one before in force, so that a key
and its certificate can be put there one after the other.

Nothing here trusts a name, an address or a network: neither side is asked where it stands.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from brightline.core.channel import PEM_BYTES_MAX, Peer, domain_of, read_peer
from brightline.core.errors import ConfigError, TrustError
from brightline.files import read_within

CERTIFICATE: Final = "certificate.pem"
KEY: Final = "key.pem"
ROOTS: Final = "roots.pem"
_FILES: Final = (CERTIFICATE, KEY, ROOTS)
_log = logging.getLogger("brightline.channel")


class Channel:
    """One side of channels to the parts with these identities. Raises ``ConfigError`` for a folder that is none."""

    def __init__(self, folder: Path, peers: Iterable[str], unix: Callable[[], float]) -> None:
        self._folder = folder
        self._peers = frozenset(peers)
        self._unix = unix
        self.turned_away: Callable[[], None] = lambda: None
        """Called for each peer whose certificate is believed, and who is not expected here."""
        try:
            for each in self._peers:
                domain_of(each)
        except TrustError as error:
            raise ConfigError(str(error)) from error
        if not self._peers:
            raise ConfigError("a channel is with somebody: name the identity of the other side")
        self._marks = self._look()
        self._client, self._server = self._load()

    def client(self) -> ssl.SSLContext:
        """The context for a connection that begins now."""
        self.refresh()
        return self._client

    def server(self) -> ssl.SSLContext:
        """The context to listen with. Each handshake takes what is in force then."""

        def now(tls: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _first: ssl.SSLContext) -> None:
            self.refresh()
            tls.context = self._server

        context = self._context(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = now  # called for every handshake, also for one that names no server
        return context

    def peer(self, tls: ssl.SSLObject | None) -> Peer:
        """Who is at the other end of a handshake that is over. Raises ``TrustError`` if nobody who is expected."""
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        if der is None:
            raise TrustError("the other side showed no certificate")
        peer = read_peer(der)
        if peer.identity not in self._peers:
            self.turned_away()
            raise TrustError(f"{peer.identity[:200]} is not expected here")
        return peer

    def has_ended(self, peer: Peer) -> bool:
        """Whether a peer's certificate has ended since its handshake."""
        return self._unix() >= peer.until

    def seconds_left(self, peer: Peer) -> float:
        """How long a peer's certificate is still in date."""
        return max(0.0, peer.until - self._unix())

    def refresh(self) -> None:
        """Read the folder again if one of its files was touched."""
        marks = self._look()
        if marks == self._marks:
            return
        try:
            self._client, self._server = self._load()
        except ConfigError as error:
            _log.warning("the channel goes on with what it had: %s", error)
            return
        self._marks = marks

    def _look(self) -> tuple[tuple[int, ...], ...]:
        found: list[tuple[int, ...]] = []
        for name in _FILES:
            try:
                seen = (self._folder / name).stat()
            except OSError:
                found.append((0,))
                continue
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
        return tuple(found)

    def _load(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        own = read_own(self._folder)
        if self.has_ended(own):
            raise ConfigError(f"{self._folder / CERTIFICATE} has ended; issue another: `brightline channel issue`")
        return self._context(ssl.PROTOCOL_TLS_CLIENT), self._context(ssl.PROTOCOL_TLS_SERVER)

    def _context(self, side: int) -> ssl.SSLContext:
        context = ssl.SSLContext(side)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a part is known by its identity, see ``peer``
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if side == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0  # nothing is resumed: each handshake verifies anew
        try:
            if (self._folder / KEY).stat().st_mode & 0o077:
                raise ConfigError(f"{self._folder / KEY} is readable by others than its owner; chmod 600 it")
            context.load_cert_chain(self._folder / CERTIFICATE, self._folder / KEY)
            context.load_verify_locations(cadata=read_within(self._folder / ROOTS, PEM_BYTES_MAX).decode("ascii"))
        except (OSError, ValueError) as error:  # an error of ssl is an OSError
            raise ConfigError(f"the channel in {self._folder} cannot be used: {error}") from error
        return context


def read_own(folder: Path) -> Peer:
    """Who a channel's folder says that this side is. Raises ``ConfigError``."""
    path = folder / CERTIFICATE
    try:
        found = x509.load_pem_x509_certificate(read_within(path, PEM_BYTES_MAX))
        return read_peer(found.public_bytes(Encoding.DER))
    except (ValueError, TrustError) as error:
        raise ConfigError(f"{path} is no certificate of a part: {error}") from error
