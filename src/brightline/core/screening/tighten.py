# SPDX-License-Identifier: Apache-2.0
"""Whether one release can only be stricter than another, from their files alone.

An emergency comes into force by the word of one organisation, so it must not be able to loosen anything, on any text
and not only on the pinned ones. What follows is sufficient for that: more is never found less often.

    silence     what it may mean is what it meant, or less of it
    windows     the same, held back as far or further, asked about as often or oftener
    detectors   each is there again; another one may come on top
    cascades    no first stage stands where none stood
    the judge   the same, settling what it settled or less; or none
    rules       each is there again, for the same fact and surfaces or more, with the same patterns or fewer of them
    encoders    the same weights, heads and canaries; thresholds as they were or lower; another head may come on top
    any other   kind of file is the same, byte for byte

What this cannot see to be stricter is refused, though it may be: it takes the signatures of both organisations then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import msgspec

from brightline.core.facts import UNKNOWN
from brightline.core.screening.encoder import Encoder, Head, load_encoder
from brightline.core.screening.release import Release, RequiredDetector
from brightline.core.screening.rule_file import Rule, rules_as_written
from brightline.core.screening.segment import Windows

Read = Callable[[str], bytes]


class Files(msgspec.Struct, frozen=True):
    """A release, and how its detectors' files are read by name."""

    release: Release
    read: Read


def looser(old: Files, new: Files) -> tuple[str, ...]:
    """Why the new release cannot be seen to be only stricter; empty if it is. Raises ``ReleaseError``."""
    return (*_frame(old.release, new.release), *_detectors(old, new))


def _frame(old: Release, new: Release) -> Iterator[str]:
    silences = {(each.detector, each.fact, each.value) for each in old.entitlements}
    for each in new.entitlements:
        if (each.detector, each.fact, each.value) not in silences:
            yield f"the silence of {each.detector} would say that {each.fact} is {each.value}"
    stood = {(each.first, each.then) for each in old.cascades}
    for first, then in sorted({(each.first, each.then) for each in new.cascades} - stood):
        yield f"{first} would stand before {then}"
    settles = {(each.after, each.fact) for each in old.settlements}
    for after, fact in sorted({(each.after, each.fact) for each in new.settlements} - settles):
        yield f"a judge would settle {fact} after {after}"
    if new.judge is not None and new.judge != old.judge:
        yield "its judge is another"
    was, now = old.windows, new.windows
    if (was.window_chars, was.overlap_chars) != (now.window_chars, now.overlap_chars):
        yield "its windows are others"
    seldom = now.stride_chars > was.stride_chars or _sentence(now) > _sentence(was)
    if now.holdback_chars < was.holdback_chars or now.back(near=True) < was.back(near=True) or seldom:
        yield "streams would be held back less far, read back less far, or asked about less often"
    if new.deadline_seconds != old.deadline_seconds:
        yield "its deadline is another"


def _sentence(windows: Windows) -> int:
    """What must be new where a sentence ends: a stride, where sentences make no difference."""
    return min(windows.sentence_chars or windows.stride_chars, windows.stride_chars)


def _detectors(old: Files, new: Files) -> Iterator[str]:
    after = {each.id: each for each in new.release.detectors}
    for before in old.release.detectors:
        same = after.get(before.id)
        if same is None or same.kind != before.kind:
            yield f"detector {before.id} is not there, or is of another kind"
        elif same.sha256 != before.sha256:
            yield from (f"{before.id}: {why}" for why in _files(before, old.read(before.path), new.read(same.path)))


def _files(detector: RequiredDetector, old: bytes, new: bytes) -> Iterator[str]:
    match detector.kind:
        case "rules":
            yield from _rules(rules_as_written(old, detector.path), rules_as_written(new, detector.path))
        case "encoder":
            yield from _encoder(load_encoder(old, detector.path), load_encoder(new, detector.path))
        case _:
            yield f"its file has another digest ({hashlib.sha256(new).hexdigest()})"


def _rules(
    old: tuple[tuple[Rule, ...], Mapping[str, str]], new: tuple[tuple[Rule, ...], Mapping[str, str]]
) -> Iterator[str]:
    (before, words), (rules, words_now) = old, new
    for word, text in words.items():
        if words_now.get(word) != text:
            yield f"the word <{word}> is another, or is not there"
    after = {rule.id: rule for rule in rules}
    for rule in before:
        now = after.get(rule.id)
        if now is None:
            yield f"rule {rule.id} is not there"
        elif now.fact != rule.fact or rule.value not in {now.value, UNKNOWN}:
            yield f"rule {rule.id} says something else"
        elif not set(now.surfaces) >= set(rule.surfaces):
            yield f"rule {rule.id} looks in fewer places"
        elif not set(now.all) <= set(rule.all):
            yield f"rule {rule.id} asks for another pattern"


def _encoder(old: Encoder, new: Encoder) -> Iterator[str]:
    close = new.close if old.close else 0  # windows that were not there only find more
    frame = msgspec.structs.replace(new, head=old.head, canary=old.canary, near=old.near, close=close, early=old.early)
    if frame != old:
        yield "its weights, its tokenizer or its windows are others"
    if old.near and not 0 < new.near <= old.near:
        yield "less would come near a threshold"
    for fact, score in old.early.items():
        if new.early.get(fact, 1.0) > score:
            yield f"{fact} would be left unknown later"
    if not set(new.canary) >= set(old.canary):
        yield "a canary is not there"
    after = {head.fact: head for head in new.head}
    for head in old.head:
        now = after.get(head.fact)
        if now is None or _body(now) != _body(head):
            yield f"the head of {head.fact} is another, or is not there"
        elif now.yes > head.yes or now.unknown > head.unknown:
            yield f"a threshold of {head.fact} is higher"


def _body(head: Head) -> Head:
    return msgspec.structs.replace(head, unknown=0.5, yes=0.5)
