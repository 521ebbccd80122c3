# SPDX-License-Identifier: Apache-2.0
"""``brightline review seed``: items with known answers, from rows of a corpus, among what waits for people."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import Row, read_corpus
from brightline.classifier.evaluation.probe import of_row, shown
from brightline.core.agreement.clause import Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.limits import hold_seconds
from brightline.core.errors import CallerError, ConfigError, ScreeningUnavailable
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.exchange.api import chat
from brightline.core.facts import UNKNOWN
from brightline.core.review.seeding import SEED_SIGNERS, SEED_TYPE, Place, SeededItem, seeded_item
from brightline.core.screening.finding import Finding, Segment
from brightline.core.screening.release import Release
from brightline.core.statement import sign_statement
from brightline.core.workload import Workload
from brightline.shell.cli import render
from brightline.shell.cli.signing import load_signers
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.development import HOLDERS
from brightline.shell.inference.screen import Screen
from brightline.shell.opening import in_force
from brightline.shell.registry.following import Registry
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import shards_in
from brightline.shell.trust.installation import read_installation

HOUR_SECONDS: Final = 3_600
COUNT_MAX: Final = 1_000
TRIED_MAX: Final = 20_000

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("corpus", type=_FILE)
@click.option("--count", type=click.IntRange(1, COUNT_MAX), default=5, show_default=True, help="How many items.")
@click.option(
    "--within-hours", type=click.FloatRange(0, 10_000), default=24.0, show_default=True, help="Spread over so long."
)
@click.option(
    "--by", "holders", multiple=True, metavar="HOLDER", help="Who signs; without it two safety people of development."
)
@click.option("--key", "keys", multiple=True, type=_FILE, help="A private key that lies elsewhere (PEM).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def seed(
    state: Path,
    corpus: Path,
    count: int,
    within_hours: float,
    holders: tuple[str, ...],
    keys: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Put items with known answers among what waits for people: rows of CORPUS that the release would hold.

    Each looks like a hold of a registered workload and is opened by a gateway at a random time. Two safety people
    sign it with its answers. Whatever is answered changes nothing; `brightline review figures` counts who missed one.
    """
    clock = SystemClock()
    folder = StateFolder(state)
    names = holders or (() if keys else HOLDERS[SEED_SIGNERS[0].role][: SEED_SIGNERS[0].holders])
    signers = load_signers(state, names, keys)
    rows = list(read_corpus(corpus).rows)
    secrets.SystemRandom().shuffle(rows)
    with in_force(state, clock) as (settings, registry):
        made: list[dict[str, str]] = []
        for item, content in _items(folder, settings, registry, rows, corpus.stem, clock.unix(), within_hours):
            committed = {"statement": sign_statement(item, SEED_TYPE, signers).decode(), "content": content.decode()}
            log_review(state, settings, registry.roots.profile, What.SEEDED, {}, committed, clock)
            made.append({"hold": item.case.hold, "source": item.source, "shard": item.shard})
            if len(made) == count:
                break
        registry.refresh()
        believed = {each.case.hold for each in registry.reviewing.to_open}
    if not made:
        raise ConfigError(f"the release in force holds none of the rows of {corpus} whose answers are known")
    if lost := [each["hold"] for each in made if each["hold"] not in believed]:
        raise ConfigError(f"{lost[0]} was logged and is not believed: two safety people sign an item")
    if as_json:
        click.echo(render.as_json(made))
        return
    click.echo(f"{len(made)} items, of {count} wanted; gateways open them within {within_hours:g} h")


def _items(
    folder: StateFolder,
    settings: Settings,
    registry: Registry,
    rows: Sequence[Row],
    corpus: str,
    now: int,
    within_hours: float,
) -> Iterator[tuple[SeededItem, bytes]]:
    agreement, classifiers = registry.releases.current, registry.classifiers
    screen = Screen(agreement, classifiers.store.folder(classifiers.current), settings.inference.weights)
    workloads = [each for each in registry.workloads.all() if not each.registration.revoked]
    shards = [name for name in shards_in(folder.wal) if name not in {REGISTRY_SHARD, HEADS_SHARD}]
    if not workloads or not shards:
        raise ConfigError("no workload is registered, or no gateway has served yet: an item would look like no hold")
    installation = read_installation(folder.installation, registry.roots, now)
    chance = secrets.SystemRandom()
    for row in rows[:TRIED_MAX]:
        exhibit = shown(of_row(row, corpus))
        request = msgspec.structs.replace(exhibit.exchange, model=chance.choice(installation.models).name)
        try:
            judged = [screen.request(chat, request)]
            judged += [screen.answer(request, exhibit.reply)] if exhibit.reply is not None else []
            decision = decide(agreement, screen.facts(judged), {})
        except (CallerError, ScreeningUnavailable):
            continue
        if decision.verdict is not Verdict.HOLD:
            continue
        unsettled = [
            (finding, batch.segments[finding.segment])
            for batch in judged
            for judgement in batch.judgements
            for finding in judgement.findings
            if finding.value == UNKNOWN
        ]
        opened = now + round(chance.uniform(0, within_hours * HOUR_SECONDS))
        workload = chance.choice(workloads)
        recused = registry.recused((workload.registration.official, *_authors(screen.release, unsettled)))
        place = _place(workload, recused, chance.choice(shards), opened, opened + hold_seconds(agreement))
        item = seeded_item(
            place,
            agreement,
            screen.release.digest,
            decision,
            unsettled,
            request,
            exhibit.reply,
            row.facts,
            f"{corpus}/{row.id}",
            secrets.token_bytes(32),
        )
        if item is not None:
            yield item


def _authors(release: Release, unsettled: Sequence[tuple[Finding, Segment]]) -> Iterator[str]:
    """Whom a hold of these findings would recuse: nothing tells an item from a hold, nor does this."""
    yield from release.authors
    yield from (release.wrote[finding.rule] for finding, _ in unsettled if finding.rule in release.wrote)


def _place(workload: Workload, recused: tuple[str, ...], shard: str, opened: int, expires: int) -> Place:
    """Ids as a hold and an exchange have them, which belong to nobody."""
    return Place(
        hold=f"hold_{secrets.token_hex(12)}",
        exchange=f"xc_{secrets.token_hex(12)}",
        exchange_digest=f"sha256:{secrets.token_hex(32)}",
        workload=workload.id,
        unit=workload.unit,
        recused=recused,
        shard=shard,
        opened=opened,
        expires=expires,
    )
