# SPDX-License-Identifier: Apache-2.0
"""Samples of what was permitted, over real sockets: people look at them, and whatever they say changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.classifier.corpus import read_corpus
from brightline.core.errors import ConfigError
from brightline.core.review.seeding import SEED_TYPE
from brightline.core.statement import sign_statement
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.trust.keys import load_key
from tests.conformance.test_halt import cli, until
from tests.conformance.test_review import FIRST, SECOND, said
from tests.harness import HELD, Running, chunk, completion, running

EVERYTHING = "[review]\nsampled_per_million = 1_000_000\n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("sampling") / "state", more_toml=EVERYTHING) as node:
        until(lambda: bool(node.node.registry.reviewing.commitments))
        yield node


@pytest.fixture
def node(serving: Running) -> Running:
    serving.model.says(completion())
    return serving


def latest(node: Running) -> tuple[str, str]:
    """The hold and the exchange of the sample of what was answered last: a case comes after the answer."""
    drawn: dict[str, str] = {}

    def all_drawn() -> bool:
        drawn.update({leaf["exchange"]: leaf["hold"] for leaf in leaves(node) if leaf["kind"] == "CASE"})
        return completed(node)[-1] in drawn

    until(all_drawn)
    return drawn[completed(node)[-1]], completed(node)[-1]


def completed(node: Running) -> list[str]:
    """The exchanges that were answered, in order."""
    return [leaf["exchange"] for leaf in leaves(node) if leaf.get("outcome") == "completed"]


def cases(node: Running) -> list[str]:
    """The holds of the samples so far."""
    return [leaf["hold"] for leaf in leaves(node) if leaf["kind"] == "CASE"]


def test_what_is_drawn_is_shown_to_people_and_no_answer_of_theirs_changes_anything(node: Running) -> None:
    node.ask("List three fruits.")
    hold, _ = latest(node)
    shown = json.loads(said(node, "show", hold, "--json").stdout)
    names = [question["name"] for question in shown["questions"]]
    assert "List three fruits." in json.dumps(shown)
    assert "Fine." in json.dumps(shown)
    given = [part for name in names for part in ("--answer", f"{name}=yes")]
    for person in (FIRST, SECOND):
        assert said(node, "decide", hold, "--as", person, *given, "--reason", "it is").exit_code == 0
    with in_force(node.root, SystemClock()) as (_, registry):
        tried = [each for each in registry.decisions.docket.cases.values() if each.case.hold == hold]
    assert [each.denied for each in tried] == [True]
    until(lambda: hold in {each.case.hold for each in node.node.registry.decisions.docket.cases.values()})
    assert node.ask("List three fruits.").choices[0].message.content == "Fine."


def test_a_stream_is_drawn_whole(node: Running) -> None:
    node.model.streams([chunk("Fig"), chunk("s and dates."), chunk("", "stop"), b"data: [DONE]\n\n"])
    with node.client() as client:
        list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Two."}], stream=True))
    hold, _ = latest(node)
    assert "Figs and dates." in said(node, "show", hold, "--json").stdout


def test_whoever_draws_again_finds_every_one_and_the_evidence_holds(node: Running) -> None:
    node.ask("Another three.")
    latest(node)
    drawn = json.loads(cli("review", "sampled", node.root, "--json"))
    (month,) = drawn["months"]
    assert month["missing"] == []
    assert month["due"] <= month["permitted"] == len(completed(node))  # due is what every gateway must have known of
    found = json.loads(cli("review", "estimate", node.root, "--json"))
    assert 1 <= found["whole"]["of"] + found["waiting"] <= len(cases(node))
    assert found["whole"]["found"] <= found["whole"]["of"]
    assert not node.contradictions()


def test_what_is_destroyed_of_an_exchange_is_destroyed_of_its_sample(node: Running) -> None:
    node.ask("Three that are forgotten.")
    hold, _ = latest(node)
    assert hold in said(node, "list", "--json").stdout
    _, exchange = latest(node)
    cli("retention", "shred", node.root, "--exchange", exchange, "--reason", "a drill")
    until(lambda: hold not in said(node, "list", "--json").stdout)
    assert any(frame["kind"] == "SHRED" for frame in leaves(node))


def leaves(node: Running) -> list[dict[str, Any]]:
    return [json.loads(frame.leaf) for frame in frames_on_disk(node.root / "wal", "gateway-0")]


def test_an_item_with_known_answers_looks_like_a_hold_and_who_misses_it_is_counted(
    node: Running, tmp_path: Path
) -> None:
    corpus = tmp_path / "items.jsonl"
    author = {"author": "a", "kind": "person", "persona": "tests", "split": "test"}
    row = {
        "id": "r1",
        "line": "weapons",
        "facts": {"weapon_direct": "yes"},
        "surface": "prompt",
        "lang": "en",
        "setting": "tests",
        "reason": "it picks a target",
        "text": HELD,
    }
    corpus.write_text("\n".join(json.dumps(each) for each in (author, row)) + "\n")
    (made,) = json.loads(cli("review", "seed", node.root, corpus, "--within-hours", "0", "--json"))
    hold = made["hold"]
    until(lambda: hold in cases(node))
    shown = json.loads(said(node, "show", hold, "--json").stdout)
    assert [question["name"] for question in shown["questions"]] == ["weapon_direct"]
    assert shown["unit"] == "unit-1"
    assert not {"seeded", "known", "items"} & set(json.dumps(shown).replace('"', " ").split())
    said(node, "decide", hold, "--as", FIRST, "--answer", "weapon_direct=no", "--reason", "read")
    said(node, "decide", hold, "--as", SECOND, "--answer", "weapon_direct=yes", "--reason", "read")
    missed = {each["reviewer"]: each["items"] for each in json.loads(said(node, "figures", "--json").stdout)["missed"]}
    assert (missed[FIRST]["hits"], missed[FIRST]["of"]) == (1, 1)
    assert (missed[SECOND]["hits"], missed[SECOND]["of"]) == (0, 1)


def test_an_item_that_one_safety_person_signed_is_not_believed(node: Running, tmp_path: Path) -> None:
    with in_force(node.root, SystemClock()) as (settings, registry):
        fold, profile = registry.reviewing, registry.roots.profile
        seeds = len(fold.to_open)
        statement = sign_statement(Nobodys("x"), SEED_TYPE, [load_key(node.root / "keys" / "provider-safety-1")])
        committed = {"statement": statement.decode(), "content": "{}"}
        record = log_review(node.root, settings, profile, What.SEEDED, {}, committed, SystemClock())
        registry.refresh()
        assert len(fold.to_open) == seeds
        assert "takes 2 persons" in fold.ignored[record.place.seq]


class Nobodys(msgspec.Struct):
    format: str


def decided(node: Running, words: str, value: str) -> str:
    """The hold of a sample of these words that two people answered."""
    node.ask(words)
    hold, _ = latest(node)
    names = [each["name"] for each in json.loads(said(node, "show", hold, "--json").stdout)["questions"]]
    given = [part for name in names for part in ("--answer", f"{name}={value}")]
    for person in (FIRST, SECOND):
        said(node, "decide", hold, "--as", person, *given, "--reason", "read")
    return hold


def test_what_people_decided_becomes_rows_with_their_provenance_and_without_whom_they_name(
    node: Running, tmp_path: Path
) -> None:
    hold = decided(node, "Write to anna.schmidt@example.org that three fruits will do.", "no")
    out = tmp_path / "reviewed.jsonl"
    told = json.loads(cli("review", "rows", node.root, out, "--hold", hold, "--reason", "to train", "--json"))
    (row,) = read_corpus(out).rows
    assert (row.label, row.surface.value, row.text) == ("no", "output", "Fine.")
    assert "anna.schmidt" not in out.read_text()
    assert "[email 1]" in row.asked
    assert row.facts["weapon_direct"] == "no"
    provenance = json.loads((tmp_path / "reviewed.provenance.json").read_text())
    assert [each["hold"] for each in provenance["rows"]] == [hold]
    assert "unit-1" not in out.read_text() + json.dumps(provenance)
    (record,) = [each for each in registry_records(node) if each.get("what") == "exported"]
    assert (record["seq"], record["rows"], record["masked"]) == (told["record"], 1, True)
    assert out.stat().st_mode & 0o077 == 0


def test_words_whose_key_was_destroyed_become_no_row(node: Running, tmp_path: Path) -> None:
    hold = decided(node, "Three that are to be forgotten.", "no")
    _, exchange = latest(node)
    cli("retention", "shred", node.root, "--exchange", exchange, "--reason", "a drill")
    until(lambda: hold not in said(node, "list", "--all", "--json").stdout)
    with pytest.raises(ConfigError, match="destroyed"):
        cli("review", "rows", node.root, tmp_path / "r.jsonl", "--hold", hold, "--reason", "to train")
    assert not (tmp_path / "r.jsonl").exists()


def registry_records(node: Running) -> list[dict[str, Any]]:
    return [json.loads(frame.leaf) for frame in frames_on_disk(node.root / "wal", "registry")]
