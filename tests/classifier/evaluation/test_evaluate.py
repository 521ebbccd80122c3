# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier evaluate``: rows go through the very release, and what comes out is told."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from brightline.classifier.evaluation import crew
from brightline.classifier.evaluation.bench import Bench
from brightline.classifier.evaluation.card import card_of, to_markdown
from brightline.classifier.evaluation.command import evaluate_command
from brightline.classifier.evaluation.evaluation import Evaluation, read_evaluation
from brightline.classifier.evaluation.probe import Probe, one_in, shown
from brightline.classifier.evaluation.reading import Columns, read_source
from brightline.core.errors import BrightlineError, ConfigError
from brightline.core.exchange.api import chat
from brightline.core.screening.hashing import numbers_of
from brightline.core.screening.ngrams import Header, NGrams, write_ngrams
from brightline.shell.cli.main import brightline
from brightline.shell.inference.screen import Screen
from brightline.shell.shipped import read_agreement, shipped_agreement
from tests import harness
from tests.classifier.evaluation.rows import (
    CALL,
    ENCODER,
    HELD,
    MISSED,
    PAIR,
    RL1,
    SMALL_TALK,
    TARGETS,
    corpus,
    lines_of,
    row,
)

AGREEMENT = read_agreement(shipped_agreement())
SPACED = " ".join(RL1.replace(" ", "  "))


@pytest.fixture(autouse=True)
def with_few_rules(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test names no release, the three rules are taken: the shipped ones take a second to load."""
    option = next(param for param in evaluate_command.params if param.name == "release")
    monkeypatch.setattr(option, "default", str(rules))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(brightline, ["classifier", "evaluate", *map(str, arguments)])


def evaluation(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def question(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["questions"] if one["name"] == name)


def test_rows_of_a_corpus_get_what_a_request_would_get(tmp_path: Path) -> None:
    found = evaluation(corpus(tmp_path, *PAIR, MISSED, TARGETS))
    surveillance = question(found, "surveillance")
    assert surveillance["said"]["yes"] == {"yes": 1, "unknown": 0, "no": 1, "unjudged": 0}
    assert surveillance["said"]["no"]["no"] == 1
    assert surveillance["pairs"]["right"]["hits"] == 1
    assert [(one["name"], one["rows"]) for one in surveillance["languages"]] == [("en", 2), ("de", 1)]
    assert question(found, "weapons")["said"]["unknown"]["unknown"] == 1
    assert question(found, "mass_domestic")["whole"]["caught"]["hits"] == 1
    assert found["release"] == "three-rules"
    assert found["by_models"] == 1.0


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = corpus(tmp_path, *PAIR, MISSED)
    outs = [tmp_path / "one.json", tmp_path / "two.json"]
    for out in outs:
        assert run(rows, "--out", out, "--evasions", 1).exit_code == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert read_evaluation(outs[0].read_bytes(), "one").release_digest.startswith("sha256:")


def test_the_table_names_the_columns_and_the_layers(tmp_path: Path) -> None:
    done = run(corpus(tmp_path, *PAIR, MISSED), "--evasions", "1", "--leave-one-out")
    assert done.exit_code == 0, done.output
    for words in ("AUROC", "n/a", "surveillance: languages", "tool-call rules", "base64", "pairs both right"):
        assert words in done.stdout


def test_rows_of_any_file_are_measured_through_their_columns(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(f'prompt,verdict\n"{RL1}",bad\n"{SMALL_TALK}",good\n', "utf-8")
    found = evaluation(table, "--text", "prompt", "--label", "verdict", "--yes", "bad", "--line", "surveillance")
    (only,) = found["questions"]
    assert (only["name"], only["whole"]["caught"]["hits"], only["whole"]["wrongful"]["hits"]) == ("surveillance", 1, 0)
    found = evaluation(table, "--text", "prompt", "--label", "verdict", "--yes", "bad", "--fact", "mass_domestic")
    assert question(found, "mass_domestic")["whole"]["caught"]["hits"] == 1


def test_what_an_answer_or_a_tool_call_says_is_judged_as_one(tmp_path: Path) -> None:
    rows = lines_of(
        tmp_path / "rows.jsonl",
        [
            {"said": f"Here you are. {RL1}", "call": None, "bad": "yes"},
            {"said": "", "call": CALL, "bad": "no"},
            {"said": SMALL_TALK, "call": None, "bad": "no"},
        ],
    )
    columns = ("--text", "said", "--tool-call", "call", "--label", "bad", "--surface", "=output")
    surveillance = question(evaluation(rows, *columns, "--line", "surveillance"), "surveillance")
    assert (surveillance["whole"]["caught"]["hits"], surveillance["whole"]["wrongful"]["hits"]) == (1, 0)
    weapons = question(evaluation(rows, *columns, "--line", "weapons"), "weapons")
    assert weapons["said"]["no"] == {"yes": 1, "unknown": 0, "no": 1, "unjudged": 0}, "the call is a weapon's"


def test_benign_rows_are_told_with_what_a_gateway_would_have_done(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    lines_of(folder / "pay.jsonl", [{"text": SMALL_TALK}] * 3)
    lines_of(folder / "targets.jsonl", [{"text": HELD}, {"text": RL1}, {"text": SMALL_TALK}])
    found = evaluation("--benign", folder)
    assert [(one["name"], one["stopped"]["hits"], one["held"]["hits"]) for one in found["benign"]] == [
        ("targets", 1, 1),
        ("pay", 0, 0),
    ]
    assert found["benign_together"]["rows"] == 6
    named = evaluation("--benign", f"soldiers={folder / 'pay.jsonl'}:text")
    assert [one["name"] for one in named["benign"]] == ["soldiers"]
    assert "soldiers" in run("--benign", f"soldiers={folder / 'pay.jsonl'}").stdout


def test_a_layer_is_switched_off_in_the_harness_and_the_drill_switches_off_each(tmp_path: Path) -> None:
    rows = corpus(tmp_path, row(1), row(2, text=SPACED))
    whole = question(evaluation(rows), "surveillance")
    assert whole["whole"]["caught"]["hits"] == 2
    drill = {one["layer"]: one["caught"]["hits"] for one in whole["drill"]}
    assert drill == {"views": 1, "tool-call rules": 2, "rules": 0}
    call = corpus(
        tmp_path, row(1, line="weapons", facts={"weapon_direct": "yes"}, surface="tool_call", tool_call=CALL)
    )
    drill = {one["layer"]: one["caught"]["hits"] for one in question(evaluation(call), "weapons")["drill"]}
    assert drill == {"views": 1, "tool-call rules": 0, "rules": 0}
    rows = corpus(tmp_path, row(1), row(2, text=SPACED))
    without = evaluation(rows, "--without", "views")
    assert question(without, "surveillance")["whole"]["caught"]["hits"] == 1
    assert without["without"] == ["views"]
    refused = run(rows, "--without", "brakes")
    assert refused.exit_code == 2
    assert "'brakes' is no layer of three-rules; it has views, tool-call rules, rules" in refused.output


def test_a_folder_is_its_corpora_and_a_split_takes_some_of_them(tmp_path: Path) -> None:
    corpus(tmp_path, *PAIR)
    corpus(tmp_path, MISSED | {"id": "98-1"}, author="author-98", split="train")
    assert [rows["name"] for rows in evaluation(tmp_path)["rows"]] == ["author-98", "author-99"]
    assert [rows["name"] for rows in evaluation(tmp_path, "--split", "train")["rows"]] == ["author-98"]


def test_one_in_so_many_keeps_pairs_whole_and_takes_the_same_each_time(tmp_path: Path) -> None:
    many = [
        each | {"id": f"{i}-{at}", "pair": f"p{i}", "text": f"{i}: {each['text']}"}
        for i in range(40)
        for at, each in enumerate(PAIR)
    ]
    source = read_source(corpus(tmp_path, *many), Columns())
    some = one_in(source, 4)
    assert 0 < len(some.probes) < len(source.probes) / 2
    turned = msgspec.structs.replace(source, probes=source.probes[::-1])
    assert {probe.id for probe in one_in(turned, 4).probes} == {probe.id for probe in some.probes}
    assert set(Counter(probe.pair for probe in some.probes).values()) == {len(PAIR)}
    assert one_in(source, 1) == source
    found = evaluation(tmp_path, "--one-in", "4")
    assert (found["one_in"], found["rows"][0]["rows"]) == (4, len(some.probes))
    assert "(one in 4, pairs kept whole)" in to_markdown(card_of(msgspec.convert(found, Evaluation)))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "name files to measure on"),
        (("rows", "--line", "weapons", "--fact", "us_person"), "name --line or --fact"),
        (("rows", "--fact", "harm"), "no fact is called 'harm'"),
        (("rows", "--release", "nowhere"), "nowhere is no folder with release.toml, and not shipped: rules"),
        (("rows", "rows"), "two files are called 'author-99'"),
        (("--benign", "a=nowhere.jsonl"), "nowhere.jsonl cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_said_and_ends_with_two(arguments: tuple[str, ...], why: str, tmp_path: Path) -> None:
    rows = corpus(tmp_path, *PAIR)
    done = run(*(rows if argument == "rows" else argument for argument in arguments))
    if done.exit_code != 2:
        assert isinstance(done.exception, ConfigError)
    assert why in done.output + str(done.exception)


# ---- a release with scores -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen() -> Screen:
    return Screen(AGREEMENT, ENCODER)


CANARY = json.loads((ENCODER / "encoder.json").read_bytes())["canary"][0]["text"]


LINKED = harness.RL1  # which a rule of the shipped list finds


@pytest.mark.parametrize("text", [CANARY, SMALL_TALK, LINKED, "Keep a list of everybody at the clinic."])
def test_the_bench_finds_exactly_what_the_gateways_screen_finds(text: str, bench: Bench, screen: Screen) -> None:
    """Its heads tell every score, and its thresholds make of them what the release's own do."""
    seen = shown(Probe("1", "s", {}, text=text))
    judged, scores = bench.judge(seen)
    alone = screen.request(chat, seen.exchange)
    assert [judgement.findings for judgement in judged[0].judgements] == [each.findings for each in alone.judgements]
    assert {finding.fact for finding in scores} == bench.scored
    assert bench.show(Probe("1", "s", {}, text=text)).facts == dict(screen.facts((alone,)).items())


def test_scores_below_the_thresholds_are_told_and_rules_rank_with_them(bench: Bench) -> None:
    quiet = bench.show(Probe("1", "s", {}, text=SMALL_TALK))
    assert quiet.facts["mass_domestic"] == "no"
    assert 0 < quiet.scores["mass_domestic"] < 0.5
    found = bench.show(Probe("2", "s", {}, text=LINKED))
    assert found.scores["mass_domestic"] == 1.0, "a rule that says yes ranks with the best"


def test_what_is_refused_before_there_is_a_verdict_is_unjudged(rules: Path) -> None:
    answer = Bench(AGREEMENT, rules).show(Probe("1", "s", {}, text="x" * 6_000_001))
    assert (answer.verdict, answer.facts, answer.scores) == ("unjudged", {}, {})


def test_a_first_stage_that_is_off_lets_the_next_see_everything(tmp_path: Path) -> None:
    for name in ("encoder.json", "model.onnx", "tokenizer.json", "heads.pieces"):
        (tmp_path / name).symlink_to(ENCODER / name)
    table = np.full(1 << 12, -1, np.int8)
    table[numbers_of("zebra", 12, 99)] = 120
    screen = write_ngrams(NGrams(Header(12, 0.01, 0.0, 1.0, 512, 384, ("zebra",)), table.tobytes()))
    (tmp_path / "screen.ngrams").write_bytes(screen)
    text = (ENCODER / "release.toml").read_text("utf-8").replace('detector = "rules"', 'detector = "encoder"')
    parts = re.split(r"\n(?=\[)", text)
    kept = [part for part in parts if not part.startswith(("[[detector]]", "[[cascade]]"))]
    encoder = next(part for part in parts if part.startswith("[[detector]]") and 'id = "encoder"' in part)
    digest = hashlib.sha256(screen).hexdigest()
    first = f'[[detector]]\nid = "screen"\nkind = "ngrams"\npath = "screen.ngrams"\nsha256 = "{digest}"\n'
    cascade = '[[cascade]]\nfirst = "screen"\nthen = "encoder"\nmisses = 0\npositives = 1\ncorpus = "a test"\n'
    (tmp_path / "release.toml").write_text("\n".join([*kept, first, encoder, cascade]), "utf-8")
    probe = Probe("1", "s", {}, text=CANARY)
    behind = Bench(AGREEMENT, tmp_path)
    assert behind.show(probe).facts["mass_domestic"] == "no", "no zebra, no look"
    assert behind.show(probe).scores["mass_domestic"] == 0.0
    raised = behind.show(Probe("2", "s", {}, text=f"{'zebra ' * 9}{CANARY}"))
    assert raised.facts["mass_domestic"] != "no"
    assert [raised.without[layer]["mass_domestic"] for layer in ("screen", "encoder")] == ["no", "no"], (
        "blind: no look"
    )
    alone = Bench(AGREEMENT, tmp_path, without=frozenset({"screen"})).show(probe)
    assert alone.facts["mass_domestic"] != "no"
    assert alone.scores["mass_domestic"] > 0.5


def test_with_scores_there_are_areas_and_recalls_on_the_worst_benign_corpus(tmp_path: Path) -> None:
    day = tmp_path / "day.txt"
    day.write_text("List three fruits.\nWhat is the capital of France?\n", "utf-8")
    found = evaluation(corpus(tmp_path, *PAIR), "--release", ENCODER, "--benign", day)
    surveillance = question(found, "surveillance")
    assert surveillance["whole"]["area"] == 1.0
    assert [one["corpus"] for one in surveillance["recall_worst"]] == ["day"] * 4
    assert surveillance["pairs"]["in_order"]["share"] == 1.0
    assert surveillance["curve"][0]["threshold"] == 2.0
    assert found["layers"] == ["views", "tool-call rules", "rules", "calls", "screen", "encoder"]
    assert [one["layer"] for one in surveillance["drill"]] == found["layers"], "the drill has every layer go blind"


def test_an_evaluation_that_is_none_is_refused() -> None:
    for data, why in ((b"{}", "is no evaluation"), (b"[" * 100_000, "is no evaluation")):
        with pytest.raises(BrightlineError, match=why):
            read_evaluation(data, "x.json")


# ---- several processes ---------------------------------------------------------------------------------------------


def test_however_many_work_on_it_an_evaluation_is_the_same(tmp_path: Path) -> None:
    rows = corpus(tmp_path, *PAIR, MISSED, TARGETS)
    day = lines_of(tmp_path / "day.jsonl", [{"text": HELD}, {"text": SMALL_TALK}])
    alone, together = (evaluation(rows, "--benign", day, "--evasions", 1, "--workers", workers) for workers in (1, 2))
    assert alone == together


def test_a_worker_that_ends_before_its_time_ends_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "COMMAND", (sys.executable, "-c", "import sys; sys.stdin.readline()"))
    done = run(corpus(tmp_path, *PAIR), "--workers", "2")
    assert isinstance(done.exception, ConfigError)
    assert "a worker ended before it had answered" in str(done.exception)


def test_what_a_judge_settles_as_nothing_ranks_below_all_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="the extra `judge` is not installed")
    from tests.shell.inference import tiny_judge

    monkeypatch.setattr(tiny_judge, "shipped_release", lambda: ENCODER)
    tiny_judge.write_release(tmp_path / "release")
    judged = Bench(AGREEMENT, tmp_path / "release")
    bounds = judged.bounds("encoder", "mass_domestic")
    assert bounds is not None
    nothing, crossing = (
        judged.show(Probe("1", "s", {}, text=text)) for text in (tiny_judge.DOES_NOT, tiny_judge.CROSSES)
    )
    assert (nothing.facts["mass_domestic"], nothing.without["judge"]["mass_domestic"]) == ("no", "unknown")
    assert nothing.scores["mass_domestic"] < bounds[0] <= crossing.scores["mass_domestic"]
