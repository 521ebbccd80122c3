# SPDX-License-Identifier: Apache-2.0
"""The wrong order does not type-check: what a command takes is a value that only the machine can mint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import brightline

ROOT = Path(brightline.__file__).parents[2]

RIGHT = """
from brightline.core.enforcement.commands import Forward, Release
from brightline.core.enforcement.pass_token import PassToken
from brightline.core.evidence.receipt import Receipt, write_receipt
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.exchange.api import chat, chat_answers
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Exchange, Reply, UpstreamRequest
from brightline.core.enforcement.pass_token import Signs, mint_pass


def right(token: PassToken, request: UpstreamRequest, segment: JudgedSegment, reply: JudgedReply,
          exchange: Exchange, record: DurableRecord, signer: Signs) -> Receipt:
    Forward(token, request)
    Release(segment, {})
    chat_answers.write_segment(segment, exchange, "x", 0, {})
    chat_answers.write_reply(reply, exchange, "x", 0)
    return write_receipt(record, signer)
"""
WRONG = {
    'Forward("a token", request)': "PassToken",
    'Release("some text", {})': "JudgedSegment",
    'chat_answers.write_segment("some text", exchange, "x", 0, {})': "JudgedSegment",
    'chat_answers.write_reply(unjudged, exchange, "x", 0)': "JudgedReply",
    "write_receipt(draft, signer)": "DurableRecord",
    'mint_pass(draft, request, "m", "u", 0, 0, signer)': "DurableRecord",
}


def test_what_is_not_passed_judged_or_durable_does_not_type_check(tmp_path: Path) -> None:
    wrong = "".join(f"    {line}\n" for line in WRONG)
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        f"{RIGHT}\n\ndef wrong(request: UpstreamRequest, unjudged: Reply, exchange: Exchange, draft: Draft,"
        f" signer: Signs) -> None:\n{wrong}"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"),
            *("--no-error-summary", f"--cache-dir={tmp_path / 'cache'}", str(snippet)),
        ],
        cwd=ROOT,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = snippet.read_text().splitlines()
    errors = re.findall(r"snippet\.py:(\d+): error: .*expected \"(\w+)\"", done.stdout)
    assert {lines[int(number) - 1].strip(): expected for number, expected in errors} == WRONG, done.stdout
    assert done.stdout.count("error:") == len(WRONG), done.stdout
