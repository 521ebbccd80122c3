# SPDX-License-Identifier: Apache-2.0
"""The classifier release: what silence may mean, and that the shipped figures are those that are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.measure_release import measure, rewrite

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.facts import Source
from brightline.core.screening.finding import Finding, Judgement, Segment, Surface
from brightline.core.screening.release import Release, load_release, statements_from
from brightline.shell import shipped

FOLDER = shipped.shipped_release()
VOCABULARY = shipped.read_agreement(shipped.shipped_agreement()).vocabulary
ASKED = (Segment("messages[0].content", Surface.INPUT, "text"),)


@pytest.fixture(scope="module")
def release() -> Release:
    return shipped.read_release(FOLDER, VOCABULARY)


def judgement(release: Release, *findings: Finding, judged: int = 1, digest: str = "") -> Judgement:
    return Judgement("rules", digest or f"sha256:{release.detectors[0].sha256}", judged, findings)


def finding(fact: str, value: str, score: float = 1.0, segment: int = 0, detector: str = "rules") -> Finding:
    return Finding(detector, fact, value, "a-rule", segment, "folded", score)


def test_silence_says_no_only_where_the_release_entitles_it(release: Release) -> None:
    said = {s.fact: s.value for s in statements_from(release, ASKED, [judgement(release)])}
    assert said["mass_domestic"] == "no"
    assert "us_person" not in said
    assert "private_info" not in said


def test_a_finding_takes_the_place_of_silence(release: Release) -> None:
    said = statements_from(release, ASKED, [judgement(release, finding("mass_domestic", "unknown"))])
    assert [s.value for s in said if s.fact == "mass_domestic"] == ["unknown"]
    assert all(s.source is Source.DETECTOR for s in said)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda r: [],
        lambda r: [judgement(r, judged=0)],
        lambda r: [judgement(r, judged=2)],
        lambda r: [judgement(r, digest="sha256:00")],
        lambda r: [judgement(r, finding("operational", "yes", float("nan")))],
        lambda r: [judgement(r, finding("operational", "yes", 1.5))],
        lambda r: [judgement(r, finding("operational", "yes", segment=1))],
        lambda r: [judgement(r, finding("operational", "yes", detector="other"))],
    ],
)
def test_an_answer_that_is_no_answer_leaves_the_batch_unjudged(release: Release, wrong: object) -> None:
    with pytest.raises(ScreeningUnavailable):
        statements_from(release, ASKED, wrong(release))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('format = "brightline-release/1"', 'format = "brightline-release/2"', "format"),
        ("deadline_ms = 2000", "deadline_ms = 0", "deadline"),
        ("deadline_ms = 2000", "deadline_ms = 2000\nfail_open = true", "fail_open"),
        ('value = "no"', 'value = "yes"', "miss rate"),
        ('fact = "mass_domestic"', 'fact = "lawful"', "cannot be entitled"),
        ('corpus = "probes', 'corpus = "" # "probes', "names no measurement"),
        ("holdback_chars = 256", "holdback_chars = 0", "hold-back"),
        ("window_chars = 8192", "window_chars = 10", "overlap"),
    ],
)
def test_a_release_that_is_wrong_does_not_load(old: str, new: str, says: str) -> None:
    text = (FOLDER / "release.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(ReleaseError, match=says):
        load_release(text.replace(old, new, 1).encode(), shipped.folder_reader(FOLDER), VOCABULARY)


def test_a_file_that_is_not_the_pinned_one_does_not_load() -> None:
    toml = (FOLDER / "release.toml").read_bytes()
    with pytest.raises(ReleaseError, match="the release pins"):
        load_release(toml, lambda name: (FOLDER / name).read_bytes() + b"\n", VOCABULARY)


def test_the_figures_in_the_release_are_those_that_are_measured() -> None:
    text = (FOLDER / "release.toml").read_text("utf-8")
    assert rewrite(text, FOLDER) == text


def test_every_entitlement_was_measured_on_enough_positives() -> None:
    positives, _, _, _ = measure(Path(FOLDER))
    assert min(positives[fact] for fact in ("mass_domestic", "weapon_direct", "social_scoring", "high_stakes")) >= 10
