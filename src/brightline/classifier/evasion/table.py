# SPDX-License-Identifier: Apache-2.0
"""The 66 classes: the disguises of texts and conversations, and the tests of what only bytes and fields can have.

``TRANSFORMS`` is what evaluation and training use; ``ON_THE_WIRE`` names for each other class what covers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from brightline.classifier.evasion import characters, encodings, tokens, turns, wording
from brightline.classifier.evasion.disguise import Evasion, OnTheWire, TextWay, TurnsWay, Undone

_OF_LETTERS_AND_WORDS: Final = frozenset({*range(1, 23), 29, 30, 33, 36})
"""Classes that change how each word is written. The others put a frame around one text."""


def _text(number: int, name: str, way: TextWay, undone: Undone) -> Evasion:
    return Evasion(
        id=name,
        number=number,
        does=(way.__doc__ or "").strip(),
        undone=undone,
        everywhere=number in _OF_LETTERS_AND_WORDS,
        text=way,
    )


def _turns(number: int, name: str, way: TurnsWay) -> Evasion:
    does = (way.__doc__ or "").strip()
    return Evasion(id=name, number=number, does=does, undone=Undone.CLASSIFIERS, turns=way)


_VIEWS: Final = Undone.VIEWS
_CLASSIFIERS: Final = Undone.CLASSIFIERS
_ALL: Final = (
    _text(1, "tags", characters.tags, _VIEWS),
    _text(2, "variation-selectors", characters.selectors, _VIEWS),
    _text(3, "zero-width", characters.zero_width, _VIEWS),
    _text(4, "bidi", characters.bidi, _VIEWS),
    _text(5, "homoglyphs", characters.homoglyphs, _VIEWS),
    _text(6, "zalgo", characters.zalgo, _VIEWS),
    _text(7, "fullwidth", characters.fullwidth, _VIEWS),
    _text(7, "mathematical", characters.mathematical, _VIEWS),
    _text(8, "upside-down", characters.upside_down, _VIEWS),
    _text(8, "enclosed", characters.enclosed, _VIEWS),
    _text(9, "regional-indicators", characters.regional, _VIEWS),
    _text(10, "soft-hyphens", characters.soft_hyphens, _VIEWS),
    _text(11, "compatibility-forms", characters.compatible, _VIEWS),
    _text(12, "case-traps", characters.case_traps, _VIEWS),
    _text(13, "emoji-in-words", characters.emoji_in_words, _VIEWS),
    _text(15, "base64", encodings.in_base64, _VIEWS),
    _text(15, "base32", encodings.in_base32, _VIEWS),
    _text(15, "base85", encodings.in_base85, _VIEWS),
    _text(16, "nested", encodings.nested, _VIEWS),
    _text(16, "nested-thrice", encodings.nested_thrice, _VIEWS),
    _text(17, "hex", encodings.in_hex, _VIEWS),
    _text(17, "escapes", encodings.in_octal, _VIEWS),
    _text(17, "percent", encodings.in_percent, _VIEWS),
    _text(17, "entities", encodings.in_entities, _VIEWS),
    _text(17, "numbers", encodings.in_numbers, _VIEWS),
    _text(18, "rot13", encodings.rot13, _VIEWS),
    _text(18, "caesar", encodings.caesar, _VIEWS),
    _text(18, "atbash", encodings.atbash, _VIEWS),
    _text(19, "leet", encodings.leet, _VIEWS),
    _text(20, "morse", encodings.morse, _VIEWS),
    _text(20, "braille", encodings.braille, _VIEWS),
    _text(20, "binary", encodings.binary, _VIEWS),
    _text(21, "pig-latin", encodings.pig_latin, _CLASSIFIERS),
    _text(21, "reversed", encodings.reversed_text, _VIEWS),
    _text(21, "reversed-words", encodings.reversed_words, _VIEWS),
    _text(22, "spaced-letters", encodings.spaced, _VIEWS),
    _text(23, "acrostic", encodings.acrostic, _VIEWS),
    _text(24, "ascii-art", encodings.drawn, _CLASSIFIERS),
    _text(25, "cipher-chat", encodings.cipher_chat, _VIEWS),
    _text(26, "answer-encoded", encodings.answer_encoded, _CLASSIFIERS),
    _text(27, "code", encodings.code, _VIEWS),
    _text(28, "packed", encodings.packed, _VIEWS),
    _text(29, "token-break", tokens.token_break, _CLASSIFIERS),
    _text(30, "token-confusion", tokens.token_confusion, _CLASSIFIERS),
    _text(31, "suffix", tokens.suffix, _CLASSIFIERS),
    _text(32, "flipped-words", tokens.flipped_words, _CLASSIFIERS),
    _text(32, "flipped-letters", tokens.flipped_letters, _VIEWS),
    _text(33, "best-of-n", tokens.best_of_n, _CLASSIFIERS),
    _text(34, "padding", tokens.padded, _CLASSIFIERS),
    _text(35, "forged-verdict", tokens.forged, _CLASSIFIERS),
    _text(36, "code-switching", wording.code_switched, _CLASSIFIERS),
    _text(36, "romanised", wording.romanised, _CLASSIFIERS),
    _text(37, "past-tense", wording.past_tense, _CLASSIFIERS),
    _text(38, "role-play", wording.role_play, _CLASSIFIERS),
    _text(38, "policy-puppetry", wording.policy_puppetry, _CLASSIFIERS),
    _text(39, "many-shot", wording.many_shot, _CLASSIFIERS),
    _turns(40, "crescendo", turns.crescendo),
    _turns(41, "payload-over-turns", turns.payload_over_turns),
    _text(43, "code-names", wording.code_names, _CLASSIFIERS),
    _text(44, "false-authority", wording.false_authority, _CLASSIFIERS),
    _turns(56, "tool-result", turns.tool_result),
    _turns(62, "prefill", turns.prefill),
    _turns(66, "continued", turns.continued),
)

TRANSFORMS: Final[Mapping[str, Evasion]] = MappingProxyType({evasion.id: evasion for evasion in _ALL})
"""Every disguise by its id, in the order of the classes."""

_STRICT: Final = "tests/conformance/test_strict_in.py"
_NO_WAY: Final = "tests/conformance/test_no_way_past.py"
_CHAT: Final = "tests/coverage/test_chat.py"
_RESPONSES: Final = "tests/coverage/test_responses.py"
_SSE: Final = "tests/core/exchange/test_sse.py"
_TWICE: Final = f"{_STRICT}::test_what_two_parsers_could_read_differently_is_refused_with_its_place"
_FRAMED: Final = f"{_STRICT}::test_what_is_not_exactly_one_request_is_refused_and_the_connection_closed"
_FAULT: Final = f"{_STRICT}::test_what_is_a_request_and_not_ours_is_refused_by_its_fault"
_PLACES: Final = (
    f"{_CHAT}::test_whatever_carries_words_in_a_request_is_judged_or_refused",
    f"{_RESPONSES}::test_whatever_carries_words_in_a_request_is_judged_or_refused",
)
_UNCARRIED: Final = (
    "tests/conformance/test_sdk.py::test_what_is_not_carried_is_refused_by_name",
    "tests/conformance/test_responses.py::test_what_is_not_carried_is_refused_by_name_and_is_on_record",
)
_PIECES: Final = f"{_CHAT}::test_words_in_pieces_over_the_events_of_a_stream_are_judged_or_stay_here"

ON_THE_WIRE: Final = (
    OnTheWire(14, "Invalid and overlong UTF-8.", (_TWICE,)),
    OnTheWire(42, "One task in many requests, keys or callers: no single exchange holds it.", ()),
    OnTheWire(45, "Names that stand twice, escaped or in another case.", (_TWICE,)),
    OnTheWire(46, "NaN, huge numbers, depth.", (_TWICE,)),
    OnTheWire(47, "Two lengths, bare line ends.", (_FRAMED,)),
    OnTheWire(48, "Tricks with host and path.", (_FAULT, f"{_NO_WAY}::test_every_row_of_the_leak_table_blocks")),
    OnTheWire(49, "Other character sets and content types.", (_FAULT,)),
    OnTheWire(50, "Compressed bodies.", (_FAULT,)),
    OnTheWire(
        51,
        "Bodies that are too large or too slow.",
        (
            f"{_STRICT}::test_more_bytes_than_one_exchange_has_are_refused",
            f"{_STRICT}::test_who_does_not_finish_in_time_is_cut_while_others_are_served",
        ),
    ),
    OnTheWire(
        52,
        "Texts that make patterns slow.",
        ("tests/core/screening/test_views.py::test_four_times_the_text_is_at_most_four_times_the_work",),
    ),
    OnTheWire(53, "Other methods, upgrades.", (_FAULT,)),
    OnTheWire(54, "Names, descriptions and schemas of tools.", _PLACES),
    OnTheWire(55, "Arguments of a call in pieces.", (_PIECES,)),
    OnTheWire(57, "Fields beside the messages.", _PLACES),
    OnTheWire(58, "Token ids, suffix, echo, biases.", _UNCARRIED),
    OnTheWire(
        59,
        "Other choices, chances of tokens, reasoning, refusals.",
        (f"{_CHAT}::test_whatever_carries_words_in_an_answer_is_judged_or_stays_here",),
    ),
    OnTheWire(60, "State that a server keeps.", _UNCARRIED),
    OnTheWire(61, "Tools that the server runs.", _UNCARRIED),
    OnTheWire(
        63, "Images, sound, files, addresses.", ("tests/conformance/test_sdk.py::test_an_image_is_refused_by_name",)
    ),
    OnTheWire(
        64,
        "Words that are cut at every byte and event of a stream.",
        (_PIECES, f"{_SSE}::test_recorded_streams_give_the_same_events_cut_at_every_byte"),
    ),
    OnTheWire(
        65,
        "Odd line ends, several lines of data, comments, data after the end.",
        (
            f"{_SSE}::test_recorded_streams_give_the_same_events_whatever_ends_their_lines",
            f"{_CHAT}::test_whatever_carries_words_beside_what_is_read_of_a_stream_stays_here",
        ),
    ),
)
"""Each class that no text has, and the tests of the gateway that cover it; without one, nothing covers it yet."""
