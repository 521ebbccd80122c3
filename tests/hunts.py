# SPDX-License-Identifier: Apache-2.0
"""An installation with exchanges on record, for tests of hunts: written as a gateway writes them, without serving."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.decide import decide
from brightline.core.canonical import JsonValue
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange, exchange_digest
from brightline.core.facts import Facts
from brightline.core.review.life import CaseKind
from brightline.core.review.sampling import Permitted, case_drafts, sampled_case
from brightline.shell import shipped
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.inference.screen import Screen
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.opening import in_force, open_agreement, opened_shard
from brightline.shell.state import StateFolder
from brightline.shell.storage.releases import release_folder
from tests.harness import make_state

RULE: Final = """
[[rule]]
id = "hunted"
fact = "mass_domestic"
value = "yes"
author = "tests"
reason = "a word that nobody looked for when it was said"
all = ['\\bperiwinkle\\b']
must_match = ["the periwinkle plan", "periwinkle", "of periwinkle"]
must_not_match = ["a plan", "a winkle", "periwinkles"]
"""
"""A rule that no release had when the exchanges were served."""


class Said(msgspec.Struct, frozen=True):
    """An exchange: what was asked, and why it is kept (``held``, ``sampled``, ``seeded``), or that it is not."""

    text: str
    kept: str = "sampled"


def site(root: Path, said: Iterable[Said]) -> Path:
    """A state folder whose gateway has served these exchanges and stands still; its log is published."""
    make_state(root, "http://127.0.0.1:1")
    write(root, said)
    return root


def write(root: Path, said: Iterable[Said]) -> None:
    """Write exchanges into the log of the gateway, and publish it."""
    settings, clock = load_settings(root), SystemClock()
    agreement = open_agreement(settings)
    folder = release_folder(settings)
    release = shipped.read_release(folder, agreement.vocabulary)
    screen = Screen(agreement, folder)
    known: dict[str, Facts] = {}
    terms: dict[str, JsonValue] = {"agreement": agreement.digest, "release": release.digest}
    with (
        in_force(root, clock) as (_, registry),
        opened_shard(StateFolder(root), settings, registry, GATEWAY_SHARD, clock) as log,
    ):
        for number, each in enumerate(said, log.head().size):
            name, request = f"x-{number:06d}", asked(each.text)
            if each.text not in known:
                known[each.text] = screen.facts((screen.request(chat, request),))
            facts = known[each.text]
            verdict = decide(agreement, facts, {})
            judged: dict[str, JsonValue] = {
                "facts": dict(facts.items()),
                "findings": [],
                "exchange_digest": exchange_digest(request),
            }
            permitted = Permitted(name, "tests", "unit-1", (), release.digest, clock.unix())
            case, content = sampled_case(permitted, agreement, request, None, b"k" * 32)
            held = each.kept == "held"
            if held:
                facts = facts.with_values({"mass_domestic": "unknown"})
                judged["facts"] = dict(facts.items())
                verdict = decide(agreement, facts, {})
            log.append_sync(Draft(RecordKind.ATTEMPT, name, terms, {"unit": "unit-1"}))
            said_of: dict[str, JsonValue] = {"verdict": verdict.verdict.value, "clauses": list(verdict.clauses)}
            if not held:
                token: dict[str, JsonValue] = {"token": f"token-{number}", "holds": []}
                log.append_sync(Draft(RecordKind.PASS, name, terms | said_of | token, judged))
            if held:
                for draft in case_drafts(case, content, name, CaseKind.HELD):
                    log.append_sync(msgspec.structs.replace(draft, kind=RecordKind.HOLD))
            public = terms | said_of | {"outcome": "held" if held else "completed", "class": "none"}
            public |= {"released_bytes": 0}
            if held:
                public["hold"] = case.hold
            log.append_sync(Draft(RecordKind.OUTCOME, name, public, judged))
            if each.kept in {"sampled", "seeded"}:
                for draft in case_drafts(case, content, name, CaseKind(each.kept)):
                    log.append_sync(draft)


def asked(text: str) -> Exchange:
    """A request as it is read."""
    return chat.read_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode())


def release_with(folder: Path, rule: str = RULE) -> Path:
    """The shipped release with one more rule, in a new folder."""
    import hashlib
    import shutil

    shutil.copytree(shipped.shipped_release(), folder)
    rules = folder / "rules.toml"
    before = hashlib.sha256(rules.read_bytes()).hexdigest()
    rules.write_text(rules.read_text() + rule)
    after = hashlib.sha256(rules.read_bytes()).hexdigest()
    toml = folder / "release.toml"
    toml.write_text(toml.read_text().replace(before, after))
    return folder
