# SPDX-License-Identifier: Apache-2.0
"""Where adapters meet ports: the only file that knows which is which. :func:`open_node` builds a node, or says why.

Order matters: trust first, then what trust pins, then the log (which writes ``lost`` for what a crash left open), and
only then anything that could serve. Whatever was opened is closed when something later cannot be.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.enforcement.terms import AdmittedModel, Terms
from brightline.core.errors import ShardSealed, TrustError
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.ports import Clock
from brightline.core.screening.release import Release
from brightline.shell import shipped
from brightline.shell.combining import Witnessed
from brightline.shell.config import Settings, load_settings
from brightline.shell.gateway.app import Gateway
from brightline.shell.gateway.identify import Identifier
from brightline.shell.gateway.peers import Peers
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.heads import FollowedLog
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.loading import open_release, read_definitions
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.keyring import open_vault
from brightline.shell.node import Node
from brightline.shell.opened import Opened
from brightline.shell.opening import open_baseline, opened_heads, writing
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_key, log_signer, registry_verifier
from brightline.shell.serve import Door
from brightline.shell.state import StateFolder
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import read_published
from brightline.shell.storage.releases import release_folder
from brightline.shell.storage.sequencer import Head
from brightline.shell.telemetry.traces import Traces, open_traces
from brightline.shell.trust.attesters import open_attester
from brightline.shell.trust.installation import Installation, read_installation, read_roots
from brightline.shell.trust.keys import load_key, load_secret, public_hex
from brightline.shell.trust.roots import read_roots as read_vendor_roots
from brightline.shell.trust.roots import shipped_roots
from brightline.shell.trust.sealed import require_sealed
from brightline.shell.witnessing import Witnessing, read_policy

BODY_GRACE_SECONDS: Final = 2.0
"""So much later than the gateway's own deadlines the connection of a late body or a deaf reader is cut."""


@contextlib.asynccontextmanager
async def open_node(
    root: Path, clock: Clock, shard: str = GATEWAY_SHARD, peers: Peers | None = None
) -> AsyncIterator[Node]:
    """Open a node from its state folder and keep it going; it writes the shard of this name.

    ``peers`` are the other workers of the same gateway. Call it inside the event loop that serves. Raises
    ``OperatorError`` saying what to mend.
    """
    folder, settings = StateFolder(root), load_settings(root)
    roots = read_roots(folder.roots)
    require_sealed(folder.keys, roots.profile)
    installation = read_installation(folder.installation, roots, clock.unix())
    agreement = open_baseline(root, settings, installation.agreement)
    release = shipped.read_release(release_folder(settings), agreement.vocabulary)
    if release.digest != installation.release:
        raise TrustError(f"the release has digest {release.digest}; both parties signed {installation.release}")
    async with contextlib.AsyncExitStack() as opened:
        witnessed = await opened.enter_async_context(opened_witnesses(folder, settings, shard, clock))
        heads, _ = opened.enter_context(opened_heads(folder, settings, roots.profile, clock))
        traces = await opened.enter_async_context(_traces(settings, shard))
        attester = open_attester(folder, settings.attestation, roots.profile, clock)
        registry = Registry(root, settings, roots, agreement, installation)
        opened.callback(registry.close)
        registry.refresh()
        first = first_release(registry, settings)
        opened.push_async_callback(first.screeners.close)
        signer = log_signer(folder, settings, shard)
        origin = signer.verifier.name
        if origin in registry.seals.logs:
            raise ShardSealed(f"{origin} was sealed by a peer while this gateway was away")
        upstream = HttpUpstreams.open(settings.upstream, roots.profile, clock)
        opened.push_async_callback(upstream.close)
        evidence, vault = folder.evidence(settings.evidence.directory), open_vault(folder)
        promised = _further(read_published(evidence, shard, signer.verifier), heads.recorded(origin))
        log, publisher = opened.enter_context(writing(folder, settings, shard, roots.profile, clock, vault, promised))
        publisher.publish_once()
        publisher.start(settings.evidence.publish_seconds)
        shard_key = log_key(folder, shard)
        periods = PeriodWriter(log, evidence, origin, roots.profile, shard_key, clock)
        periods.resume()
        registry_key = registry_verifier(root, settings)
        terms = _terms(folder, installation, roots.profile, registry.releases.current, first.release, shard)
        node = Node(
            Opened(
                folder=folder,
                settings=settings,
                installation=installation,
                terms=terms,
                attester=attester,
                vendor_roots=read_vendor_roots(shipped_roots()),
                node_keys=node_keys(folder, shard),
                registry=registry,
                registry_log=FollowedLog(folder.wal, evidence, REGISTRY_SHARD, registry_key),
                registry_origin=registry_key.name,
                first=first,
                shard=shard,
                origin=origin,
                vault=vault,
                log=log,
                publisher=publisher,
                periods=periods,
                heads=heads,
                heads_key=log_signer(folder, settings, HEADS_SHARD).verifier,
                witnessed=witnessed,
                upstream=upstream,
                peers=peers or Peers(),
                clock=clock,
            )
        )
        node.combining.hold_registry()
        _front(node, clock, traces)
        async with node.going():
            yield node


def _terms(
    folder: StateFolder, installation: Installation, profile: str, agreement: Agreement, release: Release, shard: str
) -> Terms:
    return Terms(
        profile=profile,
        agreement=agreement,
        release=release,
        models={
            model.name: AdmittedModel(model.name, model.upstream_model, model.upstream)
            for model in installation.models
        },
        token_signer=load_key(folder.key("token")),
        receipt_signer=log_key(folder, shard),
        hold_key=load_secret(folder.key("hold")),
    )


def node_keys(folder: StateFolder, shard: str) -> tuple[bytes, ...]:
    """The raw public keys by which a process signs, as its evidence binds them. Raises ``TrustError``."""
    return tuple(bytes.fromhex(public_hex(key)) for key in (log_key(folder, shard), load_key(folder.key("token"))))


def first_release(registry: Registry, settings: Settings) -> Loaded:
    """Start the detectors of the release that is in force at the start. Raises ``OperatorError``."""
    agreement, store, digest = registry.releases.current, registry.classifiers.store, registry.classifiers.current
    release, folder = store.read(digest, agreement.vocabulary), store.folder(digest)
    registry.classifiers.check_signed(digest)
    defined = read_definitions(release, folder, agreement)
    return open_release(release, folder, defined, settings.inference)


def _front(node: Node, clock: Clock, traces: Traces | None) -> None:
    """Give the node what its socket serves."""
    listen = node.settings.listen
    node.app = Gateway(
        settings=listen,
        terms=lambda: node.in_force.terms,
        identifier=Identifier(node.registry.workloads, node.standing_of),
        admission=node.admission,
        quotas=node.quotas,
        log=node.log,
        once=node.uses,
        judges=node.judges,
        upstreams=node.upstream,
        conditions=node.conditions,
        watch=node.watch,
        patterns=node.patterns,
        clock=clock,
        readiness=node.readiness.missing,
        registers=lambda: node.registry.registers.book,
        holds=node.holds,
        wishes=node.wishes,
        waiting_max=node.settings.review.waiting_max,
        sampler=node.sampling.sampler,
        second_reader=node.second_reader,
        observers=(node.metrics, *((traces,) if traces else ())),
    )
    node.door = Door(
        head_seconds=listen.head_seconds,
        body_seconds=listen.body_seconds + BODY_GRACE_SECONDS,
        idle_seconds=listen.idle_seconds,
        write_seconds=listen.write_seconds + BODY_GRACE_SECONDS,
        connections_max=listen.connections_max,
        refused=node.app.refused,
        shed=node.app.shed,
        drain_seconds=listen.drain_seconds,
    )


@contextlib.asynccontextmanager
async def opened_witnesses(
    folder: StateFolder, settings: Settings, shard: str, clock: Clock
) -> AsyncIterator[Witnessed | None]:
    """The witnesses, asked what they have seen; none where there is no policy.

    Raises ``ConfigError`` for a policy that does not read, ``OperatorError`` if nothing may be signed.
    """
    if not folder.witness_policy.exists():
        yield None
        return
    policy = read_policy(folder.witness_policy)
    evidence = folder.evidence(settings.evidence.directory)
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for name in (shard, HEADS_SHARD):
            witnessing = Witnessing(policy, evidence / name, log_signer(folder, settings, name), clock)
            stack.push_async_callback(witnessing.close)
            await witnessing.survey()
            opened.append(witnessing)
        yield Witnessed(*opened)


@contextlib.asynccontextmanager
async def _traces(settings: Settings, shard: str) -> AsyncIterator[Traces | None]:
    """Traces, if an endpoint is set. Raises ``ConfigError``."""
    if not settings.telemetry.traces:
        yield None
        return
    traces = open_traces(settings.telemetry.traces, shard)
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)


def _further(one: Head | None, other: Head | None) -> Head | None:
    """The larger of two heads: both were promised, and the log is compared with what was promised last."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda head: head.size)
