# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement drift`` over made-up laws: amended, repealed, lapsed, reissued."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.shell.cli.in_process import run

LAWS = Path(__file__).resolve().parents[2] / "core" / "agreement" / "drift"


def found_in(texts: Path, *options: str, code: int) -> dict[str, dict[str, object]]:
    done = run(
        "agreement", "drift", "--agreement", LAWS / "agreement", "--texts", texts, "--json", *options, code=code
    )
    said = json.loads(done.stdout)
    assert said["decisions"] == "unchanged: the agreement follows each text as it was pinned"
    return {row["authority"]: row for row in said["authorities"]}


@pytest.mark.parametrize(
    ("folder", "moved", "words"),
    [
        ("amended", ("ACT-A", "amended"), "the text held is of 2026-05-04; pinned is that of 2019-03-01"),
        ("repealed", ("ACT-A", "repealed"), "it was repealed"),
        ("sunset", ("ACT-B", "sunset"), "it will lapse on 2026-06-01"),
        ("reissued", ("DIRECTIVE-C", "reissued"), "Directive C-2 of 2026 has taken its place"),
    ],
)
def test_the_law_that_moved_is_named_and_the_others_are_unchanged(
    folder: str, moved: tuple[str, str], words: str
) -> None:
    found = found_in(LAWS / folder, "--today", "2026-05-31", code=1)
    name, how = moved
    assert {each: row["drift"] for each, row in found.items()} == dict.fromkeys(found, "unchanged") | {name: how}
    assert words in str(found[name]["words"])
    assert [row["authority"] for row in found.values() if row["drifted"]] == [name]


def test_texts_as_they_were_pinned_are_exit_0() -> None:
    assert {row["drift"] for row in found_in(LAWS / "as-pinned", code=0).values()} == {"unchanged"}


def test_a_sunset_is_told_by_the_day() -> None:
    assert "it lapsed on 2026-06-01" in str(found_in(LAWS / "sunset", "--today", "2026-06-01", code=1)["ACT-B"])


def test_a_text_that_nobody_holds_is_said_and_is_exit_0(tmp_path: Path) -> None:
    shutil.copy(LAWS / "as-pinned" / "ACT-A.txt", tmp_path)
    (tmp_path / "texts.toml").write_text("[ACT-B]\nedition = 2021-06-01\n", "utf-8")
    found = found_in(tmp_path, code=0)
    assert {name: row["drift"] for name, row in found.items()} == {
        "ACT-A": "unchanged",
        "ACT-B": "missing",
        "DIRECTIVE-C": "missing",
    }


def test_of_a_law_without_a_pin_the_digest_to_pin_is_printed(tmp_path: Path) -> None:
    text = b"The text that is held.\n"
    (tmp_path / "PCA.pdf").write_bytes(text)
    said = run("agreement", "drift", "--texts", tmp_path).stdout
    assert "unpinned" in said
    assert hashlib.sha256(text).hexdigest() in said.replace("\n", "")


def test_two_texts_for_one_law_are_exit_2(tmp_path: Path) -> None:
    for ending in ("txt", "pdf"):
        (tmp_path / f"ACT-A.{ending}").write_text("a text", "utf-8")
    run("agreement", "drift", "--agreement", LAWS / "agreement", "--texts", tmp_path, code=2)
