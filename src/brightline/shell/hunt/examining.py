# SPDX-License-Identifier: Apache-2.0
"""THE FUNCTION of a hunt: a shard of the plan in, its result out, the same bytes wherever it runs.

It reads the shard's records from the private log, hashes them again, opens the cases among them with the keys that are
left, has the release's detectors judge request and answer as a gateway would, and compares with what the exchange's
OUTCOME says. It reads no clock, keeps no score, and writes nothing anywhere.

What a person answered or registered is taken as good, as for every look at traffic that was; so a finding is what the
detectors alone make of the words. A judge elsewhere is not asked: what it would say cannot be made again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import decide
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, ConfigError, EvidenceDamaged, ReleaseError, ScreeningUnavailable
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.exchange.api.table import APIS
from brightline.core.hunt.again import read_again
from brightline.core.hunt.found import NAMED as NAMED_DISPOSITIONS
from brightline.core.hunt.found import NOT_KNOWN, Disposition, Found, Left, ShardResult, compare, result_bytes
from brightline.core.hunt.plan import NOWHERE, CaseAt, Plan, Shard, case_leaf
from brightline.core.review.case import Case
from brightline.core.review.content import read_content
from brightline.core.review.life import CaseKind
from brightline.core.screening.remote import RemoteJudge
from brightline.shell import shipped
from brightline.shell.hunt.folder import Job, Opened
from brightline.shell.hunt.reading import Records
from brightline.shell.inference.kinds import Definition, Judge, judge_of
from brightline.shell.inference.screen import Judged, Screen
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import VaultReader

RULES_MAX: Final = 200
_BY_NAME: Final = {api.NAME: api for api in APIS}


def screen_of(agreement: Agreement, release: Path, weights: str) -> Screen:
    """The detectors of a release, for a hunt. Raises ``ReleaseError``."""
    return Screen(agreement, release, weights, _judge_here)


def _judge_here(definition: Definition, detector: str, folder: Path, weights: str) -> Judge:
    if isinstance(definition, RemoteJudge):
        raise ReleaseError("a judge elsewhere is not asked in a hunt: what it says cannot be made again")
    return judge_of(definition, detector, folder, weights)


class Examiner:
    """Examines shards of one plan, in the thread of whoever asks."""

    def __init__(self, opened: Opened) -> None:
        """Load agreement and release. Raises ``ConfigError`` if they are not those of the plan, ``ReleaseError``."""
        self._plan = opened.plan
        self._hunt = opened.hunt
        job = opened.job
        self._agreement = _agreement_of(job, opened.plan)
        self._screen = screen_of(self._agreement, Path(job.release), job.weights)
        found = self._screen.release.digest, self._screen.judge
        if found != (opened.plan.release, opened.plan.judge):
            raise ConfigError(
                f"{job.release} holds release {found[0]} with judge {found[1] or 'none'}; the plan is for "
                f"{opened.plan.release} with {opened.plan.judge or 'none'}"
            )
        state = StateFolder(Path(job.state))
        self._records = Records(state.wal)
        self._vault = open_vault(state)
        self._keys: dict[str, VaultReader] = {}

    def examine(self, number: int, on_case: Callable[[], None] = lambda: None) -> bytes:
        """The result of a shard; ``on_case`` is called before each case, for who must say that it still works.

        Raises ``EvidenceDamaged`` if its records are not those that were planned.
        """
        shard = self._plan.shards[number]
        kept, kinds, leaves = self._read(shard)
        if leaves != shard.leaves:
            raise EvidenceDamaged("other records are here than those that were planned", _place(shard, shard.start))
        counts: Counter[str] = Counter()
        found: list[Found] = []
        left: list[Left] = []
        milder = 0
        for case in shard.cases:
            on_case()
            disposition, said, better = self._case(shard, case, kept)
            counts[disposition] += 1
            milder += better and said is None
            if said is not None:
                found.append(said)
            if disposition in NAMED_DISPOSITIONS:
                left.append(Left(shard.log, case.parts[0], disposition))
        of_cases = kinds["HOLD"] + kinds["CASE"]
        counts[Disposition.CONTINUED] += of_cases - len(shard.cases)
        counts[Disposition.NO_CONTENT] += shard.end - shard.start - of_cases
        return result_bytes(
            ShardResult(
                hunt=self._hunt,
                number=number,
                leaves=leaves,
                counts={str(name): count for name, count in counts.items() if count},
                kinds=dict(kinds),
                milder=milder,
                found=tuple(found),
                left=tuple(left),
            )
        )

    # ---- reading ----------------------------------------------------------------------------------------------

    def _read(self, shard: Shard) -> tuple[dict[int, Frame], Counter[str], str]:
        """The records that its cases need, wherever they lie; how many of each kind it has; its digest."""
        wanted = {seq for case in shard.cases if not case.gone for seq in (*case.parts, case.outcome)} - {NOWHERE}
        kept: dict[int, Frame] = {}
        kinds: Counter[str] = Counter()
        hashed = hashlib.sha256()
        for frame in self._records.between(shard.log, shard.start, shard.end):
            hashed.update(leaf_hash(frame.leaf))
            kinds[frame.kind.value] += 1
            if frame.seq in wanted:
                kept[frame.seq] = frame
        for seq in sorted(wanted - kept.keys()):
            kept[seq] = self._records.one(shard.log, seq)
        return kept, kinds, "sha256:" + hashed.hexdigest()

    # ---- one case -----------------------------------------------------------------------------------------------

    def _case(self, shard: Shard, case: CaseAt, kept: Mapping[int, Frame]) -> tuple[Disposition, Found | None, bool]:
        if case.gone:
            return Disposition(case.gone), None, False
        keys = self._keys.setdefault(shard.log, self._vault.reader(shard.log))
        first = kept[case.parts[0]]
        try:
            parts = [keys.open(kept[seq]).fields for seq in case.parts]
        except KeyDestroyed:
            return Disposition.SINCE, None, False
        opened = _convert(parts[0])
        if opened is None or opened.case.digest != case_leaf(first).case:
            return Disposition.UNREADABLE, None, False
        if opened.kind is CaseKind.SEEDED:
            return Disposition.SEEDED, None, False
        content = read_content([str(fields.get("content", "")) for fields in parts], opened.case.content)
        try:
            again = read_again(content)
            api = _BY_NAME[again.exchange.api]
        except (ValueError, KeyError):
            return Disposition.UNREADABLE, None, False
        try:
            judged = [self._screen.request(api, again.exchange)]
            if again.reply is not None:
                judged.append(self._screen.answer(again.exchange, again.reply))
            now = self._screen.facts(judged)
        except (ScreeningUnavailable, CallerError):
            return Disposition.UNJUDGED, None, False
        was, settled, verdict = self._recorded(keys, case, kept)
        worse, better = compare(self._agreement.vocabulary, was, settled, now)
        if not worse:
            return Disposition.EXAMINED, None, better
        found = Found(
            log=shard.log,
            seq=first.seq,
            case=opened.case.digest,
            verdict_was=verdict,
            verdict_now=decide(self._agreement, now, {}).verdict.value,
            facts=worse,
            rules=_rules(judged, {each.fact for each in worse}),
        )
        return Disposition.EXAMINED, found, better

    def _recorded(
        self, keys: VaultReader, case: CaseAt, kept: Mapping[int, Frame]
    ) -> tuple[Mapping[str, str] | None, Mapping[str, str], str]:
        """The facts of the exchange's OUTCOME, what of them people had settled, and its verdict."""
        if case.outcome == NOWHERE:
            return None, {}, NOT_KNOWN
        frame = kept[case.outcome]
        try:
            fields = keys.open(frame).fields
            said = msgspec.convert(fields, _Outcome)
            return said.facts, said.settled, _VERDICT.decode(frame.leaf).verdict
        except (KeyDestroyed, msgspec.ValidationError):
            return None, {}, NOT_KNOWN


def _agreement_of(job: Job, plan: Plan) -> Agreement:
    agreement = shipped.read_agreement(Path(job.agreement))
    if agreement.digest != plan.agreement:
        raise ConfigError(f"{job.agreement} holds agreement {agreement.digest}; the plan is for {plan.agreement}")
    return agreement


def _rules(judged: list[Judged], facts: set[str]) -> tuple[str, ...]:
    """Which rules of which detectors said something of these facts, without a word of what they saw."""
    said = {
        f"{finding.detector}: {finding.rule}"
        for each in judged
        for judgement in each.judgements
        for finding in judgement.findings
        if finding.fact in facts
    }
    return tuple(sorted(said)[:RULES_MAX])


def _place(shard: Shard, seq: int) -> str:
    return f"shard {shard.log}, record {seq}"


class _Opened(msgspec.Struct, frozen=True):
    case: Case
    kind: CaseKind = CaseKind.HELD


class _Outcome(msgspec.Struct, frozen=True):
    facts: dict[str, str]
    settled: dict[str, str] = {}


class _Verdict(msgspec.Struct, frozen=True):
    verdict: str = "none"


_VERDICT: Final = msgspec.json.Decoder(_Verdict)


def _convert(fields: Mapping[str, JsonValue]) -> _Opened | None:
    try:
        return msgspec.convert(fields, _Opened)
    except msgspec.ValidationError:
        return None
