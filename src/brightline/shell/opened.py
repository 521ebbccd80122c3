# SPDX-License-Identifier: Apache-2.0
"""What the wiring has opened before a gateway can run: the one list of it, for who opens and who is given it."""

from __future__ import annotations

import msgspec

from brightline.core.attestation.chain import Root
from brightline.core.enforcement.terms import Terms
from brightline.core.evidence.note import VerifierKey
from brightline.core.ports import Attester, Clock
from brightline.shell.combining import Witnessed
from brightline.shell.config import Settings
from brightline.shell.gateway.peers import Peers
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.heads import CombinedHeads, FollowedLog
from brightline.shell.inference.loaded import Loaded
from brightline.shell.registry.following import Registry
from brightline.shell.state import StateFolder
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.installation import Installation


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened for a node.

    ``origin`` is the name of its log, ``heads_key`` that of the combined heads; ``first`` is the release that judges
    first. ``vendor_roots`` vouch for machines; ``node_keys`` are the raw public keys by which this process signs.
    """

    folder: StateFolder
    settings: Settings
    installation: Installation
    terms: Terms
    attester: Attester
    vendor_roots: tuple[Root, ...]
    node_keys: tuple[bytes, ...]
    registry: Registry
    registry_log: FollowedLog
    registry_origin: str
    first: Loaded
    shard: str
    origin: str
    vault: Vault
    log: Sequencer
    publisher: Publisher
    periods: PeriodWriter
    heads: CombinedHeads
    heads_key: VerifierKey
    witnessed: Witnessed | None
    upstream: HttpUpstreams
    peers: Peers
    clock: Clock
