# SPDX-License-Identifier: Apache-2.0
"""A site as an auditor meets it: a gateway's log, a guard's, receipts of callers, a witness, an earlier visit.

:func:`honest_site` makes one in which everything holds. A fraud changes it afterwards: what callers, the witness and
the earlier visit hold is theirs already, and stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.limits import lost_budget
from brightline.core.attestation.lease import Revocable, name_of
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError
from brightline.core.evidence.audit import audit_shard
from brightline.core.evidence.audit_memory import Memory
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_visit import Visit
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.period import StatedUpstream
from brightline.core.evidence.receipt import Receipt
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import COSIGNED
from brightline.core.facts import UNKNOWN, Facts
from brightline.folders import shipped_releases
from brightline.verify.examine import Question, terms_of
from brightline.verify.memory import write_memory
from brightline.verify.sample.ledger import BEGAN, SECONDS_EACH, Files, Ledger, seeded

EXCHANGES: Final = 120
VISITED: Final = 60  # so many exchanges were there on the auditor's earlier visit
WITNESSED: Final = 100  # so many when the witness cosigned last
STATED: Final = 25  # so many exchanges are between two periods
LEASED: Final = 20  # so many exchanges are between two leases
LEASE_SECONDS: Final = 300
MEASURED: Final = name_of(Revocable.MEASUREMENT, "5a" * 32)  # what runs there, as leases name it
MODEL: Final = "sha256:" + "5c" * 32  # which the guard admitted
ADMITTED_SECONDS: Final = 30 * 86_400
RELEASE: Final = "students-2026.11"  # which judged everything here, as the records say
GATEWAY: Final = "gateway-0"
GUARD: Final = "guard-0"
ANSWERED: Final = "x-012"  # an answer to a caller who kept the receipt; all three are before the earlier visit
REFUSED: Final = "x-016"  # a refusal to a caller who kept the receipt
UNPROMISED: Final = "x-018"  # a refusal whose caller kept nothing
UNKEPT: Final = "x-010"  # an answer whose caller kept nothing
RELEASED: Final = ("x-006", "x-013", "x-020")  # held; people decided, and it is given out after those below
GIVEN_AFTER: Final = ("x-009", "x-015", "x-070")
EARLIER: Final = "sha256:" + "5b" * 32  # the release before the one in force
OFFICE: Final = "provider_cleared"
WANTED: Final = 2
OPEN_SECONDS: Final = 86_400


NOTHING_MORE: Final[Mapping[str, JsonValue]] = MappingProxyType({})


class Site(msgspec.Struct):
    """All that lies at a site. ``shown`` and ``shown_guard`` make what is published of the two logs."""

    agreement: Agreement
    facts: dict[Verdict, Facts]
    gateway: Ledger
    guard: Ledger
    registry: Ledger
    receipts: list[Receipt]
    cosigned: bytes
    policy: str
    memory: Memory
    shown: Callable[[Ledger], Files]
    shown_guard: Callable[[Ledger], Files]

    def attempt(self, exchange: str) -> None:
        """A request arrives."""
        self.gateway.say(RecordKind.ATTEMPT, exchange, self.terms, {"unit": "planning office"})

    def permit(self, exchange: str, verdict: Verdict = Verdict.PERMIT) -> None:
        """It is permitted, by facts that give this verdict, and the guard lets it through."""
        public = self.terms | {"verdict": "permit", "clauses": self._clauses(Verdict.PERMIT), "token": token(exchange)}
        self.gateway.say(RecordKind.PASS, exchange, public, {"facts": dict(self.facts[verdict].items())})

    def use(self, exchange: str) -> None:
        """The guard books the token."""
        public = {"token": token(exchange), "upstream": "default", "admitted": MODEL}
        self.guard.say(RecordKind.CONSUMED, "", self.terms | public)

    def admission(self, what: str, model: str = "", until: int = 0) -> None:
        """The guard admits a model, or takes it out."""
        public: dict[str, JsonValue] = {"what": what, "model": model, "until": until, "upstream": "default"}
        self.guard.say(RecordKind.ADMISSION, "", public, {"why": ""})

    def end(
        self,
        exchange: str,
        outcome: str,
        verdict: Verdict,
        class_: str,
        released: int = 0,
        more: Mapping[str, JsonValue] = NOTHING_MORE,
    ) -> None:
        """The exchange ends; ``more`` is what its OUTCOME says besides."""
        public: dict[str, JsonValue] = {"outcome": outcome, "class": class_, "verdict": verdict.value, **more}
        public |= {"clauses": self._clauses(verdict), "released_bytes": released}
        self.gateway.say(
            RecordKind.OUTCOME, exchange, self.terms | public, {"facts": dict(self.facts[verdict].items())}
        )

    def answered(self, exchange: str) -> None:
        """An exchange that is permitted and answered."""
        self.attempt(exchange)
        self.permit(exchange)
        self.use(exchange)
        self.end(exchange, "completed", Verdict.PERMIT, "none", 400)

    def attested(self) -> None:
        """The gateway's machine shows what it is, and has a lease for that."""
        index = len(self.gateway.records)
        when = int((BEGAN + timedelta(seconds=SECONDS_EACH * index)).timestamp())
        public: dict[str, JsonValue] = {
            "attester": "a sample's attester (attests nothing)",
            "evidence": "sha256:" + seeded(0, f"evidence {index}").hex(),
            "expires": when + LEASE_SECONDS,
            "keys": [self.gateway.signer.verifier.public_key.hex(), seeded(0, "the tokens' key").hex()],
            "nonce": seeded(0, f"nonce {index}").hex(),
            "policy": "sha256:" + seeded(0, "policy").hex(),
            "production": False,
            "rests_on": [MEASURED],
            "stated": {"surface": "provider_cloud", "stack_on": "yes"},
        }
        self.gateway.say(RecordKind.ATTESTED, "", self.terms | public)

    def refused(self, exchange: str) -> None:
        """One that the agreement denies."""
        self.attempt(exchange)
        self.end(exchange, "refused", Verdict.DENY, "policy")

    def held(self, exchange: str, parts: int = 1) -> None:
        """One whose answer people must look at."""
        self.attempt(exchange)
        self.permit(exchange)
        self.use(exchange)
        when = BEGAN + timedelta(seconds=SECONDS_EACH * len(self.gateway.records))
        public = self.terms | self.hold(exchange) | {"clauses": self._clauses(Verdict.HOLD), "parts": parts}
        public |= {"expires": int(when.timestamp()) + OPEN_SECONDS, "wanted": {OFFICE: WANTED}, "part": 0}
        self.gateway.say(RecordKind.HOLD, exchange, public, {"content": f"the answer of {exchange}"})
        self.end(exchange, "held", Verdict.HOLD, "none")

    def decide(self, exchange: str, persons: int = WANTED) -> None:
        """So many persons answer what was asked about it."""
        for person in range(persons):
            public = self.terms | self.hold(exchange) | {"office": OFFICE}
            self.registry.say(RecordKind.DECISION, "", public, {"statement": f"person {person} about {exchange}"})

    def give(self, exchange: str, by: str, *, used: bool = True) -> None:
        """The answer that was held is given out, by another exchange that names it."""
        self.attempt(by)
        if used:
            public = self.terms | self.hold(exchange) | {"use": "answer", "by": by}
            self.registry.say(RecordKind.USED, "", public)
        self.end(by, "completed", Verdict.PERMIT, "none", 400, self.hold(exchange))

    def hold(self, exchange: str) -> dict[str, JsonValue]:
        """How the hold of an exchange, and its case, are called."""
        name = seeded(0, f"hold of {exchange}").hex()
        return {"hold": f"hold_{name[:24]}", "case": f"sha256:{name}"}

    @property
    def terms(self) -> dict[str, JsonValue]:
        """What each record of an exchange names."""
        return {"agreement": self.agreement.digest, "release": _release()}

    def write(self, folder: Path) -> None:
        """Write everything that an auditor is given. Raises ``ConfigError``."""
        try:
            _write_log(folder / "evidence" / GATEWAY, self.shown(self.gateway), self.cosigned)
            _write_log(folder / "guards" / GUARD, self.shown_guard(self.guard), b"")
            _write_log(folder / REGISTRY_SHARD / REGISTRY_SHARD, self.registry.published(), b"")
            (folder / "registry.vkey").write_text(self.registry.signer.verifier.vkey() + "\n", "utf-8")
            (folder / "gateway.vkey").write_text(self.gateway.signer.verifier.vkey() + "\n", "utf-8")
            (folder / "guard.vkey").write_text(self.guard.signer.verifier.vkey() + "\n", "utf-8")
            (folder / "policy").write_text(self.policy, "utf-8")
            lines = [msgspec.json.encode(line) for line in self.gateway.disclosed()]
            (folder / "disclosures.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
            (folder / "receipts").mkdir()
            for receipt in self.receipts:
                (folder / "receipts" / f"{receipt.exchange}.json").write_bytes(msgspec.json.encode(receipt) + b"\n")
            write_memory(folder / "earlier.memory", self.memory)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error

    def _clauses(self, verdict: Verdict) -> list[JsonValue]:
        return [*decide(self.agreement, self.facts[verdict], {}).clauses]


def honest_site(seed: int, agreement: Agreement) -> Site:
    """A site at which everything holds, made of a seed."""
    gateway, guard, registry = Ledger(seed, GATEWAY), Ledger(seed, GUARD), Ledger(seed, REGISTRY_SHARD)
    witness = Ed25519Cosigner(
        "witness.example/w1", Ed25519PrivateKey.from_private_bytes(seeded(seed, "the witness's key"))
    )
    policy = f"witness w1 {witness.verifier.vkey()}\nquorum w1\n"
    facts = _facts(agreement)
    nothing = Memory("", (), TokenBooks().memory())
    site = Site(
        agreement, facts, gateway, guard, registry, [], b"", policy, nothing, Ledger.published, Ledger.published
    )
    gateway.upstreams = (StatedUpstream("default", guard.signer.verifier.vkey()),)
    gateway.budget = agreement.digest, lost_budget(agreement)
    named: dict[str, JsonValue] = {"what": "classifier", "release": site.terms["release"], "replaces": EARLIER}
    site.admission("admitted", MODEL, int(BEGAN.timestamp()) + ADMITTED_SECONDS)
    registry.say(RecordKind.RELEASE, "", named, {"statement": "what both organisations signed"})
    for number in range(EXCHANGES):
        if number % STATED == STATED - 1:
            gateway.period()
            guard.period()
        if number % LEASED == 0:
            site.attested()
        exchange = f"x-{number:03d}"
        (site.answered, site.answered, site.refused, site.answered, site.refused, site.answered, site.held)[
            number % 7
        ](exchange)
        if exchange in GIVEN_AFTER:
            held = RELEASED[GIVEN_AFTER.index(exchange)]
            site.decide(held)
            site.give(held, given_of(held))
        if number == VISITED - 1:
            site.memory = _visited(site)
        if number == WITNESSED - 1:
            seen = BEGAN + timedelta(seconds=SECONDS_EACH * len(gateway.records))
            line = witness.cosignature_line(gateway.head().text(), int(seen.timestamp()))
            site.cosigned = add_lines(gateway.published().files["checkpoint"], [line])
    site.receipts = [
        gateway.promise(gateway.of(exchange, RecordKind.OUTCOME)[0]) for exchange in (ANSWERED, REFUSED, "x-110")
    ]
    return site


def given_of(held: str) -> str:
    """The exchange by which what was held is given out."""
    return f"{held}-given"


@cache
def _release() -> str:
    """The digest by which a record names the release: over the bytes of its file."""
    file = shipped_releases()[RELEASE] / "release.toml"
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def token(exchange: str) -> str:
    """A token's id."""
    return seeded(0, f"token of {exchange}").hex()[:32]


def _facts(agreement: Agreement) -> dict[Verdict, Facts]:
    """Facts that give each verdict: all good, and one of them bad or unknown."""
    good = Facts.of({spec.name: spec.good for spec in agreement.vocabulary.specs})
    found = {Verdict.PERMIT: good}
    for spec in agreement.vocabulary.specs:
        for value in ({"yes", "no"} - {spec.good}, {UNKNOWN}):
            facts = good.with_values({spec.name: min(value)})
            found.setdefault(decide(agreement, facts, {}).verdict, facts)
    return found


def _visited(site: Site) -> Memory:
    """What an auditor keeps who came now, with nothing but the key in hand."""
    visit = Visit()
    key = site.gateway.signer.verifier
    audit_shard(GATEWAY, site.gateway.published(), [key], visit=visit)
    terms = terms_of(Question(evidence=("evidence",)), [key], [])
    return Memory(terms, () if visit.keep is None else (visit.keep(),), TokenBooks().memory())


def _write_log(folder: Path, published: Files, cosigned: bytes) -> None:
    files = published.files | ({COSIGNED: cosigned} if cosigned else {})
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
