# SPDX-License-Identifier: Apache-2.0
"""Every condition for serving, looked at without serving: nothing is listened on, and no log is written.

The list is the one that a running gateway answers ``/readyz`` from (``core/readiness.py``). What rests on something
that does not hold is not looked at, and counts as not met. A gateway that runs meanwhile is not disturbed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

from brightline.core.agreement.clause import Agreement
from brightline.core.attestation.lease import Lease, Loss
from brightline.core.attestation.lease import Node as Attested
from brightline.core.errors import BrightlineError, ConfigError, TrustError
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.facts import Statement
from brightline.core.ports import Clock
from brightline.core.readiness import Check, Condition, halted, of_facts
from brightline.core.standing import AGREEMENT_SCOPE, UnitStanding
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings, load_settings
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.inference.loaded import Loaded
from brightline.shell.keyring import open_vault
from brightline.shell.opening import open_baseline
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_signer
from brightline.shell.state import StateFolder
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.publisher import read_published
from brightline.shell.trust.attestation import NodeConditions
from brightline.shell.trust.attesters import open_attester
from brightline.shell.trust.installation import Installation, read_installation, read_roots
from brightline.shell.trust.keys import load_key, load_secret
from brightline.shell.trust.lease import ask
from brightline.shell.trust.roots import read_roots as read_vendor_roots
from brightline.shell.trust.roots import shipped_roots
from brightline.shell.trust.sealed import require_sealed
from brightline.wiring import first_release, node_keys, opened_witnesses

AHEAD_SECONDS: Final = 5  # so much a file may be newer than the clock
T = TypeVar("T")


class _Looking:
    """What was found so far; a condition that rests on one that does not hold is not looked at."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self._lost: set[Condition] = set()

    async def at(
        self, condition: Condition, needs: tuple[Condition, ...], work: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Do some work by which a condition holds if it raises nothing of ours."""
        for need in needs:
            if need in self._lost:
                self._lost.add(condition)
                self.checks.append(Check(condition, unlooked=need))
                return None
        try:
            value = await work()
        except BrightlineError as error:
            self.found(condition, (str(error),))
            return None
        self.found(condition, ())
        return value

    def found(self, condition: Condition, why: tuple[str, ...]) -> None:
        """Say why a condition does not hold; nothing: it does."""
        self.checks.append(Check(condition, detail=why))
        if why:
            self._lost.add(condition)

    def holds(self, *conditions: Condition) -> bool:
        """Whether all of these were found to hold."""
        return not self._lost.intersection(conditions)


class _Would:
    """The lease that this node would have: as it was asked for here, and not recorded."""

    def __init__(self, lease: Lease | None, agreement: Agreement) -> None:
        self.fault = "" if lease else Loss.NONE.value
        self._stated = lease.statements(agreement.vocabulary) if lease else ()

    def statements(self) -> tuple[Statement, ...]:
        """What it would state."""
        return self._stated


async def preflight(root: Path, shard: str, clock: Clock) -> tuple[Check, ...]:
    """Look at every condition, in their order. Call it in a running loop; it raises nothing of ours."""
    looking, folder = _Looking(), StateFolder(root)
    settings = await looking.at(Condition.SETTINGS, (), lambda: asyncio.to_thread(load_settings, root))
    async with AsyncExitStack() as opened:
        signed = await looking.at(Condition.INSTALLATION, (), lambda: asyncio.to_thread(_signed, folder, clock))
        await looking.at(
            Condition.KEYS,
            (Condition.SETTINGS,),
            lambda: asyncio.to_thread(_keys, folder, _is(settings), shard, signed),
        )
        agreement = await looking.at(
            Condition.AGREEMENT,
            (Condition.SETTINGS, Condition.INSTALLATION),
            lambda: asyncio.to_thread(open_baseline, root, _is(settings), _is(signed)[1].agreement),
        )
        registry = await looking.at(
            Condition.REGISTRY,
            (Condition.AGREEMENT, Condition.KEYS),
            lambda: _registry(root, _is(settings), *_is(signed), _is(agreement), opened),
        )
        loaded = await looking.at(
            Condition.RELEASE, (Condition.REGISTRY,), lambda: _release(_is(registry), _is(settings), opened)
        )
        await looking.at(Condition.DETECTORS, (Condition.RELEASE,), lambda: _is(loaded).until_fit())
        await looking.at(Condition.HALT, (Condition.REGISTRY,), lambda: _not_halted(_is(registry), _is(signed)[1]))
        lease = await looking.at(
            Condition.LEASE, (Condition.REGISTRY,), lambda: _lease(folder, _is(settings), _is(registry), shard, clock)
        )
        if registry is not None and signed is not None:
            _of_facts(looking, registry, signed[1], lease, clock)
        else:
            looking.checks += [Check(each, unlooked=Condition.REGISTRY) for each in _OF_FACTS]
        for condition, needs, work in (
            (
                Condition.EVIDENCE,
                (Condition.SETTINGS, Condition.KEYS),
                lambda: _evidence(folder, _is(settings), shard),
            ),
            (Condition.DISK, (Condition.SETTINGS,), lambda: _room(folder)),
            (
                Condition.WITNESSES,
                (Condition.SETTINGS, Condition.KEYS),
                lambda: _witnesses(folder, _is(settings), shard, clock, opened),
            ),
            (
                Condition.UPSTREAM,
                (Condition.SETTINGS, Condition.INSTALLATION),
                lambda: _servers(_is(settings), *_is(signed), clock, opened),
            ),
            (Condition.CLOCK, (), lambda: _clock(folder, clock)),
        ):
            await looking.at(condition, needs, work)
    order = list(Condition)
    return tuple(sorted(looking.checks, key=lambda check: order.index(check.condition)))


_OF_FACTS: Final = (Condition.ADMISSION, Condition.ROSTER)


def _is(value: T | None) -> T:
    """What is there because the condition that it came of holds."""
    assert value is not None  # noqa: S101 - whoever rests on a condition that does not hold is not looked at
    return value


def _signed(folder: StateFolder, clock: Clock) -> tuple[TrustRoots, Installation]:
    roots = read_roots(folder.roots)
    installation = read_installation(folder.installation, roots, clock.unix())
    if not installation.issued <= clock.unix() < installation.expires:
        raise TrustError(f"{folder.installation} is not in date")
    return roots, installation


def _keys(folder: StateFolder, settings: Settings, shard: str, signed: tuple[TrustRoots, Installation] | None) -> None:
    if signed is not None:  # without, the installation is what is told
        require_sealed(folder.keys, signed[0].profile)
    load_key(folder.key("token"))
    load_secret(folder.key("hold"))
    open_vault(folder)
    for each in (shard, REGISTRY_SHARD, HEADS_SHARD):
        log_signer(folder, settings, each)


async def _registry(
    root: Path,
    settings: Settings,
    roots: TrustRoots,
    installation: Installation,
    agreement: Agreement,
    opened: AsyncExitStack,
) -> Registry:
    registry = Registry(root, settings, roots, agreement, installation)
    opened.callback(registry.close)
    registry.refresh()
    return registry


async def _release(registry: Registry, settings: Settings, opened: AsyncExitStack) -> Loaded:
    loaded = first_release(registry, settings)
    opened.push_async_callback(loaded.screeners.close)
    return loaded


async def _not_halted(registry: Registry, installation: Installation) -> None:
    if found := halted(registry.halts.book, (each.name for each in installation.models)):
        raise ConfigError("; ".join(found))


async def _lease(folder: StateFolder, settings: Settings, registry: Registry, shard: str, clock: Clock) -> Lease:
    policy = registry.attestations.policy
    if policy is None:
        raise TrustError("the signed installation has no attestation policy: nothing is accepted")
    attester = open_attester(folder, settings.attestation, registry.roots.profile, clock)
    node = Attested(
        registry.roots.profile,
        node_keys(folder, shard),
        registry.releases.current.digest,
        registry.classifiers.current,
    )
    lease = await ask(attester, node, policy, read_vendor_roots(shipped_roots()), clock, {})
    if not lease.rests_on.isdisjoint(registry.attestations.revoked.names):
        raise TrustError(Loss.REVOKED.value)
    return lease


def _of_facts(
    looking: _Looking, registry: Registry, installation: Installation, lease: Lease | None, clock: Clock
) -> None:
    """Whether each fact that the installation alone states is good."""
    agreement = registry.releases.current
    conditions = NodeConditions(
        installation,
        agreement.vocabulary,
        _Would(lease, agreement),
        clock,
        tuple,
        lambda _unit: UnitStanding(),
        lambda _unit, _model: None,
        lambda: registry.roster,
    )
    for model in installation.models:
        facts = agreement.vocabulary.join(conditions.read(model.name, AGREEMENT_SCOPE).statements)
        missing = of_facts(agreement.vocabulary, facts.view)
        if lease is not None and Condition.LEASE in missing:
            looking.checks = [each for each in looking.checks if each.condition is not Condition.LEASE]
            looking.found(Condition.LEASE, missing[Condition.LEASE])
        if any(missing.get(each) for each in _OF_FACTS) or model is installation.models[-1]:
            for each in _OF_FACTS:
                looking.found(each, tuple(f"{said} (model {model.name})" for said in missing.get(each, ())))
            return


async def _evidence(folder: StateFolder, settings: Settings, shard: str) -> None:
    evidence = folder.evidence(settings.evidence.directory)
    read_published(evidence, shard, log_signer(folder, settings, shard).verifier)
    for path in (folder.wal, folder.vault, evidence):
        there = next(each for each in (path, *path.parents) if each.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise ConfigError(f"{there} cannot be written")


async def _room(folder: StateFolder) -> None:
    held = HeldDirectory.create(folder.wal)
    try:
        if shortage := held.room().shortage:
            raise ConfigError(shortage)
    finally:
        held.close()


async def _witnesses(
    folder: StateFolder, settings: Settings, shard: str, clock: Clock, opened: AsyncExitStack
) -> None:
    await opened.enter_async_context(opened_witnesses(folder, settings, shard, clock))


async def _servers(
    settings: Settings, roots: TrustRoots, installation: Installation, clock: Clock, opened: AsyncExitStack
) -> None:
    servers = HttpUpstreams.open(settings.upstream, roots.profile, clock)
    opened.push_async_callback(servers.close)
    names = dict.fromkeys(model.upstream for model in installation.models)
    found = [(name, await servers.reach(name)) for name in names]
    if away := [
        f"{name} is no upstream of the settings" if name not in settings.upstream else why
        for name, why in found
        if why
    ]:
        raise ConfigError("; ".join(away))


async def _clock(folder: StateFolder, clock: Clock) -> None:
    """Nothing here was written later than now: a clock that was set back would have every lease and expiry wrong."""
    written = [path.stat().st_mtime for path in folder.wal.glob("*/*")]
    ahead = max(written, default=0.0) - clock.unix()
    if ahead > AHEAD_SECONDS:
        raise ConfigError(f"the log was written {ahead:.0f} seconds from now: the clock was set back")
