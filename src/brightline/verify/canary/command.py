# SPDX-License-Identifier: Apache-2.0
"""``brightline canary``: prepare, send and look for an auditor's own requests."""

from __future__ import annotations

import os
import random
import re
import secrets
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.canary import FORMAT, Canary, CanarySet, Fate
from brightline.core.evidence.odds import sample_for
from brightline.files import write_private
from brightline.terminal import as_json, plain, progress
from brightline.verify.arguments import read_key
from brightline.verify.canary.check import Checked, check
from brightline.verify.canary.send import Door, read_sent, send_all
from brightline.verify.canary.texts import made_up, own
from brightline.verify.sources import logs_at

COUNT_MAX: Final = 100_000
SHOWN_MAX: Final = 20
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_JSON = click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def canary() -> None:
    """Requests of an auditor's own that look like all others: sent, and looked for in the log."""


@canary.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--count", default=300, show_default=True, type=click.IntRange(1, COUNT_MAX), help="How many.")
@click.option(
    "--texts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Your own texts, one a line, or {"prompt": …, "expected": "answered", "refused" or "any"}. Without it, '
    "texts that an operator may know are put together.",
)
@click.option("--forbidden", default=10, show_default=True, type=click.IntRange(0, 100), help="Percent to be refused.")
@_JSON
def prepare(out: Path, count: int, texts: Path | None, forbidden: int, json_wanted: bool) -> None:
    """Write OUT, a secret file of canaries, and print the digest to publish before they are sent."""
    chance = random.SystemRandom()
    drawn = own(texts, count, chance) if texts else made_up(count, count * forbidden // 100, chance)
    canaries = tuple(Canary(secrets.token_hex(8), prompt, expected) for prompt, expected in drawn)
    made = CanarySet(FORMAT, secrets.token_hex(32), canaries)
    write_private(out, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    if json_wanted:
        click.echo(as_json({"commitment": made.commitment, "count": count}))
        return
    click.echo(made.commitment)
    click.echo(f"publish this digest, keep {out} secret; {sample_for(0.01)} canaries meet 1 % with 95 %", err=True)


@canary.command()
@_FILE
@click.option("--url", required=True, help="The gateway's base URL, without /v1.")
@click.option("--model", required=True, help="The model to ask.")
@click.option("--key-env", required=True, help="Environment variable with the key of the workload that asks.")
@click.option(
    "--over", default="0", show_default=True, metavar="TIME", help="Spread them over a time: 90s, 30m, 8h, 2d."
)
@click.option("--user-agent", default="OpenAI/Python", show_default=True, help="What the client calls itself.")
@_JSON
def send(file: Path, url: str, model: str, key_env: str, over: str, user_agent: str, json_wanted: bool) -> None:
    """Send the canaries of FILE that were not sent yet; what comes back goes to FILE.sent.

    Take the key of a workload that others use too, with the consent of its unit: nobody must know which requests are
    yours.
    """
    if url.rstrip("/").endswith("/v1"):
        raise ConfigError("--url is given without /v1, which each path begins with")
    canaries = _read(file)
    key = os.environ.get(key_env, "")
    if not key:
        raise ConfigError(f"--key-env names {key_env}, which is not set")
    with progress("sending", len(canaries.canaries)) as told:
        done = send_all(canaries.canaries, Door(url, key, model, user_agent), _sent(file), _seconds(over), told)
    sent = read_sent(_sent(file))
    counted = {name: sum(one.told.value == name for one in sent) for name in sorted({one.told.value for one in sent})}
    if json_wanted:
        click.echo(as_json({"sent": done, "told": counted}))
        return
    click.echo(f"sent {done}; so far " + ", ".join(f"{number} {name}" for name, number in counted.items()))


@canary.command("check")
@_FILE
@click.argument("evidence", nargs=-1, required=True)
@click.option("--key", "keys", multiple=True, required=True, metavar="VKEY|FILE", help="Verifier key of a log.")
@_JSON
def check_(file: Path, evidence: tuple[str, ...], keys: tuple[str, ...], json_wanted: bool) -> None:
    """Look for the canaries of FILE in the logs at EVIDENCE, folders or addresses, and say what that shows.

    Exit codes: 0 none is missing; 1 one is missing, or one that had to be refused was answered; 2 bad usage or
    unreadable.
    """
    canaries, sent = _read(file), read_sent(_sent(file))
    logs = [log for place in evidence for log in logs_at(place)]
    try:
        checked = check(canaries, sent, logs, [read_key(key) for key in keys])
    finally:
        for log in logs:
            log.published.close()
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(checked)))
    else:
        _tell(checked)
    let_through = any(one.surprise and one.expected == "refused" for one in checked.looked)
    if let_through or checked.doubts or any(one.fate is Fate.MISSING for one in checked.looked):
        raise SystemExit(1)


def _tell(checked: Checked) -> None:
    odds = checked.odds
    fates = ", ".join(f"{sum(one.fate is fate for one in checked.looked)} {fate.value}" for fate in Fate)
    click.echo(f"{checked.status.value}: {len(checked.looked)} canaries, {fates}")
    click.echo(f"their digest: {checked.commitment}")
    if odds.counted:
        click.echo(
            f"with {odds.confidence:.0%} confidence at most {odds.at_most:.2%} of all requests like these are left out"
        )
        caught = ", ".join(f"{float(share):.0%} with {chance:.1%}" for share, chance in odds.would_catch.items())
        click.echo(f"{odds.counted} canaries meet one who leaves out {caught}")
    for doubt in checked.doubts:
        click.echo(plain(f"  ! {doubt}"))
    wrong = [one for one in checked.looked if one.fate is Fate.MISSING or one.surprise]
    for one in wrong[:SHOWN_MAX]:
        told = f"{one.why}; expected {one.expected.value}, the log says {one.outcome}" if one.surprise else one.why
        click.echo(plain(f"  ! {one.id}: {told}"))
    if len(wrong) > SHOWN_MAX:
        click.echo(f"  ! and {len(wrong) - SHOWN_MAX:,} more (--json has them)")


def _sent(file: Path) -> Path:
    return file.with_name(f"{file.name}.sent")


def _read(path: Path) -> CanarySet:
    try:
        canaries = msgspec.json.decode(path.read_bytes(), type=CanarySet)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} holds no canaries: {error}") from error
    if len({one.id for one in canaries.canaries}) != len(canaries.canaries):
        raise ConfigError(f"{path}: two canaries have one id")
    return canaries


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if found is None:
        raise ConfigError(f"--over {text!r}: expected a number of seconds, or one with s, m, h or d")
    return float(int(found.group(1)) * _UNITS[found.group(2)])
