# SPDX-License-Identifier: Apache-2.0
"""Standings as a fold: what is believed, what changes nothing, and what makes the registry bad."""

from __future__ import annotations

import contextlib
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import RecordKind
from brightline.core.standing import AGREEMENT_SCOPE, SIGNERS, Happened, Standing
from brightline.core.standing_order import ORDER_FORMAT, ORDER_TYPE, StandingOrder
from brightline.core.statement import (
    PinnedKey,
    RoleKeys,
    SigningRole,
    TrustRoots,
    sign_statement,
    unverified_payload,
)
from brightline.shell import shipped
from brightline.shell.development import HOLDERS
from brightline.shell.registry.following import Registry
from brightline.shell.registry.reader import Entry
from brightline.shell.registry.standings import Standings, log_order
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_roots
from brightline.shell.trust.keys import load_key
from tests.harness import make_state

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
KEYS = {role: [Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()] for role in SigningRole}
ROOTS = TrustRoots(
    "development",
    {
        role: RoleKeys(
            tuple(PinnedKey(key.public_key().public_bytes_raw().hex(), f"{role}-{i}") for i, key in enumerate(keys))
        )
        for role, keys in KEYS.items()
    },
)
ISSUED = 1_767_225_600  # 2026-01-01


class Log:
    """A registry of standings alone, one record a minute."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.fold = self.read()

    def read(self) -> Standings:
        fold = Standings(ROOTS, lambda: AGREEMENT)
        for entry in self.entries:
            fold.enter(entry)
        return fold

    def enters(self, public: dict[str, JsonValue], opened: dict[str, JsonValue]) -> Standing:
        minute = len(self.entries)
        entry = Entry(RecordKind.STANDING, minute, f"2026-01-01T00:{minute:02d}:00.000Z", public, opened)
        self.fold.enter(entry)
        self.entries.append(entry)
        return self.fold.book.of("u").standing

    def finds(self, unit: str = "u") -> Standing:
        return self.enters({"happened": "pattern found"}, {"unit": unit, "reason": "figures"})

    def orders(self, happened: Happened, **more: Any) -> Standing:
        return self.shows(self.order(happened, **more))

    def shows(self, envelope: bytes) -> Standing:
        return self.enters({}, {"statement": envelope.decode()})

    def order(self, happened: Happened, left_out: int = 0, **more: Any) -> bytes:
        said: dict[str, Any] = {
            "format": ORDER_FORMAT,
            "id": secrets.token_hex(16),
            "unit": "u",
            "happened": happened,
            "reason": "because",
            "exchanges": (),
            "agreement": AGREEMENT.digest,
            "issued": ISSUED + 60 * len(self.entries),
        }
        keys = [key for need in SIGNERS[happened] for key in KEYS[need.role][: need.holders]]
        return sign_statement(StandingOrder(**said | more), ORDER_TYPE, keys[: len(keys) - left_out])


def test_orders_are_followed_and_reading_again_gives_the_same() -> None:
    log = Log()
    assert log.finds() is Standing.NOTICED
    assert log.orders(Happened.PATTERN_CONFIRMED) is Standing.SUSPENDED
    assert log.orders(Happened.APPEALED) is Standing.SUSPENDED
    assert log.orders(Happened.APPEAL_UPHELD) is Standing.ACTIVE
    assert log.orders(Happened.SUSPENSION_ORDERED) is Standing.SUSPENDED
    assert log.orders(Happened.TERMINATED) is Standing.TERMINATED
    assert log.read().book == log.fold.book
    assert not [entered for entered in log.fold.history if entered.ignored]


def test_an_order_that_is_signed_and_cannot_be_changes_nothing_and_is_shown() -> None:
    log = Log()
    log.orders(Happened.SUSPENSION_ORDERED)
    log.orders(Happened.TERMINATED)
    for happened in Happened:
        if happened in SIGNERS:
            times = {"exchanges": ("x",), "denied": (1,)} if happened is Happened.DENY_CONFIRMED else {}
            assert log.orders(happened, **times) is Standing.TERMINATED
            assert "cannot happen" in log.fold.ignored(len(log.entries) - 1)


def test_an_order_that_is_shown_twice_counts_once() -> None:
    log = Log()
    notice = log.order(Happened.NOTICE_GIVEN)
    log.shows(notice)
    log.orders(Happened.NOTICE_WITHDRAWN)
    assert log.shows(notice) is Standing.ACTIVE
    assert "counts once" in log.fold.ignored(2)


def test_a_reinstatement_that_was_kept_back_lets_nobody_off() -> None:
    log = Log()
    log.orders(Happened.SUSPENSION_ORDERED)
    kept_back = log.order(Happened.REINSTATED)
    log.orders(Happened.REINSTATED)
    log.orders(Happened.SUSPENSION_ORDERED)
    assert log.shows(kept_back) is Standing.SUSPENDED
    assert log.orders(Happened.REINSTATED) is Standing.ACTIVE


@pytest.mark.parametrize("happened", SIGNERS)
def test_an_order_that_somebody_did_not_sign_makes_the_registry_bad(happened: Happened) -> None:
    log = Log()
    with pytest.raises(TrustError):
        log.orders(happened, left_out=1)


def test_what_nobody_signed_is_believed_only_of_a_pattern_in_one_unit() -> None:
    for public, opened in (
        ({"happened": "terminated"}, {"unit": "u"}),
        ({"happened": "pattern cleared"}, {"unit": "u"}),
        ({"happened": "pattern found"}, {}),
        ({"happened": "pattern found"}, {"unit": AGREEMENT_SCOPE}),
    ):
        with pytest.raises(TrustError, match="nobody signed"):
            Log().enters({**public}, {**opened})


class _Waited:
    """A clock of somebody who looked, and who then waited so many seconds for another writer."""

    def __init__(self, seconds: int) -> None:
        self._now, self._written = int(time.time()), seconds

    def unix(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()

    def utc_now(self) -> str:
        return f"{datetime.fromtimestamp(self._now + self._written, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_signature_that_ends_before_its_record_stands_is_not_logged_and_spoils_no_registry(tmp_path: Path) -> None:
    settings, agreement, _ = make_state(tmp_path / "state", "http://127.0.0.1:1")
    clock, role = _Waited(2), SigningRole.PROVIDER_OFFICER
    folder = StateFolder(tmp_path / "state")
    roots, holder = read_roots(folder.roots), HOLDERS[role][0]
    (key,) = (each for each in roots.roles[role].keys if each.holder == holder)
    ends = RoleKeys((msgspec.structs.replace(key, expires=clock.unix() + 1),))
    ending = msgspec.structs.replace(roots, roles={**roots.roles, role: ends})
    order = Log().order(Happened.SUSPENSION_ORDERED, agreement=agreement.digest)
    said = unverified_payload(order, ORDER_TYPE, StandingOrder)
    envelope = sign_statement(said, ORDER_TYPE, [load_key(folder.key(holder))])

    def logs(believed: TrustRoots) -> None:
        standings = Standings(believed, lambda: agreement)
        log_order(folder.root, settings, standings, agreement, believed, said.happened, envelope, clock)

    with contextlib.suppress(TrustError):
        logs(ending)
    registry = Registry(folder.root, settings, ending, agreement)
    try:
        registry.refresh()  # which no record of somebody's who was late keeps from being read
    finally:
        registry.close()
    with pytest.raises(TrustError, match="until it is on record"):
        logs(ending)
    logs(roots)
