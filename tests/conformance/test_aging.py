# SPDX-License-Identifier: Apache-2.0
"""What people look at is destroyed when its purpose says so: not before, not later, and so that nobody opens it.

One gateway makes the state folder; each test has a copy of it, and a clock that is so many days ahead.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from brightline.core.agreement.clause import Limit, Tighter
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.keytree import SEED_BYTES
from brightline.core.evidence.record import Draft, RecordKind, unix_of
from brightline.core.register import PurposeBounds
from brightline.core.review.aging import check_content_days
from brightline.shell.cli import retention
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.install import make_shard
from brightline.shell.keyring import open_vault
from brightline.shell.opening import open_agreement
from brightline.shell.registry.log import writing
from brightline.shell.state import StateFolder
from brightline.shell.steady import SETTLED_SECONDS, SteadyTime
from brightline.shell.trust.installation import read_roots
from tests.conformance.test_retention import DAY_SECONDS, Later, opened, run
from tests.harness import HELD, held, read_records, running
from tests.registers import purpose

SAID = (
    *("--words", "tests of the gateway", "--official", "an office", "--authority", "USC-4A", "--basis", "as cited"),
    "--foreign-intelligence",
)
MARK = "a word that nobody else says: quagmire"
WORDS = f"{HELD} {MARK}"
DAYS = 3


def keep(root: Path, days: int, *more: str) -> None:
    """Register a later version of the purpose of the tests, which keeps content for so many days."""
    told = run("purpose", "add", root, "tests", *SAID, "--content-days", str(days), *more)
    assert told.code == 0, told.stderr


class Made(NamedTuple):
    """A state folder with one held exchange, and what opens its content: the file of keys as it lay, and the key."""

    root: Path
    exchange: str
    vault: bytes
    seed: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("aging") / "state"
    with running(root, prepare=lambda root: keep(root, DAYS)) as node:
        held(node, WORDS)
        exchange = node.records()[-1]["exchange"]
    (keys,) = (root / "vault" / "gateway-0").glob("*.keys")
    tree = open_vault(StateFolder(root)).unwrap("gateway-0", 0, keys.read_bytes())
    seed = tree.key(_hold(root)["seq"])
    assert len(seed) == SEED_BYTES
    return Made(root, exchange, keys.read_bytes(), seed)


@pytest.fixture
def site(made: Made, tmp_path: Path) -> Made:
    shutil.copytree(made.root, tmp_path / "state")
    return made._replace(root=tmp_path / "state")


def _hold(root: Path) -> dict[str, Any]:
    (found,) = (each for each in read_records(root) if each["kind"] == "HOLD")
    return found


def opens(site: Made) -> dict[str, bool]:
    """Of each record of the held exchange by kind: whether it opens."""
    shown = run("open", site.root, site.exchange, "--json")
    assert shown.code in (0, 1), shown.stderr
    return {each["kind"]: bool(each["fields"]) for each in json.loads(shown.stdout)}


ALL = {"ATTEMPT": True, "HOLD": True, "OUTCOME": True}
GONE = ALL | {"HOLD": False}


def carry_out(site: Made, days: int, **limits: int) -> int:
    """Destroy what is due after so many days; of how many cases that was."""
    with opened(site.root, Later(days), None, **limits) as each:
        due = each.carry_out()
        assert each.due().nothing
        return due.contents


def claim(site: Made, *more: str | Path) -> Status:
    """What the verifier says of content that has an end."""
    reports = json.loads(run("verify", site.root / "evidence", "--json", *more).stdout)
    said = [each["status"] for report in reports for each in report["claims"] if each["name"] == Topic.AGED.value]
    return Status(min(said))  # CONTRADICTED before the others


def test_a_case_says_in_public_until_when_its_content_can_be_opened(made: Made) -> None:
    hold = _hold(made.root)
    assert hold["until"] - unix_of(hold["time"]) in range(DAYS * DAY_SECONDS - 60, DAYS * DAY_SECONDS + 60)
    assert hold["committed"]["purpose_id"] == "tests"


def test_content_is_destroyed_at_its_end_and_not_before_and_the_evidence_stays(site: Made) -> None:
    assert carry_out(site, DAYS - 1) == 0
    assert opens(site) == ALL
    assert carry_out(site, DAYS + 1) == 1
    assert opens(site) == GONE
    assert "content is kept no longer for its purpose" in run("open", site.root, site.exchange).stdout
    assert claim(site) is Status.PROVEN


def test_neither_the_words_nor_what_opens_them_are_on_the_disk_once_it_is_destroyed(site: Made) -> None:
    assert carry_out(site, DAYS + 1) == 1
    tree = open_vault(StateFolder(site.root)).unwrap(
        "gateway-0", 0, (site.root / "vault" / "gateway-0" / "0000000000.keys").read_bytes()
    )
    assert not tree.has(_seq_of_hold(site))
    assert site.seed not in tree.encode()
    assert tree.has(_seq_of_hold(site) - 1)
    everything = [path.read_bytes() for path in site.root.rglob("*") if path.is_file()]
    for gone in (MARK.encode(), site.seed, site.vault[-64:]):
        assert not any(gone in data for data in everything)


def _seq_of_hold(site: Made) -> int:
    (found,) = (
        each for each in json.loads(run("open", site.root, site.exchange, "--json").stdout) if each["kind"] == "HOLD"
    )
    return int(found["seq"])


def test_a_later_version_of_the_purpose_shortens_and_never_lengthens(site: Made) -> None:
    keep(site.root, 300)
    assert carry_out(site, DAYS + 1) == 1


@pytest.mark.parametrize(
    "ends",
    [lambda root: keep(root, 2), lambda root: run("purpose", "retire", root, "tests")],
    ids=["a shorter version", "retired"],
)
def test_a_purpose_that_ends_takes_its_content_along_once_people_can_no_longer_decide(
    site: Made, ends: Callable[[Path], object]
) -> None:
    ends(site.root)
    assert carry_out(site, 0) == 0  # the case is open for a day
    assert carry_out(site, 2, hold_hours_max=24) == 1


def test_the_agreement_bounds_every_purpose(site: Made) -> None:
    assert carry_out(site, 2) == 0
    assert carry_out(site, 2, content_days_max=1) == 1


def test_a_legal_hold_keeps_it_until_it_is_lifted(site: Made) -> None:
    told = run("retention", "hold", site.root, "--unit", "unit-1", "--reason", "a court asked", "--json")
    assert carry_out(site, 400) == 0
    assert opens(site) == ALL
    assert run("retention", "lift", site.root, json.loads(told.stdout)["id"], "--reason", "closed").code == 0
    assert carry_out(site, 400) == 1


def test_a_copy_that_opens_content_though_it_was_destroyed_contradicts_the_log(site: Made, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    assert run("disclose", site.root, mine).code == 0
    assert claim(site, "--disclosures", mine) is Status.PROVEN
    carry_out(site, DAYS + 1)
    assert claim(site, "--disclosures", mine) is Status.CONTRADICTED


@pytest.mark.parametrize("where", ["before", pytest.param("after", marks=pytest.mark.slow)])
def test_a_kill_in_the_middle_of_destroying_leaves_nothing_that_opens_after_the_next_start(
    site: Made, where: str
) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from brightline.shell.storage import vault
from tests.conformance.test_aging import carry_out, Made
whole = vault.RecordKeys._replace
def killed(self, block, tree):
    if {where == "after"}:
        whole(self, block, tree)
    os.kill(os.getpid(), signal.SIGKILL)
vault.RecordKeys._replace = killed
carry_out(Made(Path(sys.argv[1]), "", b"", b""), {DAYS + 1})
"""
    done = subprocess.run([sys.executable, "-c", code, site.root], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert opens(site) == (ALL if where == "before" else GONE)
    with opened(site.root, Later(0)):  # whoever opens the log destroys what it says is destroyed
        pass
    assert opens(site) == GONE


def test_the_command_looks_into_the_logs_of_gateways_that_do_not_run_any_more(
    site: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shard(site.root, "gateway-2")
    case: dict[str, JsonValue] = {"hold": "hold_2", "case": "sha256:2", "part": 0, "expires": 0, "until": 1}
    with writing(
        site.root,
        load_settings(site.root),
        "gateway-2",
        read_roots(StateFolder(site.root).roots).profile,
        SystemClock(),
    ) as log:
        log.append_sync(Draft(RecordKind.CASE, "xc_2", case, {"content": MARK, "unit": "unit-1"}))
    monkeypatch.setattr(retention, "SystemClock", lambda: Later(DAYS + 1))
    dry = json.loads(run("retention", "run", site.root, "--dry-run", "--json").stdout)
    assert (dry["contents"], dry["destroyed"]) == (2, False)
    assert json.loads(run("retention", "run", site.root, "--json").stdout)["contents"] == 2
    assert json.loads(run("retention", "run", site.root, "--json").stdout)["records"] == 0


def test_no_clock_that_jumps_destroys_anything_before_it_has_gone_steadily(site: Made) -> None:
    clock = Jumping()
    with opened(site.root, clock, SteadyTime(clock)) as each:
        clock.passes(SETTLED_SECONDS)
        assert each.carry_out().nothing
        clock.ahead = 400 * DAY_SECONDS
        assert each.carry_out().nothing
        clock.passes(SETTLED_SECONDS - 1)
        assert each.carry_out().nothing
        clock.ahead = 0  # somebody put it right
        clock.passes(SETTLED_SECONDS + 1)
        assert each.carry_out().nothing
        assert opens(site) == ALL
        for _ in range(DAYS * 24 + 1):
            clock.passes(3_600)
        assert each.pending
        assert each.carry_out().contents == 1


class Jumping(Later):
    """A clock whose wall goes as it is set, and whose monotonic time never steps."""

    def __init__(self) -> None:
        super().__init__(0)
        self._began, self._steady = super().unix(), 1_000.0
        self.ahead = 0

    def passes(self, seconds: int) -> None:
        self._steady += seconds

    def monotonic(self) -> float:
        return self._steady

    def unix(self) -> int:
        return self._began + int(self._steady) - 1_000 + self.ahead


def test_a_purpose_cannot_say_longer_than_the_agreement_lets(made: Made) -> None:
    agreement = open_agreement(load_settings(made.root))
    bounds = PurposeBounds("", "", "", content_days=8)
    check_content_days(purpose(bounds=bounds), agreement)
    bounded = msgspec.structs.replace(agreement, limits=(Limit("content_days_max", 7, Tighter.LOWER),))
    with pytest.raises(TrustError, match="for 8 days; the agreement lets it be 7"):
        check_content_days(purpose(bounds=bounds), bounded)
