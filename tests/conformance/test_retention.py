# SPDX-License-Identifier: Apache-2.0
"""What opens records: kept as both parties say, longer under a legal hold, and destroyed so that nobody opens it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import openai
import pytest
from click.testing import CliRunner

from brightline.core.agreement.clause import Limit
from brightline.core.agreement.limits import KNOWN
from brightline.core.errors import BrightlineError, TrustError
from brightline.core.evidence.retention import PRESERVATION_TYPE, SHRED_ORDER_TYPE, Preservation, ShredOrder
from brightline.core.statement import sign_statement
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.keyring import open_vault
from brightline.shell.opening import open_in_force
from brightline.shell.registry.log import writing
from brightline.shell.registry.retentions import read_preservation, read_shred_order
from brightline.shell.retention import Retention
from brightline.shell.state import StateFolder
from brightline.shell.steady import SteadyTime
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.trust.keys import load_key
from tests.harness import RL1, Running, running

DAY_SECONDS = 86_400


class Told(NamedTuple):
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str


def run(*arguments: str | Path) -> Told:
    """A command, in this process: its errors of ours are exit code 2, as ``main`` makes them."""
    done = CliRunner().invoke(brightline, [str(each) for each in arguments])
    if isinstance(done.exception, BrightlineError):
        return Told(2, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Told(done.exit_code, done.stdout, done.stderr)


class Later(SystemClock):
    """A clock that is so many days ahead."""

    def __init__(self, days: int) -> None:
        self._seconds = days * DAY_SECONDS

    def unix(self) -> int:
        return super().unix() + self._seconds

    def utc_now(self) -> str:
        return datetime.fromtimestamp(self.unix(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.contextmanager
def opened(root: Path, clock: Later, steady: SteadyTime | None = None, **limits: int) -> Iterator[Retention]:
    """The retention of a gateway that does not run, under an agreement with these limits."""
    folder, settings = StateFolder(root), load_settings(root)
    registry = open_in_force(root, settings, clock)
    stated = tuple(Limit(name, days, KNOWN[name].tighter) for name, days in limits.items())
    agreement = msgspec.structs.replace(registry.releases.current, limits=stated)
    try:
        with writing(root, settings, GATEWAY_SHARD, registry.roots.profile, clock) as log:
            held = registry.retentions
            yield Retention(
                log,
                folder.wal,
                open_vault(folder),
                lambda: held.held,
                lambda: agreement,
                lambda: registry.registers.book,
                clock,
                steady,
            )
    finally:
        registry.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state") as node:
        yield node


def exchanges(node: Running) -> list[str]:
    """Every exchange that has ended, oldest first."""
    frames = [frame for frame in node.node.log.frames() if frame.kind == "OUTCOME"]
    return [frame.exchange for frame in frames]


def asked(node: Running, prompt: str = "What is the capital of France?") -> str:
    """Ask, and return the exchange's id."""
    with contextlib.suppress(openai.APIStatusError):
        node.ask(prompt)
    return exchanges(node)[-1]


def opens(node: Running, exchange: str) -> bool:
    return run("open", node.root, exchange).code == 0


def wait_until_shut(node: Running, exchange: str) -> None:
    until = time.monotonic() + 60
    while opens(node, exchange):
        assert time.monotonic() < until


def test_an_order_of_both_parties_destroys_one_exchange_within_seconds_and_the_log_still_verifies(
    node: Running,
) -> None:
    first, second = asked(node), asked(node, "And of Spain?")
    assert opens(node, first)
    told = run("retention", "shred", node.root, "--exchange", first, "--reason", "the person asked for it")
    assert "a gateway is running" in told.stdout
    wait_until_shut(node, first)
    shown = run("open", node.root, first)
    assert shown.code == 1
    assert "both parties ordered it" in shown.stdout
    assert opens(node, second)
    until = time.monotonic() + 60
    while not (gateway := recounted(node))["recount"]["shredded"]:  # which is logged once the keys are destroyed
        assert time.monotonic() < until
    assert gateway["recount"]["shredded"] == 3
    assert gateway["recount"]["attempts"] == 2
    assert not gateway["contradictions"]


def recounted(node: Running) -> dict[str, Any]:
    """What the verifier says of the gateway's shard, as far as it is durable now."""
    node.publish()
    reports = json.loads(run("verify", node.root / "evidence", "--json").stdout)
    return next(each for each in reports if each["recount"]["attempts"])


def test_what_is_destroyed_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        exchange = asked(node)
        fields = json.loads(run("open", node.root, exchange, "--json").stdout)[0]["disclosures"]
        run("retention", "shred", node.root, "--exchange", exchange, "--reason", "a drill")
        wait_until_shut(node, exchange)
    assert run("disclose", tmp_path / "state", tmp_path / "out").code == 0
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert fields
    for disclosure in fields:
        assert disclosure.encode() not in everything


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "keeps", ["--exchange", pytest.param("--unit", marks=SLOW), pytest.param("--everything", marks=SLOW)]
)
def test_a_legal_hold_stops_a_shred_until_both_parties_lift_it(node: Running, keeps: str) -> None:
    exchange = asked(node)
    named = {"--exchange": [exchange], "--unit": ["unit-1"], "--everything": []}[keeps]
    held = run("retention", "hold", node.root, keeps, *named, "--reason", "a court asked", "--json")
    hold_id = json.loads(held.stdout)["id"]
    order = run("retention", "shred", node.root, "--exchange", exchange, "--reason", "a drill")
    assert (order.code == 0) is (keeps == "--unit")  # which unit an exchange is of is not public
    time.sleep(1.5)
    assert opens(node, exchange)
    assert hold_id in run("retention", "list", node.root).stdout
    assert run("retention", "lift", node.root, hold_id, "--reason", "the case is closed").code == 0
    assert run("retention", "shred", node.root, "--exchange", exchange, "--reason", "a drill").code == 0
    wait_until_shut(node, exchange)


@pytest.mark.parametrize("signers", [["provider-officer"], ["customer-official"], ["provider-officer-2"]])
def test_one_party_alone_destroys_nothing_and_lifts_no_hold(node: Running, signers: list[str]) -> None:
    exchange = asked(node)
    run("retention", "hold", node.root, "--exchange", exchange, "--reason", "a court asked")
    keys = [load_key(StateFolder(node.root).key(name)) for name in signers]
    order = ShredOrder(
        format="brightline-shred-order/1", id="order-1", exchanges=(exchange,), reason="alone", issued=1
    )
    lifted = Preservation(
        format="brightline-preservation/1",
        id="hold-1",
        everything=False,
        units=(),
        exchanges=(),
        lifted=True,
        reason="alone",
        issued=1,
    )
    roots = node.node.registry.roots
    for envelope, read in (
        (sign_statement(order, SHRED_ORDER_TYPE, keys), read_shred_order),
        (sign_statement(lifted, PRESERVATION_TYPE, keys), read_preservation),
    ):
        with pytest.raises(TrustError, match="signed this statement"):
            read(envelope, roots, at=2)


def test_days_of_the_agreement_destroy_what_was_kept_long_enough(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        permitted, denied = asked(node), asked(node, RL1)
    clock = Later(40)
    with opened(tmp_path / "state", clock, keep_days_permitted=30) as retention:
        due = retention.due()
        assert (due.exchanges, due.kept) == (1, 0)
        assert retention.carry_out().exchanges == 1
        assert retention.due().nothing
    assert run("open", tmp_path / "state", permitted).code == 1
    assert "its time ran out" in run("open", tmp_path / "state", permitted).stdout
    assert run("open", tmp_path / "state", denied).code == 0


def test_in_silence_everything_is_kept(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        asked(node)
    with opened(tmp_path / "state", Later(10_000)) as retention:
        assert retention.due().nothing
        assert not retention.pending
    told = run("retention", "run", tmp_path / "state", "--json")
    assert json.loads(told.stdout)["records"] == 0


def test_an_order_waits_for_a_gateway_that_is_down_and_is_carried_out_at_once_by_the_command(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        exchange = asked(node)
        assert run("retention", "run", node.root).code == 2  # its gateway owns the shard
    told = run("retention", "shred", tmp_path / "state", "--exchange", exchange, "--reason", "a drill", "--json")
    assert json.loads(told.stdout)["carried_out"]
    assert run("open", tmp_path / "state", exchange).code == 1


def test_an_exchange_that_nobody_knows_is_neither_kept_nor_destroyed(node: Running) -> None:
    asked(node)
    for command in ("hold", "shred"):
        told = run("retention", command, node.root, "--exchange", "xc_nobody", "--reason", "a drill")
        assert told.code == 2
        assert "no exchange" in told.stderr


def test_a_denied_exchange_opens_shows_and_replays(node: Running) -> None:
    exchange = asked(node, RL1)
    shown = run("open", node.root, exchange)
    assert shown.code == 0
    assert "as recorded" in shown.stdout
    records: list[dict[str, Any]] = json.loads(run("open", node.root, exchange, "--json").stdout)
    assert [each["kind"] for each in records] == ["ATTEMPT", "OUTCOME"]
    assert records[0]["fields"]["unit"] == "unit-1"
    assert [step["what"] for step in records[1]["replayed"]] == [
        "the facts through the agreement",
        "the findings through the release",
    ]
    assert RL1 not in json.dumps(records)


def test_one_field_is_opened_and_nothing_else(node: Running, tmp_path: Path) -> None:
    exchange = asked(node)
    out = tmp_path / "one.jsonl"
    run("open", node.root, exchange, "--field", "unit", "--out", out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [len(line["disclosures"]) for line in lines] == [1]
    assert out.stat().st_mode & 0o077 == 0
    node.publish()
    assert run("verify", node.root / "evidence", "--disclosures", out).code == 0


def test_a_signed_statement_is_shown_in_its_words(node: Running) -> None:
    run("retention", "hold", node.root, "--everything", "--reason", "a court asked")
    seq = sum(1 for _ in frames_on_disk(node.root / "wal", "registry")) - 1
    shown = run("open", node.root, f"registry/{seq}")
    assert shown.code == 0
    assert "a court asked" in shown.stdout
    assert "payload" not in shown.stdout
