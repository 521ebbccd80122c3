# SPDX-License-Identifier: Apache-2.0
"""The judge on its decoder: what it reads, what it is asked, and what it does not start with; behind the gateway."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

pytest.importorskip("openvino", reason="the extra `judge` is not installed")

from brightline.classifier.evaluation.bench import Bench
from brightline.classifier.evaluation.probe import Probe
from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import Head, Part, canary_segments, missed
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.judge import JudgeFile, check_judge, load_judge_file, windows_of
from brightline.core.screening.settle import Ended
from brightline.folders import read_agreement
from brightline.shell.cli.main import brightline
from brightline.shell.inference.judge import DecoderJudge
from brightline.shell.inference.loading import read_definitions
from brightline.shell.inference.process import ProcessDetector
from brightline.shell.inference.screen import Screen
from brightline.shell.inference.wire import Load
from brightline.shell.shipped import read_release, shipped_agreement
from tests import tiny_decoder
from tests.harness import running
from tests.shell.inference.tiny_judge import CROSSES, DOES_NOT, judge_file, write_release

AGREEMENT = read_agreement(shipped_agreement())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge")


@pytest.fixture(scope="module")
def file(folder: Path) -> JudgeFile:
    return judge_file(folder)


@pytest.fixture(scope="module")
def judge(folder: Path, file: JudgeFile) -> DecoderJudge:
    return DecoderJudge(file, "judge", (folder,))


def ask(*texts: str, facts: tuple[str, ...] = ()) -> list[Segment]:
    return [Segment("x", Surface.INPUT, text, view="folded", open=facts) for text in texts]


def test_it_finds_its_canaries_and_is_silent_about_the_neighbour(judge: DecoderJudge, file: JudgeFile) -> None:
    assert missed(file.canary, tuple(judge.judge(canary_segments(file.canary)))) == ()
    found = judge.judge(ask(DOES_NOT, CROSSES, facts=("mass_domestic",)))
    assert [(one.segment, one.fact, one.value, one.view) for one in found] == [(1, "mass_domestic", "yes", "folded")]


def test_it_is_asked_about_open_facts_alone(judge: DecoderJudge) -> None:
    assert {one.fact for one in judge.judge(ask(CROSSES))} == {"mass_domestic", "high_stakes", "acts_alone"}
    assert {one.fact for one in judge.judge(ask(CROSSES, facts=("acts_alone",)))} == {"acts_alone"}


def test_what_whoever_asked_leans_to_counts_as_far_as_the_file_says(folder: Path, file: JudgeFile) -> None:
    joined = DecoderJudge(msgspec.structs.replace(file, joined={"mass_domestic": 1.0}), "judge", (folder,))

    def score(leaning: float) -> float:
        [segment] = ask(CROSSES, facts=("mass_domestic",))
        return dict(joined.scores(msgspec.structs.replace(segment, leanings=(leaning,))))["mass_domestic"]

    assert score(0.05) < score(0.5) < score(0.95)
    [alone] = dict(joined.scores(ask(CROSSES, facts=("mass_domestic",))[0])).values()
    assert score(0.5) == pytest.approx(alone)
    segments = [
        msgspec.structs.replace(ask(CROSSES, facts=("mass_domestic",))[0], leanings=(one,)) for one in (0.05, 0.95)
    ]
    scores = [one.score for one in joined.judge(segments)]
    assert scores[-1] == pytest.approx(score(0.95)), "the same words under another leaning are another question"


def test_the_same_words_are_read_once(judge: DecoderJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    runs: list[Any] = []
    words, run = judge._words, judge._read

    def noting(segment: Segment) -> Any:
        read.append(segment.text)
        return words(segment)

    def counting(*of: Any) -> list[float]:
        runs.append(of)
        return run(*of)

    monkeypatch.setattr(judge, "_words", noting)
    monkeypatch.setattr(judge, "_read", counting)
    asked = ask(CROSSES, DOES_NOT, CROSSES, facts=("acts_alone",))
    asked[2] = msgspec.structs.replace(asked[2], leanings=(0.4,))
    found = judge.judge(asked)
    assert [one.segment for one in found] == [0, 2]
    assert read == [CROSSES, DOES_NOT], "whatever somebody leans to"
    assert len(runs) == 2


def test_of_a_long_text_the_worst_window_counts_and_too_long_a_text_is_not_judged(
    judge: DecoderJudge, file: JudgeFile
) -> None:
    plain = [score for _, score in judge.scores(ask("x" * 90, facts=("mass_domestic",))[0])]
    both = [score for _, score in judge.scores(ask("x" * 90 + CROSSES, facts=("mass_domestic",))[0])]
    assert both[0] >= plain[0]
    with pytest.raises(OverflowError):
        judge.judge(ask("x" * 2_000))
    tokens = list(range(200))
    windows = windows_of(tokens, file)
    assert [window[0] for window in windows[1:]] == [48, 96, 144]
    assert [token for window in windows for token in window[16 if window[0] else 0 :]] == tokens


def test_without_questions_it_reads_the_same_mean_in_one_run(
    judge: DecoderJudge, file: JudgeFile, folder: Path
) -> None:
    width = file.model.width

    def mean_alone(head: Head) -> Head:
        numbers = base64.b64decode(head.weights)[-4 * width * len(file.model.layers) :]
        return msgspec.structs.replace(head, weights=base64.b64encode(numbers).decode())

    model = msgspec.structs.replace(file.model, question=False)
    plain = msgspec.structs.replace(file, model=model, head=tuple(map(mean_alone, file.head)))
    assert load_judge_file(msgspec.json.encode(plain), "judge.json").model.numbers == width * len(file.model.layers)
    without = DecoderJudge(plain, "judge", (folder,))
    scores = [dict(without.scores(ask(text)[0])) for text in (CROSSES, DOES_NOT)]
    assert all(scores[0][fact] > scores[1][fact] for fact in file.facts)
    nothing = msgspec.structs.replace(file, model=msgspec.structs.replace(model, mean=False))
    with pytest.raises(ReleaseError, match="nothing"):
        load_judge_file(msgspec.json.encode(nothing), "judge.json")


def test_a_model_that_is_missing_or_another_is_refused(folder: Path, file: JudgeFile, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="brightline classifier weights"):
        DecoderJudge(file, "judge", (tmp_path,))
    (tmp_path / "tiny.gguf").write_bytes((folder / "tiny.gguf").read_bytes() + b"x")
    with pytest.raises(ReleaseError, match="digest"):
        DecoderJudge(file, "judge", (tmp_path,))
    wide = msgspec.structs.replace(file, model=msgspec.structs.replace(file.model, width=16))
    with pytest.raises(ReleaseError, match="32 numbers"):
        DecoderJudge(wide, "judge", (folder,))


def test_its_adapter_is_a_part_of_the_release_and_missing_or_another_it_does_not_load(
    folder: Path, file: JudgeFile, judge: DecoderJudge, tmp_path: Path
) -> None:
    place = tmp_path / "adapter.npz"
    tiny_decoder.adapter().write(place)
    part = Part(place.name, hashlib.sha256(place.read_bytes()).hexdigest())
    adapted = msgspec.structs.replace(file, model=msgspec.structs.replace(file.model, adapter=part))
    assert load_judge_file(msgspec.json.encode(adapted), "judge.json") == adapted
    found = dict(DecoderJudge(adapted, "judge", (folder, tmp_path)).scores(ask(CROSSES)[0]))
    plain = dict(judge.scores(ask(CROSSES)[0]))
    assert all(abs(found[fact] - plain[fact]) > 1e-4 for fact in file.facts)
    place.write_bytes(place.read_bytes() + b"x")
    with pytest.raises(ReleaseError, match="adapter.npz has digest"):
        DecoderJudge(adapted, "judge", (folder, tmp_path))
    place.unlink()
    with pytest.raises(ReleaseError, match="adapter.npz is in none of"):
        DecoderJudge(adapted, "judge", (folder, tmp_path))


def test_a_file_from_before_there_were_adapters_has_none(file: JudgeFile) -> None:
    said = json.loads(msgspec.json.encode(file))
    del said["model"]["adapter"]
    assert load_judge_file(json.dumps(said).encode(), "judge.json") == file


async def test_in_a_process_of_its_own_it_answers_as_here(folder: Path, file: JudgeFile, judge: DecoderJudge) -> None:
    data = msgspec.json.encode(file)
    (folder / "judge.json").write_bytes(data)
    load = Load("judge", "judge", "judge.json", hashlib.sha256(data).hexdigest(), str(folder), "", 8 << 30)
    made = ProcessDetector(load, file.canary, workers=1, deadline_seconds=30, queue_max=2, asks_max=1)
    try:
        await made.until_fit()
        asked = ask(CROSSES, DOES_NOT)
        judged = await made.judge(asked)
        assert judged.segments_judged == 2
        assert [(one.segment, one.fact, one.value) for one in judged.findings] == [
            (one.segment, one.fact, one.value) for one in judge.judge(asked)
        ]
    finally:
        made.close()
        await made.closed()


def test_behind_the_gateway_what_it_settles_passes_and_without_it_that_is_held(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    with running(tmp_path / "with", own_release=str(tmp_path / "release")) as node:
        wait_for_the_judge(node)
        assert node.ask(DOES_NOT)
        findings = {(rule, value) for rule, fact, value, *_ in node.records()[-1]["committed"]["findings"]}
        assert findings == {("md-track-everyone settled by judge", "no")}
        with pytest.raises(openai.PermissionDeniedError):
            node.ask(CROSSES)
        findings = {(rule, value) for rule, fact, value, *_ in node.records()[-1]["committed"]["findings"]}
        assert findings == {("md-track-everyone settled by judge", "yes")}
        assert figures_of(node) == (True, {Ended.ANSWERED})
        exchanges = {record["exchange"] for record in node.records() if "exchange" in record}
    for exchange in exchanges:
        done = CliRunner().invoke(brightline, ["open", str(tmp_path / "with"), exchange, "--json"])
        assert done.exit_code == 0, "what a judge settled is made again from the record: " + done.output
    (tmp_path / "release" / "tiny.gguf").unlink()
    with running(tmp_path / "without", own_release=str(tmp_path / "release")) as node:
        assert node.ask("List three fruits."), "the node serves without it"
        with pytest.raises(openai.APIStatusError):
            node.ask(DOES_NOT)
        assert node.records()[-1]["committed"]["facts"]["mass_domestic"] == "unknown"
        assert figures_of(node) == (False, {Ended.FAILED})


def figures_of(node: Any) -> tuple[bool, set[Ended]]:
    """Whether operators are told that the judge is fit, and how asks of it ended."""
    samples: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(node.node.metrics.text().decode()):
        samples |= {(one.name, one.labels.get("ended", "")): one.value for one in family.samples}
    ends = {each for each in Ended if each and samples["brightline_judge_asks_total", each.value]}
    return samples["brightline_judge_fit", ""] == 1, ends


def wait_for_the_judge(node: Any) -> None:
    judging = node.node.judges.current.judging
    assert judging is not None
    node.loop.call(judging.judge.until_fit())


def test_whoever_measures_hears_it_too(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    leaves = [Segment("x", Surface.INPUT, DOES_NOT)]
    with_judge = Screen(AGREEMENT, tmp_path / "release")
    assert with_judge.facts([with_judge.judged(leaves)])["mass_domestic"] == "no"
    (tmp_path / "release" / "tiny.gguf").unlink()
    without = Screen(AGREEMENT, tmp_path / "release")
    assert without.facts([without.judged(leaves)])["mass_domestic"] == "unknown"


def test_what_it_is_not_asked_about_it_may_not_settle_and_such_a_release_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    write_release(folder)
    file = folder / "release.toml"
    text = file.read_text("utf-8")
    head, settled = text.split("[[settle]]")
    more = settled.replace('"mass_domestic"', '"weapon_direct"')
    file.write_text(f"{head}[[settle]]{settled}\n[[settle]]{more}", "utf-8")
    with pytest.raises(ReleaseError, match="settle weapon_direct, about which it is not asked"):
        Screen(AGREEMENT, folder)
    release = read_release(folder, AGREEMENT.vocabulary)
    with pytest.raises(ReleaseError, match="settle weapon_direct, about which it is not asked"):
        read_definitions(release, folder, AGREEMENT)


def test_on_the_bench_it_is_a_layer_and_while_it_is_off_what_it_settled_is_held(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    bench = Bench(AGREEMENT, tmp_path / "release")
    assert "judge" in bench.layers
    quiet, crossing = (
        bench.show(Probe("1", "a file", {"mass_domestic": "no"}, text=text)) for text in (DOES_NOT, CROSSES)
    )
    assert (quiet.facts["mass_domestic"], quiet.without["judge"]["mass_domestic"]) == ("no", "unknown")
    assert (crossing.facts["mass_domestic"], crossing.without["judge"]["mass_domestic"]) == ("yes", "unknown")
    assert (quiet.verdict, crossing.verdict) == ("permit", "deny")
    assert [(one.asked, one.unsettled) for one in (quiet, crossing)] == [(True, "hold"), (True, "hold")]
    small_talk = bench.show(Probe("2", "a file", {"mass_domestic": "no"}, text="List three fruits."))
    assert (small_talk.asked, small_talk.unsettled) == (False, "permit")
    off = Bench(AGREEMENT, tmp_path / "release", without=frozenset({"judge"}))
    alone = off.show(Probe("1", "a file", {"mass_domestic": "no"}, text=DOES_NOT))
    assert (alone.verdict, alone.unsettled, alone.asked) == ("hold", "", False), "there is nothing to be without"


def test_its_card_says_what_is_held_with_it_and_without_and_what_people_take(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    (tmp_path / "day.txt").write_text(f"{DOES_NOT}\nList three fruits.\n", "utf-8")
    (tmp_path / "rows.csv").write_text(f"text,label,lang\n{CROSSES},yes,en\n{DOES_NOT},no,en\n", "utf-8")
    told = [
        str(tmp_path / "rows.csv"),
        "--text",
        "text",
        "--label",
        "label",
        "--lang",
        "lang",
        "--line",
        "surveillance",
    ]
    told += ["--release", str(tmp_path / "release"), "--benign", str(tmp_path / "day.txt"), "--case-minutes", "3"]
    run = CliRunner().invoke
    shown = run(brightline, ["classifier", "evaluate", *told, "--out", str(tmp_path / "e.json")])
    assert shown.exit_code == 0, shown.output
    assert "without" in shown.stdout
    card = json.loads(run(brightline, ["classifier", "card", str(tmp_path / "e.json"), "--json"]).stdout)
    day, line = card["benign"]["day"], card["lines"]["surveillance"]
    assert (day["held"]["hits"], day["held_unsettled"]["hits"], day["asked"]["hits"], day["minutes"]) == (0, 1, 1, 0)
    assert line["unsettled"]["languages"]["en"]["hits"] == line["unsettled"]["surfaces"]["prompt"]["hits"] == 1
    written = run(brightline, ["classifier", "card", str(tmp_path / "e.json")]).stdout
    assert "## Caught without the judge" in written
    assert "No row says whether" in written, "which facts the agreement has detectors set is part of what was measured"
    assert "at 3 for each that is held" in written
    off = run(brightline, ["classifier", "evaluate", *told, "--without", "judge", "--json"])
    assert json.loads(off.stdout)["benign"][0]["held"]["hits"] == 1
    assert json.loads(off.stdout)["judge"] == ""


def change(file: JudgeFile, **more: Any) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(file, **more))


def test_a_file_that_is_not_whole_is_refused(file: JudgeFile) -> None:
    assert load_judge_file(msgspec.json.encode(file), "judge.json") == file
    first = file.head[0]

    def head(**more: Any) -> tuple[Head, ...]:
        return (msgspec.structs.replace(first, **more), *file.head[1:])

    for wrong in (
        b"{}",
        change(file, format="brightline-judge/2"),
        change(file, view=()),
        change(file, view=(*file.view, file.view[0])),
        change(file, head=file.head[1:]),
        change(file, head=file.head[::-1]),
        change(file, head=head(unknown=0.8)),
        change(file, head=head(weights="AAAA")),
        change(file, head=head(bias=1e400)),
        change(file, canary=file.canary[1:]),
        change(file, overlap=32),
        json.dumps(json.loads(msgspec.json.encode(file)) | {"other": 1}).encode(),
    ):
        with pytest.raises(ReleaseError):
            load_judge_file(wrong, "judge.json")
    for value in ("no", "perhaps"):
        with pytest.raises(ReleaseError):
            check_judge(msgspec.structs.replace(file, head=head(value=value)), AGREEMENT.vocabulary, "judge.json")
    with pytest.raises(ReleaseError):
        check_judge(msgspec.structs.replace(file, head=head(fact="user_consent")), AGREEMENT.vocabulary, "judge.json")
    check_judge(file, AGREEMENT.vocabulary, "judge.json")
