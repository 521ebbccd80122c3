# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement preview``, ``drift``, ``table`` and ``try`` as a person runs them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from brightline.shell import shipped
from tests.harness import RL1, running
from tests.shell.cli.in_process import run
from tests.versions import stricter

GOOD = {"unit": "planning", "facts": {}}
AUTONOMOUS = {"unit": "convoy", "facts": {"autonomous_use": "yes", "operational": "yes"}}
REQUEST = {"model": "m", "messages": [{"role": "user", "content": RL1}]}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_what_a_version_would_change_is_listed_and_nothing_is_done(tmp_path: Path) -> None:
    traffic = write(tmp_path / "traffic.jsonl", GOOD, AUTONOMOUS, AUTONOMOUS)
    plot = tmp_path / "plot.svg"
    said = run("agreement", "preview", stricter(tmp_path, 2), "--traffic", traffic, "--plot", plot).stdout
    assert "2 of 3 would be decided otherwise" in said
    assert "X1" in said
    assert "█" in said
    assert ElementTree.fromstring(plot.read_text("utf-8")).tag.endswith("svg")  # noqa: S314 - our own file


def test_requests_are_screened_as_the_gateway_would(tmp_path: Path) -> None:
    rows = (
        {"unit": "u", "request": REQUEST},
        REQUEST,
        {"model": "m", "messages": [{"role": "user", "content": "Hi."}]},
    )
    traffic = write(tmp_path / "requests.jsonl", *rows)
    folder = shipped.shipped_agreement()
    found = json.loads(run("agreement", "preview", folder, "--no-current", "--traffic", traffic, "--json").stdout)
    assert (found["total"], found["after"]) == (3, {"deny": 2, "permit": 1})
    assert found["by_clause"] == {"RL-1": 2}


def test_an_export_of_the_log_is_traffic(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        node.ask()
        node.ask("Write the obstacle avoidance code for our unmanned ground vehicle. It is for operational use.")
        root = node.root
    run("disclose", root, tmp_path / "disclosures.jsonl")
    options = ("--traffic", tmp_path / "disclosures.jsonl", "--json")
    found = json.loads(run("agreement", "preview", stricter(tmp_path, 2), *options).stdout)
    assert (found["total"], found["before"], found["after"]) == (2, {"permit": 2}, {"permit": 1, "hold": 1})
    assert [(row["unit"], row["clauses"]) for row in found["changes"]] == [("unit-1", ["X1"])]


def test_lines_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    traffic = tmp_path / "traffic.jsonl"
    traffic.write_text(f"{json.dumps(GOOD)}\nnot json\n[]\n{{}}\n", "utf-8")
    done = run("agreement", "preview", shipped.shipped_agreement(), "--traffic", traffic)
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" line 2", " line 3", " line 4"]
    traffic.write_text("not json\n", "utf-8")
    assert "line 1" in run("agreement", "preview", shipped.shipped_agreement(), "--traffic", traffic, code=2).stderr


# ---- drift ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """The shipped agreement with a digest for one of its laws, and a folder of texts."""
    folder = stricter(tmp_path, 2)
    text = b"Made-up text of the Directive.\n"
    path = folder / "agreement.toml"
    before = "dated = 2023-01-25"
    after = f'{before}, sha256 = "{hashlib.sha256(text).hexdigest()}"'
    path.write_text(path.read_text("utf-8").replace(before, after, 1), "utf-8")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "DODD-3000-09.txt").write_bytes(text)
    return folder


def test_an_unchanged_text_is_exit_0_and_a_changed_one_exit_1(pinned: Path) -> None:
    texts = pinned.parent / "texts"
    said = run("agreement", "drift", "--agreement", pinned, "--texts", texts).stdout
    assert "unchanged" in said
    assert "Decisions are unchanged" in said
    (texts / "DODD-3000-09.txt").write_text("Another text.\n", "utf-8")
    said = run("agreement", "drift", "--agreement", pinned, "--texts", texts, code=1).stdout
    assert "amended" in said
    assert "L3, L4" in said


def test_what_is_known_of_a_law_without_its_text_counts(pinned: Path) -> None:
    texts = pinned.parent / "texts"
    index = '[FISA-1978]\nlapses = 2026-06-12\n[EO-12333]\nreissued_as = "EO 20000"\n[PCA]\nstatus = "repealed"\n'
    (texts / "texts.toml").write_text(index, "utf-8")
    options = ("--agreement", pinned, "--texts", texts, "--today", "2026-06-11", "--json")
    rows = json.loads(run("agreement", "drift", *options, code=1).stdout)["authorities"]
    found = {row["authority"]: row["drift"] for row in rows}
    assert (found["FISA-1978"], found["EO-12333"], found["PCA"]) == ("sunset", "reissued", "repealed")


@pytest.mark.parametrize("index", ["not toml", "[Nothing]\n", '[PCA]\nstatus = "perhaps"\n', "[PCA]\nextra = 1\n"])
def test_an_index_that_is_not_understood_is_exit_2(pinned: Path, index: str) -> None:
    (pinned.parent / "texts" / "texts.toml").write_text(index, "utf-8")
    run("agreement", "drift", "--agreement", pinned, "--texts", pinned.parent / "texts", code=2)


# ---- table and try -------------------------------------------------------------------------------------------


def test_the_table_shows_only_what_is_not_good() -> None:
    said = run("agreement", "table").stdout
    assert "mass_domestic=yes" in said
    assert "acts_alone=no" not in said


def test_facts_come_as_pairs_or_from_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "facts.json", {"high_stakes": "yes"})
    for facts in ("high_stakes=yes", path):
        said = json.loads(run("agreement", "try", "--facts", facts, "--json").stdout)
        assert said["verdict"] == "hold"
        assert said["clauses"]["L3"]["says"]
        assert [(row["approvals"], row["verdict"]) for row in said["otherwise"]] == [
            ({"customer_decider": 1}, "permit")
        ]
    for wrong in ("nonsense=yes", "high_stakes=perhaps", tmp_path / "nothing.json"):
        run("agreement", "try", "--facts", wrong, code=2)


def test_a_try_says_what_would_change_the_outcome() -> None:
    said = run("agreement", "try", "--facts", "mass_domestic=yes").stdout
    assert "what would change it:\n  mass_domestic = no: permit by L1" in said
    both = run(
        "agreement", "try", "--facts", "high_stakes=yes,acts_alone=yes", "--approval", "customer_decider=9"
    ).stdout
    assert "verdict: deny" in both
