# SPDX-License-Identifier: Apache-2.0
"""The documentation says what the code says: generated parts, names, links, commands, dependencies."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest
from scripts import generate_docs as generate

from brightline.core import errors
from brightline.core.evidence import audit
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass
from brightline.core.exchange.api import chat, responses, responses_items
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.model import Role
from brightline.shell.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "brightline"
PAGES = generate.pages()
COMMANDS = dict(generate.commands())

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
MARK = re.compile(r"<!-- ([^>]*):(begin|end) -->")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`((?:src|core|shell|tests|docs|scripts|requirements|demo)/[\w./-]*)(?:::\w+)?`")
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def slug(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {
        slug(line.lstrip("#")) for line in CODE.sub("", page.read_text("utf-8")).splitlines() if line.startswith("#")
    }


def test_generated_parts_are_what_the_code_says() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        assert generate.with_blocks(text) == text, f"{name_of(page)}: run `python scripts/generate_docs.py`"


def test_what_is_written_whole_is_what_the_code_says() -> None:
    for path, text in generate.files().items():
        assert path.read_text("utf-8") == text, "run `python scripts/generate_docs.py`"


def test_every_generated_part_stands_in_exactly_one_page() -> None:
    marked = [
        found.group(1)
        for page in PAGES
        for found in MARK.finditer(page.read_text("utf-8"))
        if found.group(2) == "begin" and found.group(1) not in generate.BY_HAND
    ]
    assert sorted(marked) == sorted([*generate.BLOCKS, *(f"command {path}" for path in COMMANDS)])


def test_every_mark_that_begins_also_ends() -> None:
    for page in PAGES:
        marks = [found.groups() for found in MARK.finditer(page.read_text("utf-8"))]
        assert len(marks) % 2 == 0, name_of(page)
        for begin, end in zip(marks[::2], marks[1::2], strict=True):
            assert (begin[0], begin[1], end[1]) == (end[0], "begin", "end"), name_of(page)


def test_a_part_that_differs_is_noticed_and_one_that_nobody_writes_is_an_error() -> None:
    stale = "<!-- choices:begin -->\nOPEN may become anything.\n<!-- choices:end -->"
    assert generate.with_blocks(stale) != stale
    with pytest.raises(KeyError):
        generate.with_blocks("<!-- nonsense:begin -->\n<!-- nonsense:end -->")


def test_every_error_is_documented_with_its_next_step() -> None:
    lines = read("docs/errors.md").splitlines()
    for error in generate.error_classes():
        rows = [line for line in lines if line.startswith(f"| `{error.__name__}` |")]
        assert rows, error
        assert error.next_step in rows[0], error
        said = f"| {error.status} | `{error.type}` | `{error.code}` |"
        assert issubclass(error, errors.OperatorError) or said in rows[0], error


def test_every_exit_code_is_documented() -> None:
    codes = {0, 1, 3}  # the demo ends with the number that its tour returns, an answer with one of these
    for file in (*SOURCE.glob("shell/cli/*.py"), *SOURCE.glob("demo/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sys.exit", "SystemExit", "os._exit"}:
                codes |= {
                    arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int)
                }
    section = read("docs/errors.md").split("## Exit codes")[1]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)} == codes


def test_every_setting_is_documented() -> None:
    text = read("docs/settings.md")
    for name, default, _, description in generate.setting_rows(Settings):
        assert description, f"{name} has no description"
        assert f"| {name} | {default} |" in text


def test_every_environment_variable_is_documented() -> None:
    read_anywhere = {
        name for file in SOURCE.rglob("*.py") for name in re.findall(r"BRIGHTLINE_[A-Z_]+", file.read_text("utf-8"))
    }
    assert read_anywhere == set(re.findall(r"BRIGHTLINE_[A-Z_]+", read("docs/settings.md")))


def test_every_command_and_option_is_documented() -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    for path, command in COMMANDS.items():
        home = [text for text in texts if f"<!-- command {path}:begin -->" in text]
        assert len(home) == 1, path
        part = home[0].split(f"<!-- command {path}:begin -->")[1].split(f"<!-- command {path}:end -->")[0]
        for param in command.params:
            if isinstance(param, click.Option):
                assert all(f"`{option}" in part for option in param.opts), f"{path}: {param.opts}"
            else:
                assert param.make_metavar(click.Context(command)) in part, f"{path}: {param.name}"


def test_every_record_kind_outcome_and_class_is_explained() -> None:
    text = read("docs/way-of-an-exchange.md")
    for word in (*RecordKind, *Outcome, *RefusalClass):
        assert f"`{word.value}`" in text


def test_every_claim_of_the_verifier_is_explained() -> None:
    text = read("docs/for-auditors.md")
    for claim in (
        audit.SIGNED,
        audit.RECORDS,
        audit.BOOKS,
        audit.PASSED,
        audit.REPLAYS,
        audit.RECEIPTS,
        audit.WITNESSED,
        audit.GUARDED,
        audit.PERIODS,
        audit.LOST,
        audit.UPSTREAMS,
        audit.HEADS,
    ):
        assert f"| {claim} |" in text
    for status in audit.Status:
        assert f"**{status.value}**" in text


@pytest.mark.parametrize(
    ("api", "before"), [(chat, "there are no others:"), (responses, "they are all:")], ids=["chat", "responses"]
)
def test_every_field_that_is_carried_is_documented_and_no_other(api: Api, before: str) -> None:
    table = read("docs/for-application-developers.md").split(before)[1].split("\n\n")[1]
    documented = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert documented == set(api.REQUEST.__struct_fields__)


def test_every_role_and_every_kind_of_item_is_documented() -> None:
    text = read("docs/for-application-developers.md")
    assert all(f"`{role.value}`" in text for role in Role)
    assert all(f"`{kind}`" in text for kind in (*responses_items.ITEMS, *responses_items.PARTS))


def test_every_relative_link_leads_somewhere() -> None:
    links = [(page, target) for page in PAGES for target in LINK.findall(CODE.sub("", page.read_text("utf-8")))]
    for page, target in links:
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name_of(page)} links to {target}"
        assert file.is_relative_to(ROOT), f"{name_of(page)} links out of the project: {target}"
        assert not anchor or anchor in anchors(file), f"{name_of(page)} links to {target}"


def test_every_file_and_test_that_a_page_names_exists() -> None:
    functions: dict[str, set[str]] = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        for name in FILE.findall(text):
            assert (ROOT / name).exists() or (SOURCE / name).exists(), f"{name_of(page)} names {name}"
        for file, test in TEST.findall(text):
            if file not in functions:
                functions[file] = functions_of(file)
            assert test in functions[file], f"{name_of(page)} names {file}::{test}"


def functions_of(file: str) -> set[str]:
    tree = ast.parse(read(file))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert {"make demo", "make test"} <= set(re.findall(r"make [a-z]+", read("README.md")))
    for page in PAGES:
        for line in re.findall(r"`make ([a-z ]+)|^make ([a-z ]+)", page.read_text("utf-8"), re.MULTILINE):
            assert set("".join(line).split()) <= targets, f"{name_of(page)} tells to make {line}"


def persons_in() -> list[str]:
    """What no extra can name, because of what it asks for itself."""
    return [line for line in read("requirements/persons.in").splitlines() if not line.startswith("#")]


def test_every_direct_dependency_has_its_line_and_no_other_has() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    text = read("docs/dependencies.md")
    for title, wanted in (
        ("## At run time", project["dependencies"]),
        ("## For the demo", project["optional-dependencies"]["demo"]),
        ("## For proofs", project["optional-dependencies"]["prove"]),
        ("## For encoder detectors", project["optional-dependencies"]["encoder"]),
        ("## For the reader of names", project["optional-dependencies"]["persons"] + persons_in()),
        ("## For training", project["optional-dependencies"]["train"]),
        ("## For the judge", project["optional-dependencies"]["judge"]),
        ("## For Inspect", project["optional-dependencies"]["inspect"]),
        ("## For the console", project["optional-dependencies"]["console"]),
        ("## For hunts on Ray", project["optional-dependencies"]["ray"]),
        ("## For traces", project["optional-dependencies"]["otel"]),
        ("## For development", project["optional-dependencies"]["dev"]),
    ):
        section = text.split(title)[1].split("\n## ")[0]
        assert set(ROW.findall(section)) == {re.split(r"[\[<>=~! ]", line)[0] for line in wanted}, title
        for row in section.splitlines():
            if row.startswith("| `"):
                _, _, why, licence, *_ = (cell.strip() for cell in row.split("|"))
                assert why, row
                assert licence, row


def test_every_dependency_that_is_left_out_is_explained() -> None:
    lines = read("requirements/overrides.txt").splitlines()
    left_out = {line.split(" ;")[0] for line in lines if line and not line.startswith("#")}
    section = read("docs/dependencies.md").split("## What is left out on purpose")[1].split("\n## ")[0]
    assert left_out == set(re.findall(r"^- `([\w-]+)`:", section, re.MULTILINE))


def test_every_lock_is_named() -> None:
    section = read("docs/dependencies.md").split("## The locks")[1]
    assert {f"requirements/{lock.name}" for lock in (ROOT / "requirements").glob("*.lock")} == set(
        re.findall(r"^\| `(requirements/\w+\.lock)`", section, re.MULTILINE)
    )


def test_decisions_are_numbered_without_a_gap_and_name_their_price() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text("utf-8")
        assert text.startswith(f"# {int(record.name[:4])}. ")
        assert all(f"**{part}.**" in text for part in ("Context", "Choice", "Price")), record.name
