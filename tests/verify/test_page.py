# SPDX-License-Identifier: Apache-2.0
"""The HTML report: the verdict first, every text of a log escaped, nothing loaded and nothing run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.record import RecordKind
from brightline.verify.command import verify
from brightline.verify.limits import LIMITS
from brightline.verify.page import LISTED_MAX, Telling, to_html
from tests.core.evidence.test_audit import (
    PUBLISHED,
    SHARD,
    SIGNER,
    TERMS,
    Folder,
    Story,
    audit,
    flip,
    ordinary,
    publish,
)
from tests.verify.sites import write_folder

TELLING = Telling(("evidence",), "25 November 2026, 12:00 UTC", "brightline verify evidence", pinned=True)
VOID = {"meta", "br", "link", "hr", "img", "input"}


class _Page(HTMLParser):
    """Checks that every element is closed, and keeps tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += f"{data} "


def page(*reports: ShardReport) -> _Page:
    return _Page(to_html(reports, TELLING))


def words(*reports: ShardReport) -> str:
    return " ".join(page(*reports).text.split())


def damaged() -> ShardReport:
    folder = Folder(PUBLISHED.files)
    flip(folder, "tile/entries/001", 8 * 40)
    return audit(folder)


def test_the_verdict_comes_first_and_the_first_contradiction_with_its_place() -> None:
    text = words(damaged())
    assert text.startswith("Evidence report: contradicted Evidence report Contradicted")
    assert "“the log is what was signed” is contradicted in the log gw-1 ." in text
    assert "this entry is not the one that was signed" in text
    assert "tile/entries/001, entry 0, record 256" in text


def test_what_is_not_shown_is_told_with_who_could_show_it() -> None:
    text = words(audit(publish(ordinary().leaves)))
    assert "Nothing is contradicted 4 claims are proven. 7 are not shown: that is no accusation and no proof." in text
    assert "whoever runs the model server, with the log of its guard (--guard)" in text
    assert "witnesses that you trust yourself (--policy)" in text


def test_every_claim_the_recount_the_root_and_the_limits_are_there() -> None:
    report = audit(publish(ordinary().leaves))
    text = words(report)
    for claim in report.claims:
        assert claim.status.value in text
        assert claim.name in text
        assert claim.detail in text
    assert report.root in text
    assert "bytes released 130,010" in text
    assert all(limit.matter in text and limit.who in text for limit in LIMITS)
    assert "brightline verify evidence" in text


def test_a_key_that_came_with_the_evidence_is_said_to_show_no_origin() -> None:
    report = audit_shard(SHARD, PUBLISHED)
    unpinned = Telling(("evidence",), "today", "brightline verify evidence", pinned=False)
    assert "not whose it is" in _Page(to_html([report], unpinned)).text
    assert "not whose it is" not in _Page(to_html([report], TELLING)).text


@pytest.mark.parametrize(
    "nasty", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7*7 }}", "\x1b[2J\u202e"]
)
def test_what_a_log_says_is_text_and_no_more(nasty: str) -> None:
    story = ordinary()
    value: dict[str, JsonValue] = {"without_record": {nasty: 7}}
    story.say(RecordKind.PERIOD, "", TERMS | value)
    story.say(RecordKind.MARK, nasty, TERMS | {"released_bytes": 3})
    made = page(audit(publish(story.leaves)))
    assert {tag for tag, _ in made.tags}.isdisjoint({"script", "img", "iframe", "form", "link", "object"})
    assert not [name for _, attributes in made.tags for name in attributes if name.startswith("on")]
    assert "49" not in made.text or nasty != "{{ 7*7 }}"
    assert "\x1b" not in made.text
    assert "\u202e" not in made.text


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else() -> None:
    html = to_html([audit(PUBLISHED)], TELLING)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for tag, attributes in _Page(html).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "style=" not in html.split("</style>")[1]


def test_a_hostile_log_cannot_make_the_page_long() -> None:
    story = Story()
    for i in range(600):
        story.mark(f"x{i}", 1)
    made = page(audit(publish(story.leaves)))
    assert sum(tag == "tr" for tag, _ in made.tags) < 2 * LISTED_MAX
    assert f"the first {LISTED_MAX} of 600" in made.text


def test_the_same_evidence_gives_the_same_page() -> None:
    assert to_html([damaged()], TELLING) == to_html([damaged()], TELLING)


def test_the_command_writes_the_page_and_how_to_repeat_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a log" / "gw-1", PUBLISHED.files)
    out = tmp_path / "report.html"
    arguments = [str(folder), "--key", SIGNER.verifier.vkey(), "--html", str(out)]
    assert CliRunner().invoke(verify, arguments).exit_code == 0
    text = _Page(out.read_text("utf-8")).text
    assert f"brightline verify '{folder}' --key {SIGNER.verifier.vkey()}" in text


def test_bytes_that_are_no_record_do_not_break_the_page() -> None:
    leaves = ordinary().leaves
    leaves[3] = canonical_bytes({"<b>": "</table>"})
    assert "</table>" not in page(audit(publish(leaves))).text.replace("&", "")
