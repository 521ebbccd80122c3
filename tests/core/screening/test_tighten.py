# SPDX-License-Identifier: Apache-2.0
"""Whether a release can only be stricter than another, seen from its files alone."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

import pytest

from brightline.core.facts import FactSpec, Source, Vocabulary
from brightline.core.screening.release import load_release
from brightline.core.screening.tighten import Files, looser

FACTS = ("weapon_direct", "mass_domestic", "high_stakes")
VOCABULARY = Vocabulary(tuple(FactSpec(name, "no", set_by=frozenset({Source.DETECTOR})) for name in FACTS))


def rule(name: str = "one", **changed: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"id": name, "fact": "weapon_direct", "value": "yes", "author": "a", "reason": "r"}
    written |= {"all": ["fire", "<gun>"], "surfaces": ["input", "output"]}
    return {**written, "must_match": ["a", "b", "c"], "must_not_match": ["d", "e", "f"], **changed}


def head(fact: str = "weapon_direct", **changed: Any) -> dict[str, Any]:
    weights = base64.b64encode(struct.pack("<2f", 1.0, 2.0)).decode()
    return {"fact": fact, "value": "yes", "weights": weights, "bias": 0.0, "unknown": 0.3, "yes": 0.6, **changed}


def encoder(*heads: dict[str, Any], **changed: Any) -> dict[str, Any]:
    heads = heads or (head(),)
    part = {"file": "model.onnx", "sha256": "0" * 64}
    whole = {"format": "brightline-encoder/1", "model": part, "tokenizer": part, "dimensions": 2, "tokens": 64}
    whole |= {"overlap": 8, "windows_max": 64, "head": list(heads)}
    return {**whole, "canary": [{"fact": each["fact"], "text": "t"} for each in heads], **changed}


def files(
    rules: list[dict[str, Any]] | None = None,
    *,
    words: dict[str, str] | None = None,
    encoded: dict[str, Any] | None = None,
    silences: tuple[str, ...] = FACTS[:2],
    other: bytes = b"",
    **frame: int,
) -> Files:
    """A release as its files."""
    held = {"rules.toml": _toml(rules or [rule()], {"gun": "gun|rifle"} if words is None else words)}
    held["encoder.json"] = json.dumps(encoded or encoder()).encode()
    if other:
        held["other.bin"] = other
    kinds = {"rules.toml": "rules", "encoder.json": "encoder", "other.bin": "another"}
    said = {"window_chars": 100, "overlap_chars": 40, "holdback_chars": 20, "stride_chars": 5, "deadline_ms": 10}
    said |= frame
    text = (
        f'format = "brightline-release/1"\nid = "r"\nnote = "n"\ndeadline_ms = {said.pop("deadline_ms")}\n[windows]\n'
    )
    text += "".join(f"{name} = {value}\n" for name, value in said.items())
    for name, data in held.items():
        text += f'[[detector]]\nid = "{name.partition(".")[0]}"\nkind = "{kinds[name]}"\npath = "{name}"\n'
        text += f'sha256 = "{hashlib.sha256(data).hexdigest()}"\n'
    for fact in silences:
        text += f'[[silence]]\ndetector = "rules"\nfact = "{fact}"\nvalue = "no"\n'
        text += 'misses = 1\npositives = 2\ncorpus = "c"\n'
    return Files(load_release(text.encode(), held.__getitem__, VOCABULARY), held.__getitem__)


def _toml(rules: list[dict[str, Any]], words: dict[str, str]) -> bytes:
    lines = ['format = "brightline-rules/1"', "[words]", *(f"{k} = {json.dumps(v)}" for k, v in words.items())]
    for each in rules:
        lines += ["[[rule]]", *(f"{name} = {json.dumps(value)}" for name, value in each.items())]
    return "\n".join(lines).encode()


STRICTER = {
    "the same": {},
    "one more rule": {"rules": [rule(), rule("two")]},
    "a rule that asks for less": {"rules": [rule(all=["fire"])]},
    "a rule that looks in more places": {"rules": [rule(surfaces=["input", "output", "tool_call"])]},
    "other examples": {"rules": [rule(must_match=["x", "y", "z"])]},
    "one more word": {"words": {"gun": "gun|rifle", "bow": "bow"}},
    "lower thresholds": {"encoded": encoder(head(unknown=0.1, yes=0.5))},
    "one more head": {"encoded": encoder(head(), head("mass_domestic"))},
    "silence that says less": {"silences": FACTS[:1]},
    "held back further": {"holdback_chars": 30, "stride_chars": 4},
    "asked where sentences end": {"sentence_chars": 3},
    "read further back": {"reach_chars": 60},
    "close windows as well": {"encoded": encoder(close=32)},
    "more that is near a threshold": {"encoded": encoder(near=0.5)},
    "one more detector": {"other": b"anything"},
}
LOOSER = {
    "a rule that is gone": ({"rules": [rule("two")]}, "rule one is not there"),
    "a rule that asks for more": ({"rules": [rule(all=["fire", "<gun>", "at once"])]}, "asks for another pattern"),
    "another pattern": ({"rules": [rule(all=["fires", "<gun>"])]}, "asks for another pattern"),
    "a rule that says less": ({"rules": [rule(value="unknown")]}, "says something else"),
    "a rule on another fact": ({"rules": [rule(fact="mass_domestic")]}, "says something else"),
    "fewer places": ({"rules": [rule(surfaces=["input"])]}, "looks in fewer places"),
    "a word that means less": ({"words": {"gun": "gun"}}, "the word <gun> is another"),
    "a higher threshold": ({"encoded": encoder(head(yes=0.7))}, "a threshold of weapon_direct is higher"),
    "other weights of a head": ({"encoded": encoder(head(bias=-1.0))}, "the head of weapon_direct is another"),
    "a head that is gone": ({"encoded": encoder(head("mass_domestic"))}, "the head of weapon_direct is another"),
    "another encoder": ({"encoded": encoder(tokens=32)}, "its weights, its tokenizer or its windows"),
    "silence that says more": ({"silences": FACTS}, "the silence of rules would say"),
    "held back less": ({"holdback_chars": 10}, "held back less far"),
    "asked less often": ({"stride_chars": 6}, "asked about less often"),
    "other close windows": ({"encoded": encoder(close=0)}, "its weights, its tokenizer or its windows"),
    "less that is near a threshold": ({"encoded": encoder(near=0.0)}, "less would come near a threshold"),
    "other windows": ({"overlap_chars": 50}, "its windows are others"),
    "more time": ({"deadline_ms": 20}, "its deadline is another"),
}


def test_a_stream_that_is_asked_about_where_fewer_sentences_end_is_looser() -> None:
    was = files(sentence_chars=3)
    for seldom in (0, 4, 5, 6):
        assert any("asked about less often" in why for why in looser(was, files(sentence_chars=seldom)))
    assert looser(was, files(sentence_chars=2)) == ()
    assert looser(files(), files(sentence_chars=9)) == (), "beyond a stride it makes no difference"


def test_a_stream_that_is_read_less_far_back_while_something_is_near_is_looser() -> None:
    was = files(reach_chars=60)
    for less in (0, 50):
        assert any("read back less far" in why for why in looser(was, files(reach_chars=less)))
    assert looser(was, files(reach_chars=70)) == ()


@pytest.mark.parametrize("changed", STRICTER.values(), ids=STRICTER)
def test_what_can_only_find_more_or_say_less_is_stricter(changed: dict[str, Any]) -> None:
    assert looser(files(), files(**changed)) == ()


@pytest.mark.parametrize(("changed", "why"), LOOSER.values(), ids=LOOSER)
def test_what_could_find_less_or_say_more_is_refused(changed: dict[str, Any], why: str) -> None:
    was = encoder(**{name: value for name, value in {"near": 0.6, "close": 32}.items() if name in str(changed)})
    assert any(why in each for each in looser(files(encoded=was), files(**changed)))


def test_what_is_left_unknown_early_may_be_more_and_earlier_and_not_less_or_later() -> None:
    was = files(encoded=encoder(early={"weapon_direct": 0.2}))
    assert looser(files(), was) == ()
    assert looser(was, files(encoded=encoder(early={"weapon_direct": 0.1}))) == ()
    for later in ({}, {"weapon_direct": 0.3}):
        assert looser(was, files(encoded=encoder(early=later))) == (
            "encoder: weapon_direct would be left unknown later",
        )


def test_a_detector_that_is_gone_or_of_a_kind_unknown_here_is_refused_unless_it_is_the_same() -> None:
    assert looser(files(other=b"a"), files(other=b"a")) == ()
    assert any("another digest" in why for why in looser(files(other=b"a"), files(other=b"b")))
    assert any("detector other is not there" in why for why in looser(files(other=b"a"), files()))


def test_an_unknown_that_becomes_a_bad_value_is_stricter() -> None:
    assert looser(files([rule(value="unknown")]), files([rule()])) == ()
