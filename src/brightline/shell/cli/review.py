# SPDX-License-Identifier: Apache-2.0
"""``brightline review``: what waits for cleared people, and their signed answers, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import Subject
from brightline.core.agreement.request import bad_value
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError
from brightline.core.review.case import CaseQuestion, CaseState
from brightline.core.review.content import Content
from brightline.core.review.decision import APPROVE, REFUSE, Answer
from brightline.core.review.quorum import quorum_in_words
from brightline.core.review.staffing import missing_people
from brightline.shell.cli import render, review_deny, review_queue
from brightline.shell.cli.review_queue import working_at
from brightline.shell.cli.review_sign import signed_in_console
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import sign_and_log
from brightline.shell.review.desk import Desk, OpenedCase, offices_wanted
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from brightline.terminal import minute, span

if TYPE_CHECKING:
    from rich.text import Text

_STYLES: Final = {
    CaseState.OPEN: "yellow",
    CaseState.RELEASED: "green",
    CaseState.USED: "green",
    CaseState.DENIED: "red",
    CaseState.EXPIRED: "bright_black",
}
_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_HOLD = click.argument("hold")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def review() -> None:
    """What machines could not settle, for cleared people to answer.

    People supply facts and approvals; the agreement decides again. There is no release and no override.
    """


@review.command("list")
@_STATE
@click.option("--all", "everything", is_flag=True, help="Also those that were decided or have expired.")
@_JSON
def list_(state: Path, everything: bool, as_json: bool) -> None:
    """List the holds that wait, the one that expires first before the others."""
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        cases = Desk(state, registry.decisions.docket).cases()
    shown = [each for each in cases if everything or each.state(now) is CaseState.OPEN]
    if as_json:
        click.echo(render.as_json([_summary(each, now) for each in shown]))
        return
    rows: list[list[object]] = [
        [
            each.case.hold,
            _state_text(each, now),
            span(now - each.case.opened),
            span(each.case.expires - now) if each.state(now) is CaseState.OPEN else "–",
            each.case.unit,
            each.case.workload,
            ", ".join(question.name for question in each.tried.open_questions()) or "–",
            ", ".join(offices_wanted(each)) or "–",
        ]
        for each in shown
    ]
    columns = ["hold", "state", "age", "expires in", "unit", "workload", "asks about", "of whom"]
    render.table("Holds", columns, rows)


@review.command()
@_STATE
@_HOLD
@_JSON
def show(state: Path, hold: str, as_json: bool) -> None:
    """Show HOLD: what was asked, which words could not be told, the questions, and what each answer leads to.

    The words are those of somebody who is not trusted. Control characters are drawn, never sent to the terminal.
    """
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        desk = Desk(state, registry.decisions.docket)
        opened = desk.find(hold)
        content = desk.content(opened)
        agreement = registry.releases.current
    leads = [(question, _leads_to(agreement, question)) for question in opened.case.questions]
    if as_json:
        value = _summary(opened, now) | {
            "clauses": list(opened.case.clauses),
            "content": msgspec.to_builtins(content),
            "leads_to": {question.name: list(lines) for question, lines in leads},
        }
        click.echo(render.as_json(value))
        return
    _show_case(opened, agreement, now)
    _show_questions(opened, leads)
    _show_words(content)


@review.command()
@_STATE
@_HOLD
@click.option("--as", "person", required=True, metavar="PERSON", help="Your id on the roster.")
@click.option("--answer", "answers", multiple=True, required=True, metavar="NAME=VALUE", help="Repeat for more.")
@click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
@click.option("--token", type=int, help="The token of your claim; without it, the claim that you hold now.")
@click.option(
    "--key",
    "key_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your private key; without it, in development, the one of the state folder.",
)
@click.option("--passkey", is_flag=True, help="Sign with your passkey or security key: on the console, in a browser.")
@_JSON
def decide(
    state: Path,
    hold: str,
    person: str,
    answers: tuple[str, ...],
    reason: str,
    token: int | None,
    key_path: Path | None,
    passkey: bool,
    as_json: bool,
) -> None:
    """Answer questions of HOLD, and sign: NAME is a fact with its value, or an office with approve or refuse.

    What you sign is the whole case: the exact words, the agreement, the release, until when. One person counts once;
    nobody decides what they requested. Where there is a queue, you decide what you have claimed, and a claim that was
    lost meanwhile stops it before anything is logged. With --passkey the console, which must run, shows what you sign,
    and this waits until you have; the record is the one that the console writes.
    """
    if passkey and key_path is not None:
        raise ConfigError("give --passkey or --key FILE")
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        opened = Desk(state, registry.decisions.docket).find(hold)
        given = tuple(_answer(opened, text, reason) for text in answers)
        if person not in registry.roster:
            raise ConfigError(f"{person[:80]!r} is not on the roster; `brightline review roster` lists who is")
        with working_at(state, settings, registry, clock, opened.case.hold, person, token) as still_held:
            if passkey:
                seq = signed_in_console(state, registry, opened, person, given, clock)
            else:
                seq = sign_and_log(
                    state,
                    settings,
                    registry.roots.profile,
                    registry.decisions,
                    opened.case,
                    person,
                    given,
                    load_key(key_path or StateFolder(state).key(person)),
                    clock,
                    f"{opened.shard}/{opened.seq}",
                    still_held,
                ).place.seq
        registry.refresh()
        ignored = registry.decisions.why_ignored(seq)
        after = Desk(state, registry.decisions.docket).find(opened.case.hold)
    if ignored:
        raise ConfigError(f"somebody was first, and your decision changed nothing: {ignored}")
    if as_json:
        click.echo(render.as_json(_summary(after, clock.unix()) | {"record": seq}))
        return
    click.echo(f"{after.case.hold}: {after.state(clock.unix()).value}; registry record {seq}")
    if wanted := offices_wanted(after):
        click.echo(f"still asked: {', '.join(wanted)}")


@review.command()
@_STATE
@_JSON
def roster(state: Path, as_json: bool) -> None:
    """List who is on the roster: office, roles, until when they are cleared. Both parties signed it.

    What an office lacks of what the agreement asks of it is said on standard error.
    """
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        people = tuple(registry.roster.values())
        missing = tuple(missing_people(registry.releases.current, people, now))
    for each in missing:
        click.echo(f"missing: {each}", err=True)
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(people)))
        return
    rows = [
        [
            each.id,
            each.office,
            each.organisation or "–",
            ", ".join(each.roles),
            ("" if each.cleared_until > now else "ended ")
            + datetime.fromtimestamp(each.cleared_until, UTC).strftime("%Y-%m-%d"),
            ", ".join(credential.kind.value for credential in each.credentials) or "none",
        ]
        for each in people
    ]
    render.table("Roster", ["person", "office", "organisation", "roles", "cleared until", "signs with"], rows)


review.add_command(review_queue.queue)
review.add_command(review_queue.claim)
review.add_command(review_queue.skip)
review.add_command(review_queue.migrate)
review.add_command(review_deny.deny)


# ---- what is said -----------------------------------------------------------------------------------------------


def _answer(opened: OpenedCase, text: str, reason: str) -> Answer:
    name, equals, value = text.partition("=")
    asked = {question.name: question for question in opened.case.questions}
    if not equals or name not in asked:
        raise ConfigError(f"{text[:80]!r}: expected NAME=VALUE, and this hold asks about {', '.join(asked)}")
    return Answer(asked[name].subject, name, value, reason)


def _leads_to(agreement: Agreement, question: CaseQuestion) -> tuple[str, ...]:
    """In plain words, what each answer means."""
    if question.subject is Subject.APPROVAL:
        return (
            f"{APPROVE}: the office approves of this exchange, this once",
            f"{REFUSE}: it stays held and is never answered",
        )
    spec = agreement.vocabulary.spec(question.name)
    return (
        f"{spec.good}: these words may be served to this workload until the answer ends, if all else permits",
        f"{bad_value(spec)}: the agreement decides with that, and nobody can release it",
    )


# ---- how it is shown --------------------------------------------------------------------------------------------


def _summary(opened: OpenedCase, now: int) -> dict[str, JsonValue]:
    case = opened.case
    return {
        "hold": case.hold,
        "case": case.digest,
        "state": opened.state(now).value,
        "unit": case.unit,
        "workload": case.workload,
        "opened": case.opened,
        "expires": case.expires,
        "exchange": opened.exchange,
        "record": f"{opened.shard}/{opened.seq}",
        "questions": [msgspec.to_builtins(question) for question in case.questions],
        # Until it is decided nobody is told what others said: whoever answers next looks at the words.
        "answers": {} if opened.state(now) is CaseState.OPEN else {k[1]: v for k, v in opened.tried.answers.items()},
        "answered": [name for _, name in opened.tried.answers],
        "wanted": list(offices_wanted(opened)),
    }


def _show_case(opened: OpenedCase, agreement: Agreement, now: int) -> None:
    case = opened.case
    rows: list[list[object]] = [
        ["state", _state_text(opened, now)],
        ["opened", f"{minute(case.opened)}, {span(now - case.opened)} ago"],
        ["expires", minute(case.expires)],
        ["unit, workload", f"{case.unit}, {case.workload}"],
        ["exchange", f"{opened.exchange}, record {opened.shard}/{opened.seq}"],
        ["agreement, release", f"{case.agreement[:23]}…, {case.release[:23]}…"],
    ]
    for clause in case.clauses:
        if case.agreement == agreement.digest:
            rows.append([f"clause {clause}", " … ".join(agreement.clause(clause).quote)])
    if case.appeal:
        rows.append(["an appeal", "against what was decided; only senior reviewers answer it"])
    if case.recused:
        rows.append(["may not decide", ", ".join(case.recused)])
    render.table(case.hold, ["", ""], rows)


def _show_questions(opened: OpenedCase, leads: Sequence[tuple[CaseQuestion, tuple[str, ...]]]) -> None:
    rows: list[list[object]] = []
    for question, lines in leads:
        votes = opened.tried.votes.get((question.subject, question.name), [])
        answered = opened.tried.answers.get((question.subject, question.name), "")
        if answered and opened.tried.open_questions() and not opened.tried.denied:
            answered = "by as many as must"
        about = (
            f"{_count(len(question.marks), 'stretch', 'stretches')} below" if question.marks else "the whole exchange"
        )
        quorum = quorum_in_words(question.quorum, opened.case.organisations)
        # The first answer is blind: how many have spoken is shown, and not what they said.
        rows.append(
            [question.name, about, quorum, answered or f"by {_count(len(votes), 'person', 'persons')}", lines[0]]
        )
        rows += [["", "", "", "", line] for line in lines[1:]]
    render.table("Questions", ["about", "words", "asked of", "answered", "what an answer leads to"], rows)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _show_words(content: Content) -> None:
    found: dict[str, list[str]] = {}
    for finding in content.findings:
        found.setdefault(finding.mark, []).append(f"{finding.fact}: {finding.rule} ({finding.view})")
    rows: list[list[object]] = [
        [str(place), segment.path, "\n".join(dict.fromkeys(found.get(segment.mark, []))), drawn(segment.text)]
        for place, segment in enumerate(content.segments, 1)
    ]
    if rows:
        render.table("Words that could not be told", ["", "where", "found by", "words"], _texts(rows))
    turns = content.request.get("turns", [])
    spoken: list[list[object]] = [
        [str(turn.get("role", "")), "\n".join(drawn(str(text)) for text in turn.get("texts", []))] for turn in turns
    ]
    if content.answer:
        spoken.append(["answer", drawn(content.answer)])
    render.table("The exchange", ["who", "words"], _texts(spoken))


def _texts(rows: list[list[object]]) -> list[list[object]]:
    from rich.text import Text

    return [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]


def drawn(text: str) -> str:
    """Text in which whatever has no picture of its own is drawn as its code point; line ends stay line ends."""
    return "".join(char if char.isprintable() or char == "\n" else f"⟨U+{ord(char):04X}⟩" for char in text)


def _state_text(opened: OpenedCase, now: int) -> Text:
    from rich.text import Text

    state = opened.state(now)
    return Text(state.value, style=_STYLES[state])
