# SPDX-License-Identifier: Apache-2.0
"""Who signs at a command, and what both parties sign: at one place at once, or each at a place of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import ConfigError
from brightline.core.statement import STATEMENT_BYTES_MAX, Needed
from brightline.files import read_within, write_whole
from brightline.shell.development import HOLDERS
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key


def load_signers(state: Path, holders: Sequence[str], keys: Sequence[Path]) -> list[Ed25519PrivateKey]:
    """The keys of these holders in the state folder, and those that lie elsewhere. Raises ``TrustError``."""
    folder = StateFolder(state)
    return [*(load_key(folder.key(holder)) for holder in holders), *map(load_key, keys)]


def signed_so_far(
    state: Path,
    needed: Sequence[Needed],
    new: Callable[[Sequence[Ed25519PrivateKey]], bytes],
    add: Callable[[bytes, Ed25519PrivateKey], bytes],
    holders: Sequence[str],
    keys: Sequence[Path],
    prepare: Path | None,
    prepared: Path | None,
) -> bytes:
    """A statement that several must sign: a new one, or the one in ``prepared``, with these signatures.

    Where nobody is named, those sign whom development has for ``needed``. With ``prepare`` it is written there, for
    the others. Raises ``ConfigError`` and ``TrustError``.
    """
    if prepare is not None and prepared is not None:
        raise ConfigError("give --prepare FILE or --prepared FILE")
    if not holders and not keys:
        holders = [holder for need in needed for holder in HOLDERS[need.role][: need.holders]]
    signers = load_signers(state, holders, keys)
    if prepared is None:
        envelope = new(signers)
    else:
        envelope = read_within(prepared, STATEMENT_BYTES_MAX)
        for key in signers:
            envelope = add(envelope, key)
    if prepare is not None:
        write_whole(prepare, envelope)  # it may be the file that others signed before
    return envelope
