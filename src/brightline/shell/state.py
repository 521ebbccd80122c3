# SPDX-License-Identifier: Apache-2.0
"""The state folder: what lies where. One class, so that no other file spells a path.

brightline.toml      deployment settings
trust.json           pinned public keys and the profile
installation.json    what both parties signed: agreement, release, roster, models
agreements/<digest>/ the agreement that both parties signed, and each later version with its proofs
releases/<digest>/   classifier releases that came into force after the installation's own
outcomes/<digest>/   what each of them said of the pinned cases
delivery/            the pinned root of a delivery repository, and what was verified of it last
trial/<shard>.json   what each worker counted of a candidate release in its present stage
enrolments/          passkeys that people made with their codes, for both parties to sign in
handed/              answers that somebody gave in a terminal, for a few minutes, to be signed in the console
keys/                private keys: in clear in the development profile alone, else sealed to a key broker
heads/               the combined heads of all shards, shared by all gateways (heads.sqlite)
witness-policy       who must cosign the log (optional in development)
wal/<shard>/         the write-ahead log, its fields encrypted (private)
vault/<shard>/       the keys of the records, one by one destroyable, wrapped under keys/tenant
workloads.sqlite     a cache
patterns/            how many people were asked about: keys that are destroyed, and counts (patterns.sqlite)
queue.sqlite         the reviewers' queue, where ``review.queue_url`` says so: an index and claims
<evidence>/<shard>/  tiles and checkpoint (public)
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class StateFolder(msgspec.Struct, frozen=True):
    """Paths below ``root``."""

    root: Path

    @property
    def roots(self) -> Path:
        """Pinned public keys."""
        return self.root / "trust.json"

    @property
    def installation(self) -> Path:
        """The signed installation."""
        return self.root / "installation.json"

    @property
    def agreements(self) -> Path:
        """Agreements by digest."""
        return self.root / "agreements"

    @property
    def releases(self) -> Path:
        """Classifier releases by digest."""
        return self.root / "releases"

    @property
    def outcomes(self) -> Path:
        """What releases said of pinned cases, by digest."""
        return self.root / "outcomes"

    @property
    def enrolments(self) -> Path:
        """Passkeys that wait to be signed in, by person."""
        return self.root / "enrolments"

    @property
    def handed(self) -> Path:
        """Answers from a terminal that wait to be signed in the console."""
        return self.root / "handed"

    @property
    def delivery(self) -> Path:
        """What is trusted and known of a delivery repository."""
        return self.root / "delivery"

    @property
    def trial(self) -> Path:
        """What workers counted of a candidate release."""
        return self.root / "trial"

    @property
    def witness_policy(self) -> Path:
        """The tlog-policy of the log's witnesses."""
        return self.root / "witness-policy"

    @property
    def wal(self) -> Path:
        """The private write-ahead logs."""
        return self.root / "wal"

    @property
    def vault(self) -> Path:
        """The keys that open records."""
        return self.root / "vault"

    @property
    def heads(self) -> Path:
        """The combined heads, which all gateways share."""
        return self.root / "heads"

    @property
    def cache(self) -> Path:
        """The cache of registrations."""
        return self.root / "workloads.sqlite"

    @property
    def patterns(self) -> Path:
        """What counts people over many requests, which the workers of a gateway share."""
        return self.root / "patterns"

    @property
    def keys(self) -> Path:
        """Private keys, or what is sealed of them."""
        return self.root / "keys"

    def key(self, name: str) -> Path:
        """A private key by name: ``provider-officer``, ``customer-official``, ``token``, ``hold``,
        ``tenant``, ``log-<shard>``."""
        return self.keys / name

    def log_key(self, shard: str) -> Path:
        """The private key that signs for a shard."""
        return self.key(f"log-{shard}")

    def evidence(self, directory: str) -> Path:
        """The public folder, as the settings name it."""
        return self.root / directory
