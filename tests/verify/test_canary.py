# SPDX-License-Identifier: Apache-2.0
"""Canaries against a real gateway over real sockets: all found, and missed where a record is not there."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.canary import Canary, CanarySet, Expected
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.tile import tiles_for
from brightline.shell.cli.main import brightline
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.trust.keys import load_key
from brightline.verify.canary import send
from tests.harness import Running, running

COUNT = 30


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("canaries") / "state") as node:
        yield node


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, ["canary", *map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def keys(node: Running) -> list[str]:
    return ["--key", (node.root / "evidence" / "gateway-0" / "log.vkey").read_text("utf-8")]


class Sent:
    """Canaries that were sent to the gateway, and what it published of them."""

    def __init__(self, node: Running, file: Path, evidence: Path) -> None:
        self.node, self.file, self.evidence = node, file, evidence

    def check(self, evidence: Path | None = None, code: int = 0) -> dict[str, Any]:
        done = run("check", self.file, evidence or self.evidence, *keys(self.node), "--json", code=code)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.file.with_name(f"{self.file.name}.sent")
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def rewrite(self, lines: list[dict[str, Any]]) -> None:
        path = self.file.with_name(f"{self.file.name}.sent")
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


@pytest.fixture
def sent(node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    file = tmp_path / "canaries.json"
    run("prepare", file, "--count", COUNT)
    monkeypatch.setenv("CANARY_KEY", node.key)
    run("send", file, "--url", node.url, "--model", "m", "--key-env", "CANARY_KEY")
    node.node.publisher.publish_once()
    return Sent(node, file, node.root / "evidence")


def fates(checked: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in checked["looked"]:
        found[one["fate"]] = found.get(one["fate"], 0) + 1
    return found


def test_an_honest_gateway_keeps_every_canary_answered_and_refused(sent: Sent) -> None:
    checked = sent.check()
    assert (checked["status"], fates(checked)) == ("PROVEN", {"found": COUNT})
    assert not [one for one in checked["looked"] if one["surprise"]], checked["looked"]
    refused = [one for one in checked["looked"] if one["expected"] == "refused"]
    assert len(refused) == COUNT // 10
    assert all(one["verdict"] == "deny" for one in refused)
    assert checked["odds"]["at_most"] == pytest.approx(1 - 0.05 ** (1 / COUNT))
    asked = [seen["messages"][0]["content"] for seen in sent.node.model.seen]
    assert len(asked) >= COUNT - len(refused)
    words = run("check", sent.file, sent.evidence, *keys(sent.node)).output
    assert f"PROVEN: {COUNT} canaries, {COUNT} found, 0 missing, 0 pending, 0 uncounted" in words
    assert "with 95% confidence at most 9.50% of all requests like these are left out" in words


@pytest.mark.parametrize("left", [0.3, 0.9, 1.0])
def test_a_line_that_a_crash_cut_off_stops_nobody_and_is_not_sent_again(
    sent: Sent, node: Running, left: float
) -> None:
    path = sent.file.with_name(f"{sent.file.name}.sent")
    *whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole) + last[: int(len(last) * left) - 1])
    checked = sent.check()
    assert len(checked["looked"]) == COUNT
    assert "MISSING" not in fates(checked)
    before = len(node.model.seen)
    assert "sent 0" in run("send", sent.file, "--url", node.url, "--model", "m", "--key-env", "CANARY_KEY").output
    assert len(node.model.seen) == before
    assert [line["id"] for line in sent.lines] == [json.loads(line)["id"] for line in (*whole, last)]


def test_sending_again_sends_none_twice(sent: Sent, node: Running) -> None:
    before = len(sent.node.model.seen)
    run("send", sent.file, "--url", node.url, "--model", "m", "--key-env", "CANARY_KEY")
    assert (len(sent.node.model.seen), len(sent.lines)) == (before, COUNT)
    sent.rewrite(sent.lines[:-2])
    assert "sent 2" in run("send", sent.file, "--url", node.url, "--model", "m", "--key-env", "CANARY_KEY").output


def forged(sent: Sent, folder: Path, exchange: str) -> Path:
    """The log as its operator signs it again after the records of one exchange became somebody else's."""
    folder = folder / "gateway-0"
    leaves = []
    for frame in frames_on_disk(sent.node.root / "wal", "gateway-0"):
        value = json.loads(frame.leaf)
        if value.get("exchange") == exchange:
            value["exchange"] = "xc_of_nobody"
        leaves.append(canonical_bytes(value))
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    key = load_key(StateFolder(sent.node.root).log_key("gateway-0"))
    signer = NoteSigner("brightline.local/gateway-0", key)
    files = dict(tiles_for(0, len(leaves), leaves.__getitem__, tree.node))
    files["checkpoint"] = sign_checkpoint(Checkpoint("brightline.local/gateway-0", len(leaves), tree.root()), signer)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder.parent


def test_one_canary_that_was_never_written_down_is_found_out(sent: Sent, tmp_path: Path) -> None:
    skipped = sent.lines[7]
    checked = sent.check(forged(sent, tmp_path / "forged", skipped["receipt"]["exchange"]), code=1)
    assert (checked["status"], fates(checked)) == ("CONTRADICTED", {"found": COUNT - 1, "missing": 1})
    (missing,) = [one for one in checked["looked"] if one["fate"] == "missing"]
    assert missing["id"] == skipped["id"]
    assert checked["odds"]["missing"] == 1
    assert 0.14 < checked["odds"]["at_most"] < 0.15
    words = run("check", sent.file, tmp_path / "forged", *keys(sent.node), code=1).output
    assert f"! {skipped['id']}: what its receipt promises does not stand at record" in words


def test_an_answer_without_a_receipt_is_a_miss(sent: Sent) -> None:
    lines = sent.lines
    lines[3]["receipt"] = None
    sent.rewrite(lines)
    assert fates(sent.check(code=1)) == {"found": COUNT - 1, "missing": 1}


def test_what_was_shed_or_met_nobody_is_not_counted(tmp_path: Path, node: Running, monkeypatch: Any) -> None:
    file = tmp_path / "canaries.json"
    run("prepare", file, "--count", 4, "--forbidden", 0)
    monkeypatch.setenv("CANARY_KEY", "blk_wrong_key")
    said = run("send", file, "--url", node.url, "--model", "m", "--key-env", "CANARY_KEY", "--json").output
    assert json.loads(said) == {"sent": 4, "told": {"unserved": 4}}
    node.node.publisher.publish_once()
    checked = Sent(node, file, node.root / "evidence").check()
    assert (checked["status"], fates(checked)) == ("NOT SHOWN", {"uncounted": 4})
    away = tmp_path / "away.json"
    run("prepare", away, "--count", 2)
    run("send", away, "--url", "http://127.0.0.1:9", "--model", "m", "--key-env", "CANARY_KEY")
    assert [line["told"] for line in Sent(node, away, node.root).lines] == ["nothing", "nothing"]


def test_a_log_that_was_tampered_with_is_not_believed(sent: Sent, tmp_path: Path) -> None:
    copy = forged(sent, tmp_path / "tampered", "nobody")
    assert sent.check(copy)["status"] == "PROVEN"
    bundle = next(path for path in sorted((copy / "gateway-0" / "tile" / "entries").rglob("*")) if path.is_file())
    data = bytearray(bundle.read_bytes())
    data[500] ^= 1
    bundle.write_bytes(bytes(data))
    checked = sent.check(copy, code=1)
    assert checked["status"] == "CONTRADICTED"
    assert "gateway-0, tile/" in checked["doubts"][0]


def test_a_forbidden_one_that_is_answered_is_bad_news_and_no_miss(sent: Sent, tmp_path: Path) -> None:
    canaries = json.loads(sent.file.read_text("utf-8"))
    answered = next(one for one in canaries["canaries"] if one["expected"] == "answered")
    answered["expected"] = "refused"
    sent.file.write_text(json.dumps(canaries), "utf-8")
    checked = sent.check(code=1)
    assert (checked["status"], fates(checked)) == ("PROVEN", {"found": COUNT})
    words = run("check", sent.file, sent.evidence, *keys(sent.node), code=1).output
    assert f"! {answered['id']}" in words
    assert "expected refused, the log says completed" in words


# ---- the file, and the arguments --------------------------------------------------------------------------------


def test_the_file_is_secret_and_its_digest_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    digest = run("prepare", file, "--count", 300).stdout.strip()
    made = msgspec.json.decode(file.read_bytes(), type=CanarySet)
    assert made.commitment == digest
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len({one.id for one in made.canaries}) == 300
    assert sum(one.expected == "refused" for one in made.canaries) == 30
    assert run("prepare", file, code=1).exception is not None  # never written over


def test_texts_of_ones_own_are_taken(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.write_text('Name a river.\n\n{"prompt": "Name a mountain.", "expected": "answered"}\n', "utf-8")
    run("prepare", tmp_path / "c.json", "--count", 4, "--texts", texts)
    made = json.loads((tmp_path / "c.json").read_text("utf-8"))["canaries"]
    assert {(one["prompt"], one["expected"]) for one in made} == {
        ("Name a river.", "any"),
        ("Name a mountain.", "answered"),
    }
    for wrong in ('{"prompt": 1}', '{"prompt": "x", "expected": "perhaps"}', '{"prompt": ""}', "\n"):
        texts.write_text(wrong + "\n", "utf-8")
        run("prepare", tmp_path / "d.json", "--texts", texts, code=1)


def test_they_are_spread_over_the_time_that_is_given(tmp_path: Path) -> None:
    made = [Canary(str(number), "x", Expected.ANY) for number in range(50)]
    waits: list[float] = []
    door = send.Door("http://127.0.0.1:9", "k", "m", "ua")
    assert send.send_all(made, door, tmp_path / "sent", 3_600, wait=waits.append) == 50
    assert len(waits) == 50
    assert waits == sorted(waits)
    assert 0 < waits[0] < waits[-1] <= 3_600
    assert waits[-1] > 1_800


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "ftp://x", "--key-env", "PATH"),
        ("--url", "http://x/?q", "--key-env", "PATH"),
        ("--url", "http://127.0.0.1:9", "--key-env", "NO_SUCH_VARIABLE_HERE"),
        ("--url", "http://127.0.0.1:9", "--key-env", "PATH", "--over", "soon"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "c.json"
    run("prepare", file, "--count", 1)
    assert "NO_SUCH_VARIABLE_HERE" not in os.environ
    run("send", file, "--model", "m", *arguments, code=1)


def test_a_log_under_another_key_is_no_answer(sent: Sent) -> None:
    other = NoteSigner("brightline.local/gateway-0", Ed25519PrivateKey.generate()).verifier.vkey()
    done = run("check", sent.file, sent.evidence, "--key", other, code=1)
    assert "none of the keys that were given signed this log" in str(done.exception)
