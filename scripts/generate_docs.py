# SPDX-License-Identifier: Apache-2.0
"""Writes the parts of the documentation that the code already says, so that the two cannot drift apart.

A generated part stands between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` and is written from the one place in
the code where it is true: the table of states, the tree of errors, the settings, the commands, the shipped agreement
and the shipped release. ``docs/openapi.json`` is written whole, from the table of APIs. ``python
scripts/generate_docs.py`` writes them anew; ``--check`` writes nothing and exits with 1 if any differs
(``tests/docs/test_docs.py`` runs that).
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from brightline import __version__
from brightline.classifier.evasion.disguise import Undone
from brightline.classifier.evasion.table import ON_THE_WIRE, TRANSFORMS
from brightline.core import errors
from brightline.core.agreement.limits import KNOWN
from brightline.core.attestation.evidence import FORMS
from brightline.core.attestation.fault import Fault
from brightline.core.enforcement.states import CHOICE_TRANSITIONS, LATE, State, table_rows
from brightline.core.exchange.api.describe import description
from brightline.core.exchange.api.not_carried import NOT_CARRIED
from brightline.core.halt import Scope
from brightline.core.readiness import Check
from brightline.core.screening.release import Release
from brightline.core.screening.settle import JudgeFigures
from brightline.core.screening.trial import Compared, Stage
from brightline.core.standing import table_rows as table_rows_of_standing
from brightline.shell import shipped
from brightline.shell.cli.main import brightline
from brightline.shell.config import Settings
from brightline.shell.telemetry.metrics import Metrics
from brightline.verify.limits import LIMITS
from brightline.verify.sample.frauds import FRAUDS, Means

ROOT: Final = Path(__file__).resolve().parents[1]
BY_HAND: Final = frozenset({"capture"})
"""Marked parts that are no business of this script: the README's capture is the output of a run."""

DESCRIPTION: Final = ROOT / "docs" / "openapi.json"

_BLOCK: Final = re.compile(r"(<!-- ([a-z][a-z -]*):begin -->\n)(.*?)(<!-- \2:end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page of the documentation, in order."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def with_blocks(text: str) -> str:
    """A page with its generated parts written anew. Raises ``KeyError`` for a part that nothing here writes."""

    def written(found: re.Match[str]) -> str:
        name = found.group(2)
        if name in BY_HAND:
            return found.group(0)
        return f"{found.group(1)}{block(name)}\n{found.group(4)}"

    return _BLOCK.sub(written, text)


def files() -> dict[Path, str]:
    """Every file of the documentation with what should stand in it."""
    return {page: with_blocks(page.read_text("utf-8")) for page in pages()} | {
        DESCRIPTION: json.dumps(description(__version__), indent=2) + "\n"
    }


def block(name: str) -> str:
    """One generated part by its name. Raises ``KeyError``."""
    kind, _, path = name.partition(" ")
    if kind == "command":
        return command_reference(path)
    return BLOCKS[name]()


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table. Bars in cells are escaped."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# ---- the way of an exchange ----------------------------------------------------------------------------------


def states() -> str:
    """The table of states, as ``core/enforcement/states.py`` has it."""
    rows = [[f"`{state}`", f"`{event}`", _code(after.split(", "))] for state, event, after in table_rows()]
    return table(["in the state", "the event", "may lead to"], rows)


def late() -> str:
    """What is dropped without effect once the outcome is decided."""
    names = ", ".join(f"`{event.__name__}`" for event in LATE)
    return f"Dropped in `{State.CLOSING}` and in `{State.ENDED}`, because the outcome is decided: {names}."


def choices() -> str:
    """The states of one choice of an answer."""
    rows = [
        [f"`{state}`", _code([s for s in type(state) if s in after]) or "nothing"]
        for state, after in CHOICE_TRANSITIONS.items()
    ]
    return table(["a choice that is", "may become"], rows)


def diagram() -> str:
    """The table of states as a picture. Events that leave the state as it is are left to the table."""
    edges: dict[tuple[str, str], list[str]] = {}
    for state, event, after in table_rows():
        for next_state in after.split(", "):
            if next_state != state:
                edges.setdefault((state, next_state), []).append(event)
    lines = [f"    {a} --> {b}: {'<br/>'.join(events)}" for (a, b), events in edges.items()]
    first, last = next(iter(State)), State.ENDED
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, f"    {last} --> [*]", "```"])


# ---- errors and settings ---------------------------------------------------------------------------------------


def error_classes() -> list[type[errors.BrightlineError]]:
    """Every error of ours, in the order of the file."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.BrightlineError)
    ]


def error_table() -> str:
    """Every error with what its reader needs."""
    rows = []
    for error in error_classes():
        meaning = (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
        operator = issubclass(error, errors.OperatorError)
        rows.append(
            [
                f"`{error.__name__}`",
                "exit 2" if operator else str(error.status),
                "" if operator else f"`{error.type}`",
                "" if operator else f"`{error.code}`",
                meaning,
                error.next_step,
            ]
        )
    return table(["error", "HTTP", "`type`", "`code`", "what it means", "next step"], rows)


def refused_fields() -> str:
    """Fields that other servers know and that are refused, with the reason."""
    return table(["field", "why it is refused"], [[f"`{name}`", why] for name, why in sorted(NOT_CARRIED.items())])


def setting_rows(model: type[BaseModel], prefix: str = "") -> Iterator[list[str]]:
    """One row for each setting: name, default, range, description."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        arguments = get_args(kind)
        if isinstance(kind, type) and not arguments and issubclass(kind, BaseModel):
            yield from setting_rows(kind, f"{prefix}{name}.")
        elif arguments and isinstance(arguments[-1], type) and issubclass(arguments[-1], BaseModel):
            yield from setting_rows(arguments[-1], f"{prefix}{name}.<name>.")
        else:
            default = '`""`' if field.default == "" else f"`{field.default}`"
            default = "required" if field.is_required() else default
            yield [f"`{prefix}{name}`", default, _range(field), field.description or ""]


_KINDS: Final = {str(int): "whole number", str(float): "number", str(str): "text"}


def _range(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    said = [
        f"{sign} {getattr(limit, name):,}"
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    said += [f"`{limit.pattern}`" for limit in field.metadata if getattr(limit, "pattern", None)]
    return ", ".join([_KINDS.get(str(field.annotation), "value"), *said])


def settings() -> str:
    """Every deployment setting."""
    return table(["setting", "default", "range", "what it is"], list(setting_rows(Settings)))


# ---- commands -----------------------------------------------------------------------------------------------------


def commands(group: click.Group = brightline, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its path below ``brightline``."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        elif command is not None:
            yield f"{prefix}{name}", command


def command_reference(path: str) -> str:
    """What one command takes. Raises ``KeyError`` if there is no such command."""
    command = dict(commands())[path]
    words = inspect.cleandoc(command.help or "").split("\n\n")
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    usage = " ".join(["brightline", path, *(a.make_metavar(click.Context(command)) for a in arguments), "[OPTIONS]"])
    rows = [[f"`{_option(option, command)}`", _default(option), _meaning(option)] for option in options]
    parts = ["```text", usage if options else usage.removesuffix(" [OPTIONS]"), "```", "", *_paragraphs(words)]
    return "\n".join([*parts, *(["", table(["option", "default", "what it does"], rows)] if rows else [])])


def _paragraphs(words: list[str]) -> list[str]:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in words).split("\n")


def _option(option: click.Option, command: click.Command) -> str:
    name = ", ".join(option.opts)
    return name if option.is_flag else f"{name} {option.make_metavar(click.Context(command))}"


def _meaning(option: click.Option) -> str:
    words = [option.help or ""]
    if isinstance(option.type, click.IntRange):
        words.append(f"{option.type.min:,} to {option.type.max:,}.")
    return " ".join(filter(None, words))


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    default = option.to_info_dict()["default"]
    if option.is_flag or not isinstance(default, str | int | float) or default == "":
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


# ---- the shipped agreement and release ----------------------------------------------------------------------------


def facts() -> str:
    """The facts of the shipped agreement."""
    agreement = shipped.read_agreement(shipped.shipped_agreement())
    rows = []
    for spec in agreement.vocabulary.specs:
        settled = ", ".join(f"{count} of `{office}`" for office, count in spec.settled_by) or "nobody"
        rows.append([f"`{spec.name}`", f"`{spec.good}`", ", ".join(sorted(spec.set_by)), settled])
    return table(["fact", "good value", "stated by", "people may settle an unknown"], rows)


def clauses() -> str:
    """The clauses of the shipped agreement: their words, and the formula that encodes them."""
    file = tomllib.loads((shipped.shipped_agreement() / "agreement.toml").read_text("utf-8"))
    rows = []
    for name, clause in file["clause"].items():
        for kind in ("redline", "deny", "grant", "require"):
            if kind in clause:
                formula = clause[kind]
                said = f"when `{formula['when']}`, then `{formula['that']}`" if kind == "require" else f"`{formula}`"
                rows.append([name, kind, said, " … ".join(f"“{quote}”" for quote in clause["quote"])])
    return table(["clause", "kind", "formula", "the words that it encodes"], rows)


def _release() -> Release:
    vocabulary = shipped.read_agreement(shipped.shipped_agreement()).vocabulary
    return shipped.read_release(shipped.shipped_release(), vocabulary)


def release() -> str:
    """What the shipped release says of itself."""
    found = _release()
    windows = found.windows
    return "\n".join(
        [
            f"- id: `{found.id}`",
            f"- its own words: {found.note}",
            f"- detectors that must answer: {', '.join(f'`{d.id}` (kind {d.kind})' for d in found.detectors)}",
            f"- deadline for all of them: {found.deadline_seconds:g} s",
            f"- a segment has at most {windows.window_chars:,} characters; "
            f"neighbours overlap by {windows.overlap_chars:,}",
            f"- a stream is asked about every {windows.stride_chars} characters and let out "
            f"{windows.holdback_chars} characters behind what is judged",
        ]
    )


def entitlements() -> str:
    """For which facts silence may be taken for ``no``, and how often that is wrong as measured."""
    rows = [
        [f"`{e.fact}`", f"`{e.value}`", f"`{e.detector}`", f"{e.misses} of {e.positives}", e.corpus]
        for e in _release().entitlements
    ]
    return table(["fact", "silence means", "detector", "missed", "corpus"], rows)


_ANSWERS: Final = {Undone.VIEWS: "the views read it back", Undone.CLASSIFIERS: "left to the classifiers"}


def disguises() -> str:
    """The 66 classes of ways past a classifier, each with who answers it."""
    rows = [
        (evasion.number, [str(evasion.number), f"`{evasion.id}`", evasion.does, _ANSWERS[evasion.undone]])
        for evasion in TRANSFORMS.values()
    ]
    for one in ON_THE_WIRE:
        tests = ", ".join(f"`{test}`" for test in one.tests) or "nothing yet: it takes findings across requests"
        rows.append((one.number, [str(one.number), "on the wire", one.does, tests]))
    return table(["class", "disguise", "what it does", "who answers"], [row for _, row in sorted(rows)])


def ladder() -> str:
    """The ladder of standing, as ``core/standing.py`` has it."""
    rows = [list(row) for row in table_rows_of_standing()]
    return table(["a unit that is", "what happens", "who says it", "is then"], rows)


def agreed_limits() -> str:
    """The numbers that an agreement may fix. One that is not here is refused, because nothing would enforce it."""
    rows = [[f"`{limit}`", known.says, known.tighter.value, f"{known.silent:,}"] for limit, known in KNOWN.items()]
    return table(["limit", "what it is", "tighter is", "while the agreement is silent"], rows)


def frauds() -> str:
    """The attack suite: what is done, and with what in hand it is contradicted. A test runs every row."""
    rows = []
    for fraud in FRAUDS:
        seen = ["✕" if fraud.catches(means) else "–" for means in Means]
        rows.append([f"`{fraud.name}`", fraud.row, fraud.deed, *seen, fraud.others])
    return table(["fraud", "cheat", "what is done", *(means.value for means in Means), "who else"], rows)


def limits() -> str:
    """What no evidence of this kind can prove, as every report says it."""
    return table(["what", "why", "who or what could show it"], [[row.matter, row.why, row.who] for row in LIMITS])


class _Idle:
    """A node that does nothing, for the names of its metrics."""

    under_way = (0, 0)
    without_record: Mapping[str, int] = {}
    halts: Mapping[Scope, int] = {}
    log_sizes = (0, 0, -1)
    terms_names: Mapping[str, str] = {}
    fresh_until: int | None = None
    holds_waiting = (0, 0)
    trial: tuple[Stage, Compared] | None = None
    judge: tuple[bool, JudgeFigures] | None = None
    read_again: tuple[Mapping[str, int], Mapping[str, int], int] = ({}, {}, 0)

    def faults(self) -> tuple[str, ...]:
        """None."""
        return ()

    def readiness(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def checks(self) -> tuple[Check, ...]:
        """Nothing."""
        return ()


def metrics() -> str:
    """Every metric of our own."""
    rows = [[f"`{name}`", kind, meaning] for name, kind, meaning in Metrics(_Idle).described()]
    return table(["metric", "kind", "what it is"], sorted(rows))


# ---- attestation ---------------------------------------------------------------------------------------------------


def attestation_kinds() -> str:
    """Each kind of evidence, and the parts that it takes."""
    rows = []
    for kind, form in FORMS.items():
        parts = [f"`{name}`: {words}" for name, words in form.needs.items()]
        parts += [f"`{name}` (may be left out): {words}" for name, words in form.takes.items()]
        rows.append([f"`{kind}`", form.main, "; ".join(parts) or "nothing"])
    return table(["kind", "the evidence file", "what comes with it"], rows)


def attestation_faults() -> str:
    """Why evidence is refused."""
    return table(["fault", "what it means"], [[f"`{fault}`", fault.meaning] for fault in Fault])


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "states": states,
    "late": late,
    "choices": choices,
    "diagram": diagram,
    "errors": error_table,
    "settings": settings,
    "refused fields": refused_fields,
    "facts": facts,
    "clauses": clauses,
    "release": release,
    "entitlements": entitlements,
    "disguises": disguises,
    "ladder": ladder,
    "agreed limits": agreed_limits,
    "frauds": frauds,
    "limits": limits,
    "metrics": metrics,
    "attestation kinds": attestation_kinds,
    "attestation faults": attestation_faults,
}


def main(arguments: list[str] | None = None) -> int:
    """Write, or with ``--check`` compare, every generated part. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a part differs")
    checking = parser.parse_args(arguments).check
    stale = 0
    for page, anew in files().items():
        if page.exists() and page.read_text("utf-8") == anew:
            continue
        stale += 1
        sys.stdout.write(f"{page.relative_to(ROOT)}: {'is not what the code says' if checking else 'written'}\n")
        if not checking:
            page.write_text(anew, "utf-8")
    if checking and stale:
        sys.stdout.write("run `python scripts/generate_docs.py` and look at what it changed\n")
    return 1 if checking and stale else 0


if __name__ == "__main__":
    sys.exit(main())
