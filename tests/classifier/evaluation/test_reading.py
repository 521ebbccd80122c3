# SPDX-License-Identifier: Apache-2.0
"""Any file of rows is read through a map of its columns, and what cannot be read is said with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brightline.classifier.corpus import Call, Message, RowSurface
from brightline.classifier.evaluation import records
from brightline.classifier.evaluation.probe import Probe, answer_to, score_of, shown
from brightline.classifier.evaluation.reading import Columns, read_benign, read_source
from brightline.core.errors import ConfigError
from brightline.core.exchange.model import Role
from tests.classifier.evaluation.rows import PAIR, corpus, lines_of, row

MAPPED = Columns(text="prompt", label="bad", question="=weapons")


def test_a_corpus_of_ours_needs_no_columns_and_each_of_its_facts_is_a_question(tmp_path: Path) -> None:
    facts = {"social_scoring": "no", "high_stakes": "yes", "acts_alone": "unknown", "private_info": "yes"}
    source = read_source(corpus(tmp_path, row(1, line="decisions", facts=facts, pair="")), Columns())
    (probe,) = source.probes
    assert probe.truths == {"decisions": "unknown"} | facts
    assert (source.name, probe.source, probe.lang) == ("author-99", "author-99", "en")
    assert source.author is not None
    assert source.author.kind == "model"


def test_where_nothing_is_at_stake_it_is_not_asked_whether_a_machine_acts_alone(tmp_path: Path) -> None:
    facts = {"social_scoring": "no", "high_stakes": "no", "acts_alone": "yes"}
    (probe,) = read_source(corpus(tmp_path, row(1, line="decisions", facts=facts)), Columns()).probes
    assert probe.truths == {"decisions": "no", "social_scoring": "no", "high_stakes": "no"}


def test_json_lines_and_tables_with_the_same_cells_are_the_same_probes(tmp_path: Path) -> None:
    columns = Columns(
        text="prompt", label="bad", yes=("harmful",), question="=weapons", pair="twin", surface="place", lang="=fr"
    )
    cells = [
        {"prompt": "Fire, then\nask.", "bad": "Harmful", "twin": "a", "place": "loop"},
        {"prompt": 'He said "no".', "bad": "fine", "twin": "a", "place": "prompt"},
    ]
    lines = lines_of(tmp_path / "rows.jsonl", cells)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "rows.json").write_text(json.dumps(cells), "utf-8")
    (tmp_path / "table").mkdir()
    table = tmp_path / "table" / "rows.csv"
    table.write_bytes(
        b"\xef\xbb\xbfprompt,bad,twin,place\r\n"
        b'"Fire, then\nask.",Harmful,a,loop\r\n"He said ""no"".",fine,a,prompt\r\n'
    )
    read = [read_source(path, columns).probes for path in (lines, tmp_path / "list" / "rows.json", table)]
    assert read[0] == read[1] == read[2]
    first, second = read[0]
    assert first.truths == {"weapons": "yes"}
    assert second.truths == {"weapons": "no"}
    assert (first.surface, first.lang, first.pair, first.text) == (RowSurface.LOOP, "fr", "a", "Fire, then\nask.")


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "a\u2028b", "bad": 1}, ensure_ascii=False) + "\n", "utf-8")
    (probe,) = read_source(path, MAPPED).probes
    assert probe.text == "a\u2028b"


def test_labels_of_the_usual_words_need_no_list_and_others_do(tmp_path: Path) -> None:
    values = [True, 0, "unknown", "No"]
    path = lines_of(tmp_path / "rows.jsonl", [{"prompt": "x", "bad": value} for value in values])
    assert [probe.truths["weapons"] for probe in read_source(path, MAPPED).probes] == ["yes", "no", "unknown", "no"]
    lines_of(path, [{"prompt": "x", "bad": "severe"}])
    with pytest.raises(ConfigError, match=r"row 1: the label is 'severe'; say with --yes"):
        read_source(path, MAPPED)


def test_tool_calls_and_conversations_are_read_as_chat_apis_write_them(tmp_path: Path) -> None:
    path = lines_of(
        tmp_path / "rows.jsonl",
        [
            {"call": {"function": {"name": "fire", "arguments": '{"at": "dawn"}'}}, "talk": "", "bad": 1},
            {"call": None, "talk": [{"role": "developer", "content": [{"type": "text", "text": "Hi"}]}], "bad": 0},
            {"call": '{"name": "stop", "arguments": {}}', "talk": [], "bad": 0},
        ],
    )
    columns = Columns(tool_call="call", messages="talk", label="bad", question="=weapons")
    first, second, third = read_source(path, columns).probes
    assert (first.tool_call, first.surface) == (Call("fire", {"at": "dawn"}), RowSurface.TOOL_CALL)
    assert (second.messages, second.surface) == ((Message("system", "Hi"),), RowSurface.CONVERSATION)
    assert third.tool_call == Call("stop", {})


@pytest.mark.parametrize(
    ("name", "content", "columns", "why"),
    [
        ("r.jsonl", '{"prompt": "x"}', Columns(text="prompt"), "name its columns, with --label and one of --line"),
        ("r.jsonl", '{"prompt": "x", "bad": 1}', Columns(label="bad", question="=weapons"), "name --text, --messages"),
        ("r.jsonl", '{"text": "x", "bad": 1}', MAPPED, "row 1: there is no column 'prompt'; it has text, bad"),
        ("r.jsonl", '{"prompt": "x", "bad": 1}\n{"prompt": ', MAPPED, "line 2: no JSON"),
        ("r.jsonl", "[1]", MAPPED, "line 1: no object"),
        ("r.jsonl", '{"prompt": " ", "bad": 1}', MAPPED, "row 1: it says nothing"),
        ("r.jsonl", '{"prompt": 7, "bad": 1}', MAPPED, "'prompt' is no text"),
        ("r.jsonl", "", MAPPED, "holds no rows"),
        ("r.json", '{"prompt": "x"}', MAPPED, "no list of objects"),
        ("r.csv", "prompt,bad\nx\n", MAPPED, "more or fewer cells"),
        ("r.csv", 'prompt,bad\n"x,1\n', MAPPED, "no table"),
        ("r.parquet", "x", MAPPED, "rows are read from .jsonl"),
        (
            "r.jsonl",
            '{"prompt": "x", "bad": 1}',
            Columns(text="prompt", label="bad", question="=tanks"),
            "'tanks' is no red line",
        ),
        (
            "r.jsonl",
            '{"prompt": "x", "bad": 1}',
            Columns(text="prompt", label="bad", question="=weapons", surface="=screen"),
            "surface 'screen'; expected one of prompt, output",
        ),
        (
            "r.jsonl",
            '{"call": {"name": 1}, "bad": 1}',
            Columns(tool_call="call", label="bad", question="=weapons"),
            "no tool call",
        ),
        (
            "r.jsonl",
            '{"talk": [{"role": "judge", "content": "x"}], "bad": 1}',
            Columns(messages="talk", label="bad", question="=weapons"),
            "a message has a role",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(
    name: str, content: str, columns: Columns, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=why):
        read_source(tmp_path / name, columns)


def test_files_rows_and_texts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines_of(tmp_path / "rows.jsonl", [{"prompt": "x", "bad": 1}] * 3)
    monkeypatch.setattr(records, "ROWS_MAX", 2)
    with pytest.raises(ConfigError, match="more than 2 rows"):
        read_source(path, MAPPED)
    monkeypatch.setattr(records, "FILE_BYTES_MAX", 20)
    with pytest.raises(ConfigError, match="larger than 20 bytes"):
        read_source(path, MAPPED)


def test_what_is_no_text_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"prompt": "\xff", "bad": 1}')
    with pytest.raises(ConfigError, match="no UTF-8"):
        read_source(path, MAPPED)


def test_benign_rows_are_all_that_a_file_has_and_of_a_corpus_those_that_cross_nothing(tmp_path: Path) -> None:
    texts = tmp_path / "small.txt"
    texts.write_text("Hello.\n\nHow are you?\n", "utf-8")
    assert [probe.text for probe in read_benign(texts).probes] == ["Hello.", "How are you?"]
    turns = lines_of(tmp_path / "chat.jsonl", [{"turns": ["Hello.", "And you?"]}])
    (probe,) = read_benign(turns, "talk").probes
    assert [message.content for message in probe.messages] == ["Hello.", "And you?"]
    assert (probe.source, probe.truths) == ("talk", {"surveillance": "no", "weapons": "no", "decisions": "no"})
    assert [probe.id for probe in read_benign(corpus(tmp_path, *PAIR)).probes] == ["99-2"]
    other = lines_of(tmp_path / "other.jsonl", [{"words": "Hello."}])
    assert read_benign(other, "", "words").probes[0].text == "Hello."
    answers = read_benign(other, "", "words", "output").probes
    assert (answers[0].surface, answers[0].text) == (RowSurface.OUTPUT, "Hello.")
    with pytest.raises(ConfigError, match="benign rows are prompts or outputs, not 'loop'"):
        read_benign(other, "", "words", "loop")
    head = {"corpus": "chat", "kind": "everyday", "origin": "us", "licence": "MIT"}
    everyday = lines_of(tmp_path / "everyday.jsonl", [head, {"text": "Hello."}])
    assert [probe.text for probe in read_benign(everyday).probes] == ["Hello."]
    with pytest.raises(ConfigError, match=r"none of its columns \(words\) is text"):
        read_benign(other)


def test_what_is_shown_is_the_exchange_in_which_it_would_be_met() -> None:
    say = [Message("user", "Hello."), Message("assistant", "Yes?")]
    truths: dict[str, object] = {}

    def of(**given: object) -> object:
        seen = shown(Probe("1", "s", truths, **given))  # type: ignore[arg-type]
        asked = [(turn.role, turn.texts[0]) for turn in seen.exchange.turns]
        answer = seen.reply.choices[0] if seen.reply else None
        return asked, answer.text if answer else None, [call.arguments for call in answer.calls] if answer else []

    user, model = Role.USER, Role.ASSISTANT
    assert of(text="x") == ([(user, "x")], None, [])
    assert of(text="x", asked="why", surface=RowSurface.OUTPUT) == ([(user, "why")], "x", [])
    assert of(text="x", surface=RowSurface.OUTPUT) == ([(user, "Go on.")], "x", [])
    assert of(text="x", tool_call=Call("f", {"a": "é"})) == ([(user, "x")], "", ['{"a": "é"}'])
    assert of(messages=tuple(say)) == ([(user, "Hello.")], "Yes?", [])
    assert of(messages=(*say, Message("user", "Go."))) == (
        [(user, "Hello."), (model, "Yes?"), (user, "Go.")],
        None,
        [],
    )


@pytest.mark.parametrize(
    ("question", "facts", "answer"),
    [
        ("surveillance", {"mass_domestic": "yes"}, "yes"),
        ("weapons", {}, "unknown"),
        ("us_person", {"us_person": "no"}, "no"),
        ("decisions", {"social_scoring": "no", "high_stakes": "yes", "acts_alone": "yes"}, "yes"),
        ("decisions", {"social_scoring": "no", "high_stakes": "yes"}, "unknown"),
    ],
)
def test_facts_answer_a_question_and_what_is_not_there_is_unknown(
    question: str, facts: dict[str, str], answer: str
) -> None:
    assert answer_to(question, facts) == answer


def test_scores_rank_as_answers_do_and_there_is_none_without_all() -> None:
    assert score_of("surveillance", {"mass_domestic": 0.4}) == 0.4
    assert score_of("decisions", {"social_scoring": 0.2, "high_stakes": 0.9, "acts_alone": 0.3}) == 0.3
    assert score_of("decisions", {"social_scoring": 0.8, "high_stakes": 0.9, "acts_alone": 0.3}) == 0.8
    assert score_of("decisions", {"high_stakes": 0.9, "acts_alone": 0.3}) is None
    assert score_of("us_person", {}) is None
