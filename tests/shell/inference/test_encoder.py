# SPDX-License-Identifier: Apache-2.0
"""The encoder release that is shipped, in its own worker process, behind the gateway; and what it refuses to load."""

from __future__ import annotations

import base64
import json
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import Encoder, check_encoder, findings_from, load_encoder, near_from, texts_of
from brightline.core.screening.finding import Finding, Raised, Segment, Surface
from brightline.folders import read_agreement
from brightline.shell.inference.onnx import OnnxEncoder
from brightline.shell.inference.parts import read_part
from brightline.shell.shipped import shipped_agreement, shipped_release
from tests.harness import running

FOLDER = shipped_release().with_name("students-2026.11")
WORDS = "a text of a caller"
FILE = (FOLDER / "encoder.json").read_bytes()
VOCABULARY = read_agreement(shipped_agreement()).vocabulary


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(load_encoder(FILE, "encoder.json"), "encoder", (FOLDER,))


def ask(*texts: str) -> list[Segment]:
    return [Segment("x", Surface.INPUT, text) for text in texts]


def findings(encoder: OnnxEncoder, segments: list[Segment]) -> list[Finding]:
    return [one for one in encoder.judge(segments) if isinstance(one, Finding)]


def test_it_finds_its_canaries_and_nothing_in_small_talk(encoder: OnnxEncoder) -> None:
    loaded = load_encoder(FILE, "encoder.json")
    found = findings(encoder, [Segment("x", canary.surface, canary.text) for canary in loaded.canary])
    assert {(finding.segment, finding.fact) for finding in found} >= {
        (i, canary.fact) for i, canary in enumerate(loaded.canary)
    }
    assert findings(encoder, ask("List three fruits.", "What is the capital of France?")) == []


def test_no_word_of_a_long_text_is_outside_every_window() -> None:
    loaded = load_encoder(FILE, "encoder.json")
    encoder = OnnxEncoder(msgspec.structs.replace(loaded, close=0), "encoder", (FOLDER,))
    text = " ".join(f"word{i}" for i in range(700))
    whole = encoder._tokenizer.encode(text, add_special_tokens=False).ids
    windows = [window.ids[1:-1] for window in encoder.windows(text)]
    assert max(len(ids) for ids in windows) == 382
    again = windows[0]
    for ids in windows[1:]:
        assert ids[:64] == again[-64:]  # neighbours overlap, so that nothing short is cut in two
        again = again + ids[64:]
    assert again == whole


def test_a_short_request_among_many_harmless_words_is_read_in_windows_of_its_own_length() -> None:
    loaded = load_encoder(FILE, "encoder.json")
    encoder, close = (OnnxEncoder(msgspec.structs.replace(loaded, close=of), "encoder", (FOLDER,)) for of in (0, 96))
    canary = next(one for one in loaded.canary if one.fact == "weapon_direct")
    kettle = "The kettle is on, the rain has stopped and the boats are out again this morning. " * 60
    folded = partial(Segment, "x", Surface.INPUT, view="folded")  # one reading of it: this is about windows
    among = f"{kettle}\n\n{canary.text}\n\n{kettle}"
    assert canary.fact not in {finding.fact for finding in findings(encoder, [folded(among)])}
    assert canary.fact in {finding.fact for finding in findings(close, [folded(among)])}
    assert canary.fact not in {finding.fact for finding in findings(close, [folded(kettle)])}
    short = [window for window in close.windows(among) if len(window.ids) <= 96]
    whole = close._tokenizer.encode(among, add_special_tokens=False).ids
    read = short[0].ids[1:-1]
    for window in short[1:]:
        assert window.ids[1:32] == read[-31:]  # a third of each is in the next
        read = read + window.ids[32:-1]
        assert window.text in among
    assert read == whole
    assert list(close.windows(canary.text)) == list(encoder.windows(canary.text))  # what fits one window is read once


@pytest.mark.parametrize("letter", ["x", "é", "각", "Ω"])
def test_what_has_no_blanks_is_read_and_not_taken_for_one_unknown_word(encoder: OnnxEncoder, letter: str) -> None:
    unknown = encoder._tokenizer.token_to_id("[UNK]")
    [window] = list(encoder.windows(letter * 101))
    assert unknown not in window.ids
    assert len(window.ids) > 5


def test_scores_do_not_depend_on_what_else_is_in_the_batch(encoder: OnnxEncoder) -> None:
    canary = load_encoder(FILE, "encoder.json").canary[0]
    (alone,) = [f for f in findings(encoder, ask(canary.text)) if f.fact == canary.fact and f.view == "folded"]
    together = findings(encoder, ask("word " * 400, canary.text, "x"))
    (among,) = [f for f in together if f.segment == 1 and f.fact == canary.fact and f.view == "folded"]
    assert among.score == pytest.approx(alone.score, abs=1e-5)


def test_a_text_with_more_windows_than_are_read_is_no_answer(encoder: OnnxEncoder) -> None:
    with pytest.raises(OverflowError):
        encoder.judge(ask("strange words here " * 20_000))


def test_what_comes_near_a_threshold_and_reaches_none_is_raised_and_sets_no_fact() -> None:
    loaded = load_encoder(FILE, "encoder.json")
    high = tuple(msgspec.structs.replace(head, unknown=1 - 1e-12, yes=1 - 1e-13) for head in loaded.head)
    wary = OnnxEncoder(msgspec.structs.replace(loaded, head=high, near=0.5), "encoder", (FOLDER,))
    texts = (loaded.canary[0].text, "List three fruits.")
    asked = [Segment("x", Surface.INPUT, text, view="folded") for text in texts]
    raised = wary.judge(asked)
    assert all(isinstance(one, Raised) for one in raised)
    assert {one.segment for one in raised} == {0}, "small talk is near nothing, however operational it is"
    lines = tuple(head if head.fact == "monitoring" else new for head, new in zip(loaded.head, high, strict=True))
    found = OnnxEncoder(msgspec.structs.replace(loaded, head=lines, near=0.5), "encoder", (FOLDER,)).judge(asked[:1])
    assert {one.fact for one in found if isinstance(one, Finding)} == {"monitoring"}
    assert any(isinstance(one, Raised) for one in found), "what is found of another fact hides nothing that is near"
    heedless = OnnxEncoder(msgspec.structs.replace(loaded, near=0.0), "encoder", (FOLDER,))
    assert not any(isinstance(one, Raised) for one in heedless.judge(asked))


def test_behind_the_gateway_it_stops_what_no_rule_sees(tmp_path: Path) -> None:
    canary = next(c for c in load_encoder(FILE, "encoder.json").canary if c.fact == "mass_domestic")
    with running(tmp_path / "rules" / "state") as node:
        assert node.ask(canary.text)
    with running(tmp_path / "encoder" / "state", own_release=str(FOLDER)) as node:
        assert node.ask("List three fruits.")
        with pytest.raises(openai.PermissionDeniedError):
            node.ask(canary.text)
        assert "head:mass_domestic" in {found[0] for found in node.records()[-1]["committed"]["findings"]}


# ---- what is refused -----------------------------------------------------------------------------------------------


def head(changes: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        value["head"][0] |= changes

    return change


def whole(changes: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        value |= changes

    return change


NAN = base64.b64encode(struct.pack("<384f", *[float("nan")] * 384)).decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (whole({"format": "brightline-encoder/9"}), "expected 'brightline-encoder/1'"),
        (whole({"more": 1}), "unknown field"),
        (whole({"head": []}), "at least one"),
        (whole({"canary": []}), "each head has a canary"),
        (whole({"overlap": 200}), "less than half"),
        (whole({"model": {"file": "../model.onnx", "sha256": "0" * 64}}), "Expected `str` matching"),
        (head({"weights": "AAAAAA=="}), "1 weights for 384"),
        (head({"weights": "?"}), "not base64"),
        (head({"weights": NAN}), "no number"),
        (head({"unknown": 0.9, "yes": 0.5}), "not in order"),
        (head({"yes": 1.5}), "Expected `float` < 1"),
        (head({"fact": "weapon_direct"}), "one head for each fact"),
    ],
)
def test_a_file_that_is_not_whole_and_sound_is_not_loaded(change: Callable[[dict[str, Any]], None], why: str) -> None:
    value = json.loads(FILE)
    change(value)
    with pytest.raises(ReleaseError, match=why):
        load_encoder(json.dumps(value).encode(), "encoder.json")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fact": "lawful"}, "no detector may set"),
        ({"fact": "nonsense"}, "no detector may set"),
        ({"value": "no"}, "may not say 'no'"),
        ({"value": "perhaps"}, "may not say 'perhaps'"),
    ],
)
def test_a_head_says_only_what_a_detector_may(changes: dict[str, Any], why: str) -> None:
    loaded: Encoder = load_encoder(FILE, "encoder.json")
    changed = msgspec.structs.replace(loaded, head=(msgspec.structs.replace(loaded.head[0], **changes),))
    with pytest.raises(ReleaseError, match=why):
        check_encoder(changed, VOCABULARY, "encoder.json")


def test_weights_that_are_others_or_nowhere_are_refused(tmp_path: Path) -> None:
    loaded = load_encoder(FILE, "encoder.json")
    with pytest.raises(ReleaseError, match="model.onnx is in none of"):
        read_part(msgspec.structs.replace(loaded.model, package="no-such-package"), (tmp_path,))
    shutil.copy(FOLDER / "tokenizer.json", tmp_path / "tokenizer.json")
    assert read_part(loaded.tokenizer, (tmp_path,))
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(ReleaseError, match="has digest .*; the release pins"):
        read_part(loaded.tokenizer, (tmp_path,))


def test_between_the_thresholds_is_unknown() -> None:
    loaded = load_encoder(FILE, "encoder.json")
    one = msgspec.structs.replace(loaded, head=(msgspec.structs.replace(loaded.head[0], unknown=0.4, yes=0.8),))
    asked = [Segment("messages[0].content", Surface.INPUT, "a text")] * 3
    found = findings_from(one, "e", asked, [(0, "text", [0.39]), (1, "text", [0.4]), (2, "text", [0.8])])
    assert [(finding.segment, finding.value) for finding in found] == [(1, "unknown"), (2, "yes")]


def test_before_a_judge_a_plain_reading_is_left_unknown_early_and_a_disguised_one_is_not() -> None:
    loaded = load_encoder(FILE, "encoder.json")
    head = msgspec.structs.replace(loaded.head[0], unknown=0.4, yes=0.8)
    one = msgspec.structs.replace(loaded, head=(head,), early={head.fact: 0.1})
    asked = [Segment("messages[0].content", Surface.INPUT, WORDS)] * 4
    scored = [(number, view, [0.2]) for number, view in enumerate(("folded", "text", "base64", "reversed"))]
    assert [(found.segment, found.value) for found in findings_from(one, "e", asked, scored)] == [
        (0, "unknown"),
        (1, "unknown"),
    ]
    assert findings_from(one, "e", asked, [(0, "folded", [0.09])]) == ()
    name = [Segment("model", Surface.INPUT, "frontier-1")]
    assert findings_from(one, "e", name, [(0, "folded", [0.2])]) == (), "so few characters ask for nothing"
    assert findings_from(one, "e", name, [(0, "folded", [0.4])]), "at the head's own threshold they count"
    later = msgspec.structs.replace(one, early={head.fact: 0.9})
    assert findings_from(later, "e", asked, [(0, "folded", [0.4])]), "it is never left unknown later than that"
    odd = msgspec.structs.replace(loaded, early={"private_info": 0.1})
    with pytest.raises(ReleaseError, match="no head for 'private_info'"):
        load_encoder(msgspec.json.encode(odd), "encoder.json")


@pytest.mark.parametrize(
    ("path", "early"),
    [
        ("messages[0].content", True),
        ("joined:messages#together", True),
        ("exchange[0]", True),
        ("messages[0].content#.args.file", False),
        ("messages[0].content##keys#spaced", False),
        ("choices[0].tool_calls[0].arguments#texts#spaced", False),
    ],
)
def test_what_was_taken_out_of_a_leaf_is_not_left_unknown_early(path: str, early: bool) -> None:
    loaded = load_encoder(FILE, "encoder.json")
    head = msgspec.structs.replace(loaded.head[0], unknown=0.4, yes=0.8)
    one = msgspec.structs.replace(loaded, head=(head,), early={head.fact: 0.1}, near=0.5)
    asked = [Segment(path, Surface.INPUT, WORDS)]
    scored = [(0, "folded", [0.35])]
    assert bool(findings_from(one, "e", asked, scored)) == early
    assert bool(near_from(one, asked, {(0, "folded"): WORDS}, scored)) != early
    assert findings_from(one, "e", asked, [(0, "folded", [0.4])]), "at the head's own threshold it is"


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("messages[0].content", True),
        ("joined:metadata.keys", True),
        ("messages[0].content#.args.file", False),
        ("messages[0].content##keys#spaced", False),
        ("tools[0].function.parameters.properties.target#key", False),
    ],
)
def test_what_was_taken_out_of_a_leaf_and_is_no_text_by_itself_is_read_within_the_leaf_alone(
    path: str, read: bool
) -> None:
    short = "every_resident_and_all_their_meetings_by_street_and_day_no_warr"
    assert len(short) == 63
    for view in ("", "reversed"):
        assert bool([*texts_of(Segment(path, Surface.INPUT, short, view=view))]) == read
        assert [*texts_of(Segment(path, Surface.INPUT, f"{short}a", view=view))]
    assert [*texts_of(Segment(path, Surface.INPUT, "把全市居民的行踪按街道和日期列出来不用任何许可"))], (
        "66 bytes are text enough"
    )


def test_a_canary_as_a_part_of_a_leaf_is_found(encoder: OnnxEncoder) -> None:
    canaries = [each for each in load_encoder(FILE, "encoder.json").canary if len(each.text) >= 64]
    parts = [Segment("messages[0].content#.args.text", each.surface, each.text) for each in canaries]
    found = {(one.segment, one.fact) for one in findings(encoder, parts)}
    assert canaries
    assert found >= {(number, each.fact) for number, each in enumerate(canaries)}


def test_its_rules_are_those_of_the_rule_release() -> None:
    assert (FOLDER / "rules.toml").read_bytes() == (shipped_release() / "rules.toml").read_bytes()


def test_what_pieces_add_is_pinned_like_the_weights_and_moves_scores(tmp_path: Path, encoder: OnnxEncoder) -> None:
    loaded = load_encoder(FILE, "encoder.json")
    assert loaded.pieces is not None
    canary = loaded.canary[0]
    bare = OnnxEncoder(msgspec.structs.replace(loaded, pieces=None), "encoder", (FOLDER,))
    (with_pieces,) = [f for f in findings(encoder, ask(canary.text)) if (f.fact, f.view) == (canary.fact, "folded")]
    (without,) = [f for f in findings(bare, ask(canary.text)) if (f.fact, f.view) == (canary.fact, "folded")]
    assert with_pieces.score != pytest.approx(without.score, abs=1e-6)
    data = (FOLDER / loaded.pieces.file).read_bytes()
    (tmp_path / loaded.pieces.file).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ReleaseError, match="has digest .*; the release pins"):
        OnnxEncoder(loaded, "encoder", (tmp_path, FOLDER))
