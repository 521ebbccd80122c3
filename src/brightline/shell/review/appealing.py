# SPDX-License-Identifier: Apache-2.0
"""Filing an appeal that an official signed: the case that it opens for others than those who decided, and its record.

The terminal and the console both come here. What the case shows is what was shown before, or the request that the
official brings again: it is the same by its digest. Whoever signs the appeal, or heard an earlier one, does not decide
it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.ladder import rules_of
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, ConfigError, TrustError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import DurableRecord, RecordKind
from brightline.core.exchange.api.table import APIS
from brightline.core.exchange.model import Exchange, exchange_digest
from brightline.core.ports import Clock
from brightline.core.review.appeals import (
    APPEAL_SECONDS,
    Appeal,
    Wish,
    case_of_appeal,
    case_of_refusal,
    heard_before,
    may_be_appealed,
    open_appeal,
)
from brightline.core.review.case import Case, case_value
from brightline.core.review.content import content_bytes
from brightline.core.review.sampling import Permitted, questions_of, sampled_case
from brightline.shell.config import Settings
from brightline.shell.keyring import open_vault
from brightline.shell.registry.following import Registry
from brightline.shell.registry.reader import open_frame, read_entry
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.review.desk import Desk, OpenedCase
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk, shards_in
from brightline.shell.trust.keys import load_secret

WISH: Final = "wish_"


class Opens(msgspec.Struct, frozen=True):
    """The case that an appeal opens, what people will be shown, and the exchange and shard that it stands in."""

    case: Case
    content: bytes
    exchange: str
    shard: str


def denied_case(root: Path, registry: Registry, about: str) -> OpenedCase:
    """The denied case that ``about`` names (a hold). Raises ``TrustError`` for one that people have not denied."""
    found = Desk(root, registry.decisions.docket).find(about)
    if not may_be_appealed(found.tried):
        raise TrustError(f"{about[:80]!r}: people have not denied it")
    return found


def wished(registry: Registry, name: str) -> Wish | None:
    """The wish of this id; ``None`` for what is no such id. Raises ``ConfigError`` for one that is not there."""
    wish = registry.reviewing.wishes.get(name)
    if wish is None and name.startswith(WISH):
        raise ConfigError(f"{name[:80]!r}: nobody has wished that")
    return wish


def log_appeal(
    root: Path, settings: Settings, registry: Registry, envelope: bytes, clock: Clock, request: bytes | None = None
) -> tuple[Case, DurableRecord]:
    """File a signed appeal: of a hold, or with ``request`` (the body of a request) of a refusal. Blocks.

    One that is filed for a wish takes the request from that. Raises ``TrustError`` if no official signed it,
    ``ConfigError`` for what cannot be appealed.
    """
    now = clock.unix()
    opened = open_appeal(envelope, registry.roots, at=now)
    said = opened.value
    wish = wished(registry, said.wish) if said.wish else None
    if wish is not None:
        if wish.about != said.about:
            raise TrustError(f"{said.wish} is about {wish.about}, and the appeal about another")
        request = _request_of(root, wish) if wish.chars else None
    heard = heard_before(said.about, registry.reviewing.appeals, registry.decisions.docket)
    recused = (*registry.recused(tuple(holder for _, holder in opened.signers)), *heard)
    seconds = rules_of(registry.releases.current).appeal_seconds or APPEAL_SECONDS
    if request is None:
        opens = _of_hold(root, registry, said, recused, seconds, now)
    else:
        opens = _of_refusal(root, registry, said, recused, request, seconds, now)
    if wish is not None and opens.case.workload != wish.workload:
        raise ConfigError(f"{wish.id}: {wish.workload} asks about an exchange of another workload")
    public: dict[str, JsonValue] = {"appeal": said.id, "hold": opens.case.hold, "expires": opens.case.expires}
    committed: dict[str, JsonValue] = {
        "statement": envelope.decode(),
        "case": case_value(opens.case),
        "content": opens.content.decode(),
        "exchange": opens.exchange,
        "shard": opens.shard,
    }
    record = log_review(root, settings, registry.roots.profile, What.APPEALED, public, committed, clock)
    registry.refresh()
    if why := registry.reviewing.ignored.get(record.place.seq):
        raise TrustError(f"record {record.place.seq} is no appeal: {why}")
    return opens.case, record


def read_by_any(body: bytes) -> tuple[Exchange, ...]:
    """A request as each API reads it that can. Raises ``ConfigError`` if none can, with what the first one said."""
    found: list[Exchange] = []
    why: list[CallerError] = []
    for api in APIS:
        try:
            found.append(api.read_request(body))
        except CallerError as error:
            why.append(error)
    if not found:
        raise ConfigError(f"what was brought is no request: {why[0]}") from why[0]
    return tuple(found)


def _request_of(root: Path, wish: Wish) -> bytes:
    folder = StateFolder(root)
    try:
        return str(read_entry(folder.wal, open_vault(folder), wish.seq).opened["request"]).encode()
    except (KeyDestroyed, KeyError) as error:
        raise ConfigError(f"the request of {wish.id} was destroyed; bring it again with --request") from error


def _of_hold(root: Path, registry: Registry, said: Appeal, recused: tuple[str, ...], seconds: int, now: int) -> Opens:
    found = denied_case(root, registry, said.about)
    content = content_bytes(Desk(root, registry.decisions.docket).content(found))
    case = case_of_appeal(said, found.tried, recused, now, seconds)
    return Opens(case, content, found.exchange, found.shard)


def _of_refusal(
    root: Path, registry: Registry, said: Appeal, recused: tuple[str, ...], body: bytes, seconds: int, now: int
) -> Opens:
    """The case of a refusal, whose request is brought again: no words of it were kept."""
    requests = {exchange_digest(each): each for each in read_by_any(body)}
    folder = StateFolder(root)
    vault = open_vault(folder)
    for shard in shards_in(folder.wal):
        if shard == REGISTRY_SHARD:
            continue
        keys = vault.reader(shard)
        frames = [each for each in frames_on_disk(folder.wal, shard) if each.exchange == said.about]
        ended = [each for each in frames if each.kind is RecordKind.OUTCOME]
        if not frames or not ended:
            continue
        try:
            attempt, outcome = open_frame(frames[0], keys), open_frame(ended[0], keys)
        except KeyDestroyed as error:
            raise ConfigError(f"what opens exchange {said.about} was destroyed") from error
        if outcome.public.get("class") != "policy":
            raise ConfigError(f"exchange {said.about} was not refused by the agreement")
        request = requests.get(str(attempt.opened.get("exchange_digest")))
        if request is None:
            raise ConfigError(f"this is another request than the one of exchange {said.about}")
        workload = str(attempt.opened.get("workload", ""))
        known = registry.workloads.get(workload)
        official = () if known is None else (known.registration.official,)
        release = str(outcome.public.get("release", ""))
        unit = str(attempt.opened.get("unit", ""))
        who = Permitted(said.about, workload, unit, (*recused, *registry.recused(official)), release, now)
        agreement = registry.releases.current
        case, content = sampled_case(who, agreement, request, None, load_secret(folder.key("hold")))
        return Opens(case_of_refusal(said, case, questions_of(agreement), now, seconds), content, said.about, shard)
    raise ConfigError(f"no exchange {said.about[:80]!r} has ended in the logs of this folder")
