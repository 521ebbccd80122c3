# SPDX-License-Identifier: Apache-2.0
"""The form for verification, validation and testing of a system, and what is wrong with one that was filled in.

The words of the directive are "rigorous verification, validation, and testing … in realistic environments before
deployment". A form cannot be rigorous for anybody; it can be seen to be empty, vague, of another model or out of date.
What the lint lets pass registers as a VV&T record (``core/register.py``), which asks for the same fields.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml

FORM_BYTES_MAX: Final = 65_536
RESULTS_CHARS_MIN: Final = 80
ENVIRONMENT_CHARS_MIN: Final = 40
CASES: Final = "cases"
_BLANK: Final = re.compile(r"…|\bTODO\b|\bTBD\b|\bN/?A\b|<[^>]*>", re.IGNORECASE)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"\d")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,11}")
_Text = Annotated[str, Meta(max_length=16_000)]

TEMPLATE: Final = """\
# Verification, validation and testing of one system in one environment. Fill in every …, then run
#   brightline model lint FILE
# Names of persons do not belong here: an office, or an opaque id.
form = 1
id = "…"                       # letters, digits and hyphens; as workloads name it
system = "…"                   # the system that was tested, as its workload is registered
model = "sha256:…"             # the digest over the model's files: `brightline model verify` prints it
environment = "…"              # where it was tested: what was real, what was simulated, load, weather, opponents
environment_of_use = "…"       # where it will be used
differences = "…"              # how the two differ, and why the results hold all the same
test_set = "…"                 # what the test set is called
test_set_digest = "sha256:…"   # over its file: `sha256sum FILE`
results = "…"                  # what came of it, failures first
person = "…"                   # who is accountable: an opaque id
owner = "…"                    # the office that answers for the record
tested = 2026-01-31            # the last day of testing
expires = 2026-07-31           # when testing must be repeated

[[figure]]
name = "cases"                 # how many cases were tried; every form has this figure
value = "…"

[[figure]]
name = "…"                     # what was measured, with its unit
value = "…"
"""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measured figure, as it was reported."""

    name: _Text
    value: _Text


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A form as it was filled in; nothing is known of it but its shape."""

    form: Annotated[int, Meta(ge=1, le=1)]
    id: _Text
    system: _Text
    model: _Text
    environment: _Text
    environment_of_use: _Text
    differences: _Text
    test_set: _Text
    test_set_digest: _Text
    results: _Text
    person: _Text
    owner: _Text
    tested: date
    expires: date
    figure: Annotated[tuple[Figure, ...], Meta(max_length=256)] = ()


class Problem(msgspec.Struct, frozen=True):
    """What is wrong in which field, and what to do."""

    field: str
    found: str
    mend: str


def read_form(text: bytes, where: str) -> Form:
    """A form in TOML. Raises ``ConfigError`` for what is no form at all."""
    try:
        return read_toml(text, Form, FORM_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{where} is no VV&T form: {error}") from error


def lint(form: Form, today: date, days_max: int) -> tuple[Problem, ...]:
    """Everything that is wrong with a form on a day; ``days_max`` is how long the agreement lets one be in date."""
    return (*_blanks(form), *_vague(form), *_digests(form), *_figures(form), *_dates(form, today, days_max))


def _blanks(form: Form) -> list[Problem]:
    texts = [(name, getattr(form, name)) for name in form.__struct_fields__ if isinstance(getattr(form, name), str)]
    texts += [
        (f"figure {index}", text) for index, each in enumerate(form.figure, 1) for text in (each.name, each.value)
    ]
    return [
        Problem(
            name, "it is empty, or a blank of the template was left in it", "write what is the case, or do not file it"
        )
        for name, text in dict.fromkeys(texts)
        if not text.strip() or _BLANK.search(text)
    ]


def _vague(form: Form) -> list[Problem]:
    found = []
    for name, least in (
        ("results", RESULTS_CHARS_MIN),
        ("environment", ENVIRONMENT_CHARS_MIN),
        ("environment_of_use", ENVIRONMENT_CHARS_MIN),
        ("differences", ENVIRONMENT_CHARS_MIN),
    ):
        if len(getattr(form, name).strip()) < least:
            found.append(
                Problem(name, f"it has fewer than {least} characters", "say enough that others could repeat it")
            )
    if not _NUMBER.search(form.results):
        found.append(Problem("results", "no number stands in it", "say how many failed, of how many"))
    if " " in form.person.strip() or "@" in form.person:
        found.append(Problem("person", "it looks like a name or an address", "write the opaque id of the person"))
    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", form.id) or len(form.id) > 64:
        found.append(Problem("id", "it is no id", "use letters, digits and single hyphens, at most 64"))
    return found


def _digests(form: Form) -> list[Problem]:
    return [
        Problem(name, "it is no digest", "write sha256: and 64 hex digits")
        for name in ("model", "test_set_digest")
        if not _DIGEST.fullmatch(getattr(form, name))
    ]


def _figures(form: Form) -> list[Problem]:
    found = []
    names = [each.name for each in form.figure]
    cases = [each.value for each in form.figure if each.name == CASES]
    if len(cases) != 1 or not _COUNT.fullmatch(cases[0]):
        found.append(
            Problem("figure", f"no figure says how many {CASES} were tried", f'add name = "{CASES}" and a count')
        )
    if len(set(names)) < 2:
        found.append(Problem("figure", "nothing was measured", "add what was counted, with its unit"))
    if len(set(names)) != len(names):
        found.append(Problem("figure", "a figure stands twice", "keep one"))
    for each in form.figure:
        if not _NUMBER.search(each.value):
            found.append(
                Problem(f"figure {each.name[:40]!r}", "its value has no number", "write the number that was measured")
            )
    return found


def _dates(form: Form, today: date, days_max: int) -> list[Problem]:
    found = []
    if form.tested > today:
        found.append(Problem("tested", f"{form.tested} is still to come", "file it when the testing is done"))
    if form.expires <= form.tested:
        found.append(Problem("expires", "it is not after the day of testing", "write when testing must be repeated"))
    elif (form.expires - form.tested).days > days_max:
        found.append(
            Problem("expires", f"it is more than {days_max} days after testing", "the agreement fixes the most")
        )
    if form.expires <= today:
        found.append(Problem("expires", f"it ended on {form.expires}", "test again"))
    return found
