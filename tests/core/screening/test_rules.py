# SPDX-License-Identifier: Apache-2.0
"""The rule engine: what a rule file must be, what it finds, and that an engine's failure is never silence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.facts import FactSpec, Source, Vocabulary
from brightline.core.screening.engine import CANARY, Engine
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.rule_file import Rule
from brightline.core.screening.rules import RuleSet, check_rules, load_rules


class Seen(msgspec.Struct, frozen=True):
    name: str
    text: str


def plain_and_backwards(text: str) -> tuple[Seen, ...]:
    lower = text.lower()
    return (Seen("folded", lower), Seen("reversed", lower[::-1]))


def rule(**changes: object) -> dict[str, object]:
    """A valid rule, with some of its members replaced."""
    whole: dict[str, object] = {
        "id": "track-everyone",
        "fact": "mass_domestic",
        "value": "yes",
        "author": "A. Author",
        "reason": "An order over a population.",
        "all": [r"\btrack\b", r"\beveryone\b"],
        "must_match": ["track everyone", "everyone: track", "now track everyone here"],
        "must_not_match": ["track parcels", "everyone eats", "racetrack for everyone"],
    }
    return whole | changes


def toml_of(*rules: Mapping[str, object], words: Mapping[str, str] | None = None, head: str = "") -> bytes:
    """JSON strings and arrays of strings are TOML, too."""
    lines = [head or 'format = "brightline-rules/1"']
    if words:
        lines += ["[words]", *(f"{name} = {json.dumps(text)}" for name, text in words.items())]
    for each in rules:
        lines += ["[[rule]]", *(f"{key} = {json.dumps(value)}" for key, value in each.items())]
    return "\n".join(lines).encode()


def load(*rules: Mapping[str, object], words: Mapping[str, str] | None = None) -> RuleSet:
    return load_rules(toml_of(*rules, words=words), "rules.toml", plain_and_backwards)


def seen(text: str, surface: Surface = Surface.INPUT) -> Segment:
    return Segment(path="messages[0].content", surface=surface, text=text)


def ids(findings: Sequence[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


# ---- what is found ----------------------------------------------------------------------------------


def test_a_finding_names_detector_fact_value_rule_segment_and_view() -> None:
    findings = load(rule()).match((seen("hello"), seen("Track EVERYONE")))

    assert findings == (
        Finding(
            detector="rules",
            fact="mass_domestic",
            value="yes",
            rule="track-everyone",
            segment=1,
            view="folded",
        ),
    )


def test_all_patterns_of_a_rule_must_be_found_in_one_view_of_one_segment() -> None:
    loaded = load(rule())

    assert loaded.match((seen("track"), seen("everyone"))) == ()
    assert loaded.match((seen("track enoyreve"),)) == ()
    assert ids(loaded.match((seen("track everyone"),))) == ["track-everyone"]


def test_the_first_view_that_matched_is_the_one_that_is_named() -> None:
    loaded = load(rule())

    assert [f.view for f in loaded.match((seen("enoyreve kcart"),))] == ["reversed"]
    both = "track everyone enoyreve kcart"
    assert [f.view for f in loaded.match((seen(both),))] == ["folded"]


def test_a_rule_bound_to_a_surface_is_silent_on_the_others() -> None:
    loaded = load(rule(surfaces=["tool_call", "output"]))
    found = {s for s in Surface if loaded.match((seen("track everyone", s),))}

    assert found == {Surface.TOOL_CALL, Surface.OUTPUT}


def test_findings_come_in_the_order_of_segments_and_then_of_the_file() -> None:
    loaded = load(rule(), rule(id="second", fact="monitoring"))
    findings = loaded.match((seen("track everyone"), seen("everyone track")))

    assert [(f.segment, f.rule) for f in findings] == [
        (0, "track-everyone"),
        (0, "second"),
        (1, "track-everyone"),
        (1, "second"),
    ]


def test_facts_are_those_that_some_rule_sets_and_the_digest_is_over_the_bytes() -> None:
    toml = toml_of(rule(), rule(id="second", fact="us_person", value="no"))
    loaded = load_rules(toml, "rules.toml", plain_and_backwards)

    assert loaded.facts == {"mass_domestic", "us_person"}
    assert loaded.digest == "sha256:" + hashlib.sha256(toml).hexdigest()
    assert loaded.id == "rules"


def test_words_are_put_in_where_they_are_named() -> None:
    loaded = load(
        rule(all=["<verb> <whom>"], must_match=["track everyone", "watch everyone", "track everybody"]),
        words={"verb": r"\b(?:track|watch)", "every": "every", "whom": r"<every>(?:one|body)\b"},
    )

    assert ids(loaded.match((seen("watch everybody"),))) == ["track-everyone"]


def test_a_lone_surrogate_neither_raises_nor_hides_what_stands_beside_it() -> None:
    assert ids(load(rule()).match((seen("track \ud800 everyone"),))) == ["track-everyone"]


def test_a_pattern_that_would_find_the_canary_itself_is_refused() -> None:
    with pytest.raises(ReleaseError, match="found in an empty text"):
        load(rule(all=["canary"], must_match=["a canary", "canary b", "canary"]))


def test_what_lies_within_a_step_counts_as_together_and_what_lies_beyond_a_stretch_does_not() -> None:
    loaded = load(rule())
    for before in range(0, 3000, 173):
        text = "x " * (before // 2) + "track " + "y " * 280 + "everyone " + "z " * 700
        assert ids(loaded.match((seen(text),))) == ["track-everyone"]

    assert loaded.match((seen("track " + "y " * 600 + "everyone"),)) == ()


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_an_order_is_found_wherever_it_stands_in_a_long_text(before: int, after: int) -> None:
    text = "lorem " * (before // 6) + "track everyone" + " ipsum" * (after // 6)

    assert ids(LOADED.match((seen(text),))) == ["track-everyone"]


LOADED = load(rule())


# ---- the canary -------------------------------------------------------------------------------------


class Silent:
    """What RE2 does when its memory is exhausted: it finds nothing and says so without an error."""

    def Match(self, text: object) -> None:
        del text


def test_a_set_that_falls_silent_makes_screening_unavailable() -> None:
    loaded = load(rule())
    loaded.engine._sets[:] = [Silent() for _ in loaded.engine._sets]

    with pytest.raises(ScreeningUnavailable, match="canary"):
        loaded.match((seen("track everyone"),))


def test_a_text_that_carries_the_canary_gains_nothing() -> None:
    loaded = load(rule())

    assert ids(loaded.match((seen(f"{CANARY} track everyone {CANARY}"),))) == ["track-everyone"]


# ---- the gate hides nothing -------------------------------------------------------------------------

WORDS = ("track", "every", "everyone", "racetrack", "plate", "plates", "42", "é", "всех", ".", "-", "a b")
PATTERNS = (
    r"\btrack\b",
    r"every(?:one|body)\b",
    r"\d{2}",
    r"(?:^|[.] ?)track",
    r"plate[^.]*every",
    r"всех",
    r"p?late|é",
    r"[^.]{3}one",
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.sampled_from([0, 1, 2]))
def test_the_engine_finds_exactly_what_its_patterns_find_one_by_one(text: str, shift: int) -> None:
    pairs = [(PATTERNS[i], PATTERNS[(i + shift) % len(PATTERNS)]) for i in range(len(PATTERNS))]
    engine = engine_of(shift, tuple(pairs))
    batch = ["42 plates", text, "track everyone"]
    found = engine.found_in(text, Surface.INPUT, engine.suspects(batch, engine.passing(batch)[""]))

    assert found == [i for i, pair in enumerate(pairs) if all(re2.search(p, text) for p in pair)]


ENGINES: dict[int, Any] = {}


def engine_of(key: int, pairs: tuple[tuple[str, str], ...]) -> Any:
    if key not in ENGINES:
        rules = [msgspec.convert(rule(id=str(i)), Rule) for i, _ in enumerate(pairs)]
        ENGINES[key] = Engine(rules, pairs, "law")
    return ENGINES[key]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from((*WORDS, "enoyreve", "kcart")), max_size=8).map(" ".join), max_size=4))
def test_a_batch_says_of_each_view_what_its_patterns_say_of_it_alone(batch: list[str]) -> None:
    pairs = [(PATTERNS[i], PATTERNS[(i + 1) % len(PATTERNS)]) for i in range(len(PATTERNS))]
    found = msgspec.structs.replace(LAW, engine=engine_of(1, tuple(pairs))).match([seen(text) for text in batch])

    expected = [
        (at, i, next(view.name for view in plain_and_backwards(text) if all(re2.search(p, view.text) for p in pair)))
        for at, text in enumerate(batch)
        for i, pair in enumerate(pairs)
        if any(all(re2.search(p, view.text) for p in pair) for view in plain_and_backwards(text))
    ]
    assert sorted((one.segment, int(one.rule), one.view) for one in found) == expected


LAW = load(*(rule(id=str(i)) for i in range(len(PATTERNS))))


# ---- what does not load -----------------------------------------------------------------------------

THREE = ["track everyone a", "track everyone b", "track everyone c"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"all": ["("]}, "does not compile"),
        ({"all": [r"(?=a)b"]}, "does not compile"),
        ({"all": ["a*"]}, "empty string"),
        ({"all": ["^track"], "must_match": ["track", "track a", "to track"]}, "own example 'to track'"),
        ({"must_not_match": ["a", "b", "track everyone"]}, "must not match: 'track everyone'"),
        ({"must_match": ["track everyone", "everyone track"]}, "2 examples in must_match"),
        ({"must_match": ["track everyone"] * 3}, "1 examples in must_match"),
        ({"must_not_match": []}, "0 examples in must_not_match"),
        ({"must_match": [*THREE, "track everyone" + " " * 4000]}, "characters in an example"),
        ({"author": " "}, "author and reason"),
        ({"reason": ""}, "author and reason"),
        ({"value": "maybe"}, "maybe"),
        ({"surfaces": []}, "0 surfaces"),
        ({"surfaces": ["mail"]}, "mail"),
        ({"all": []}, "0 patterns"),
        ({"all": ["track"] * 9}, "9 patterns"),
        ({"all": ["track everyone$"]}, "end anchor"),
        ({"all": [r"track everyone\z"]}, "end anchor"),
        ({"all": [r"\Atrack everyone"]}, "write ^"),
        ({"all": [r"(?-m)^track everyone"]}, "flag m"),
        ({"all": ["<nobody> track"]}, "<nobody> is not in"),
        ({"all": ["track" + "a?" * 10_000]}, "at most 20000"),
        ({"all": ["(?:track.{900}){900}"]}, "track-everyone"),
        ({"none": ["research"]}, "none"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_by_name(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        load(rule(**changes))

    assert says in str(caught.value)
    assert "track-everyone" in str(caught.value)
    assert "rules.toml" in str(caught.value)


@pytest.mark.parametrize("missing", ["author", "reason", "all", "must_match", "must_not_match", "fact", "value"])
def test_a_rule_that_lacks_a_member_is_refused_by_name(missing: str) -> None:
    less = {key: value for key, value in rule().items() if key != missing}

    with pytest.raises(ReleaseError, match=f"'track-everyone'.*{missing}"):
        load(less)


def test_an_id_that_is_used_twice_is_refused() -> None:
    with pytest.raises(ReleaseError, match="'track-everyone': the id is used twice"):
        load(rule(), rule(fact="monitoring"))


def test_a_word_may_only_use_words_above_it() -> None:
    with pytest.raises(ReleaseError, match="<b> is not in"):
        load(rule(), words={"a": "x<b>", "b": "y"})


@pytest.mark.parametrize(
    "toml",
    [
        b"\xff",
        b"format = ",
        b'format = "brightline-rules/2"\nrule = []',
        b'format = "brightline-rules/1"\nrule = []',
        b'format = "brightline-rules/1"',
        toml_of(rule(), head='format = "brightline-rules/1"\nallow = ["us"]'),
        b"#" * 1_000_001,
    ],
)
def test_a_file_that_is_not_understood_is_refused(toml: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"rules\.toml"):
        load_rules(toml, "rules.toml", plain_and_backwards)


def test_a_bad_pattern_prints_nothing_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReleaseError):
        load(rule(all=["[a"]))

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fact": "lawful"}, "no detector may set 'lawful'"),
        ({"fact": "unheard_of"}, "no detector may set 'unheard_of'"),
        ({"value": "no"}, "may not say 'no'"),
    ],
)
def test_a_rule_sets_what_the_agreement_lets_detectors_set_and_never_the_good_value(
    changes: dict[str, object], says: str
) -> None:
    vocabulary = Vocabulary(
        (
            FactSpec("mass_domestic", "no", set_by=frozenset({Source.DETECTOR})),
            FactSpec("lawful", "yes", set_by=frozenset({Source.REGISTRATION})),
        )
    )
    with pytest.raises(ReleaseError, match=says):
        check_rules(load(rule(**changes)), vocabulary)
