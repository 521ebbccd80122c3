# SPDX-License-Identifier: Apache-2.0
"""What the stages of a classifier release cost: everyday prompts, texts of so many tokens, answers that are streamed.

    python bench/classifier.py [--release students-2026.11] [--weights FOLDER] [--quick]

One thread, processor time, so that it matters less who else works on the machine; percentiles grow with that all the
same. Prompts and answers are everyday texts of ``corpora/everyday``, drawn the same each time, and go the whole way of
a request: our own bytes, each leaf and joined view, each reading of it. Needs ``brightline[encoder]``; a judge is
measured where the release has one whose weights are there.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import RowSurface
from brightline.classifier.evaluation.probe import Probe, shown
from brightline.classifier.evaluation.streaming import stream
from brightline.classifier.everyday import read_everyday
from brightline.core.exchange.api import chat
from brightline.core.screening.encoder import Encoder
from brightline.core.screening.finding import Finding, Raised, Segment, Surface
from brightline.core.screening.judge import JudgeFile
from brightline.folders import named_folder, read_agreement, shipped_agreements, shipped_releases
from brightline.shell.inference.kinds import Definition, Judge, judge_of
from brightline.shell.inference.screen import Screen
from brightline.shell.shipped import AGREEMENT
from brightline.terminal import table

ROOT: Final = Path(__file__).resolve().parent.parent
PROMPTS: Final = ("chat-benchmarks", "questions-in-languages", "self-instruct", "coconot", "wildguard-benign")
DAY: Final = ("ordinary-day", "ordinary-day-b")
ANSWERS: Final = ("self-instruct-answers", "coconot-answers")
LENGTHS: Final = (64, 128, 256)
MODEL: Final = "gpt-oss-120b"  # the name is a leaf that is judged like any other
ANSWER_CHARS: Final = 400
CHARS_A_TOKEN: Final = 4  # of English; streams are told in both
WORDS: Final = (
    "the day was long and the work was good so we went home and had some food by the old house near the lake"
)
MS: Final = 1_000


class Clocks:
    """Times every detector of a release, and counts what it was asked."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.asked: defaultdict[str, int] = defaultdict(int)
        self.judges: dict[str, tuple[Definition, Judge]] = {}

    def make(self, definition: Definition, detector: str, folder: Path, weights: str) -> Judge:
        """As ``kinds.judge_of``, with a clock around it."""
        inner = judge_of(definition, detector, folder, weights)
        self.judges[detector] = definition, inner

        def timed(segments: Sequence[Segment]) -> Sequence[Finding | Raised]:
            begun = time.process_time()
            try:
                return inner(segments)
            finally:
                self.seconds[detector] += time.process_time() - begun
                self.asked[detector] += len(segments)

        return timed


def texts_of(names: Sequence[str], most: int) -> list[str]:
    """So many texts of these corpora, the same each time."""
    found = [
        text
        for one in read_everyday(ROOT / "corpora" / "everyday")
        if one.source.corpus in names
        for text in one.texts
    ]
    if not found:
        raise SystemExit(f"no everyday corpus is called {' or '.join(names)}")
    return random.Random(1).sample(found, min(most, len(found)))  # noqa: S311 - a sample


def prompts(screen: Screen, clocks: Clocks, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Milliseconds of each detector for a request: mean, and how many of the requests it was asked about."""
    each: defaultdict[str, list[float]] = defaultdict(list)
    asked: defaultdict[str, int] = defaultdict(int)
    for text in texts:
        clocks.seconds.clear()
        clocks.asked.clear()
        exchange = shown(Probe("1", "everyday", {}, text=text)).exchange
        screen.request(chat, msgspec.structs.replace(exchange, model=MODEL))
        for detector in clocks.judges:
            each[detector].append(MS * clocks.seconds[detector])
            asked[detector] += clocks.asked[detector] > 0
    return {
        detector: {"mean_ms": mean(of), "p99_ms": percentile(of, 99), "asked": asked[detector] / len(texts)}
        for detector, of in each.items()
    }


def lengths(detector: str, definition: Definition, judge: Judge, runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds for one text of so many tokens, read once."""
    facts = definition.facts if isinstance(definition, JudgeFile) else ()
    words, found = WORDS.split(), {}
    for tokens in LENGTHS:
        text = " ".join((words * (tokens // len(words) + 1))[:tokens])
        segment = Segment("text", Surface.INPUT, text, view="folded", open=facts, leanings=tuple(0.5 for _ in facts))
        judge([segment])
        took = [_took(lambda: judge([segment])) for _ in range(runs)]  # noqa: B023 - called at once
        found[f"{detector}, {tokens} tokens"] = {"p50_ms": percentile(took, 50), "p99_ms": percentile(took, 99)}
    return found


def streams(screen: Screen, clocks: Clocks, texts: Sequence[str]) -> dict[str, float]:
    """How many tokens of streamed answers a core judges in a second; apart where the next stage was asked."""
    spent = {False: 0.0, True: 0.0}
    chars = {False: 0, True: 0}
    agreement = read_agreement(shipped_agreements()[AGREEMENT])
    later = [detector for detector in clocks.judges if screen.release.before(detector)]
    for text in texts:
        clocks.asked.clear()
        probe = Probe("1", "everyday", {}, surface=RowSurface.OUTPUT, asked="Tell me about it.", text=text)
        begun = time.process_time()
        stream(screen, agreement, probe)
        further = any(clocks.asked[detector] for detector in later)
        spent[further] += time.process_time() - begun
        chars[further] += len(text)
    told = {"all": sum(chars.values()) / CHARS_A_TOKEN / sum(spent.values())}
    for further, name in ((False, "first stage alone"), (True, "the next stage asked")):
        if chars[further]:
            told[name] = chars[further] / CHARS_A_TOKEN / spent[further]
    return told


def percentile(values: Sequence[float], part: int) -> float:
    """The value that so many of a hundred stay at or below."""
    return sorted(values)[min(len(values) - 1, len(values) * part // 100)]


def _took(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return MS * (time.process_time() - begun)


@click.command()
@click.option("--release", default="students-2026.11", show_default=True, help="A shipped release, or a folder.")
@click.option("--weights", default="", help="Where a judge's weights are.")
@click.option("--quick", is_flag=True, help="A tenth of everything.")
@click.option("--json", "json_wanted", is_flag=True)
def main(release: str, weights: str, quick: bool, json_wanted: bool) -> None:
    """Measure, and print."""
    share = 10 if quick else 1
    clocks = Clocks()
    agreement = read_agreement(shipped_agreements()[AGREEMENT])
    folder = named_folder(release, shipped_releases(), "release.toml")
    screen = Screen(agreement, folder, weights, clocks.make)
    answers = [text for text in texts_of(ANSWERS, 120 // share) if len(text) > ANSWER_CHARS]
    everyday = prompts(screen, clocks, texts_of(PROMPTS, 600 // share))
    day = prompts(screen, clocks, texts_of(DAY, 200 // share))
    streamed = streams(screen, clocks, answers)
    long: dict[str, dict[str, float]] = {}
    for detector, (definition, judge) in clocks.judges.items():
        if isinstance(definition, Encoder | JudgeFile):
            runs = (100 if isinstance(definition, Encoder) else 10) // share
            long |= lengths(detector, definition, judge, max(1, runs))
    if json_wanted:
        found = {"prompts": everyday, "day": day, "lengths": long, "streams": streamed}
        json.dump({"release": screen.release.id, **found}, sys.stdout, indent=1)
        return
    _print_prompts("everyday prompts", everyday)
    _print_prompts("this customer's ordinary day", day)
    rows = [[name, f"{of['p50_ms']:.1f}", f"{of['p99_ms']:.1f}"] for name, of in long.items()]
    table("one text, ms of a core", ["what", "p50", "p99"], rows)
    table("streamed answers", ["which", "tokens a second"], [[name, f"{of:,.0f}"] for name, of in streamed.items()])


def _print_prompts(what: str, found: dict[str, dict[str, float]]) -> None:
    rows = [[name, f"{of['mean_ms']:.2f}", f"{of['p99_ms']:.1f}", f"{of['asked']:.1%}"] for name, of in found.items()]
    rows.append(["all", f"{sum(of['mean_ms'] for of in found.values()):.2f}", "", ""])
    table(f"{what}, ms of a core for a request", ["detector", "mean", "p99", "asked about"], rows)


if __name__ == "__main__":
    main()
