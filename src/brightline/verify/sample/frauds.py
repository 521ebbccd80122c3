# SPDX-License-Identifier: Apache-2.0
"""THE ATTACK SUITE: what an operator could do who owns the log's key, and what of it is seen by whom.

Each fraud changes an honest site and signs again wherever a real operator could. It says what it does and which
evidence, on top of the log by itself, makes which claim come out otherwise than at the honest site. A test runs every
one with every kind of evidence and compares. What nothing here catches is in the table too, with who could.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Verdict
from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.period import Period, StatedUpstream
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import entries_path
from brightline.verify.sample.ledger import BEGAN, Files, Ledger, seeded
from brightline.verify.sample.site import ANSWERED, MEASURED, MODEL, REFUSED, RELEASED, UNKEPT, UNPROMISED, Site


class Means(enum.StrEnum):
    """What an auditor may have in hand beside the log and its key."""

    LOG = "the log by itself"
    RECEIPTS = "receipts"
    GUARD = "the guard's log"
    REGISTRY = "the registry"
    WITNESSES = "witnesses"
    EARLIER = "an earlier visit"
    DISCLOSURES = "disclosures"


ARGUMENTS: Final[dict[Means, tuple[str, ...]]] = {
    Means.LOG: (),
    Means.RECEIPTS: tuple(
        word for name in (ANSWERED, REFUSED, "x-110") for word in ("--receipt", f"receipts/{name}.json")
    ),
    Means.GUARD: ("--guard", "guards", "--key", "guard.vkey"),
    Means.REGISTRY: ("registry", "--key", "registry.vkey"),
    Means.WITNESSES: ("--policy", "policy"),
    Means.EARLIER: ("--memory", "earlier.memory"),
    Means.DISCLOSURES: ("--disclosures", "disclosures.jsonl"),
}
COMMAND: Final = ("brightline", "verify", "evidence", "--key", "gateway.vkey")

_Effect = tuple[Means, Topic, Status]


class Fraud(msgspec.Struct, frozen=True):
    """``deed`` in words, ``row`` of the list of cheats that it belongs to, ``effects`` on the claims, by means.

    ``others`` says who or what else would show it, and is the whole answer where there is no effect.
    """

    name: str
    row: str
    deed: str
    commit: Callable[[Site], None]
    effects: tuple[_Effect, ...]
    others: str = ""

    def catches(self, means: Means) -> bool:
        """Whether some claim is contradicted with this in hand, or with the log alone."""
        return any(who in {means, Means.LOG} and status is Status.CONTRADICTED for who, _, status in self.effects)


# ---- the deeds ------------------------------------------------------------------------------------------------------


def _nothing(_site: Site) -> None:
    """The honest site."""


def _deleted(site: Site) -> None:
    site.gateway.remove(REFUSED)


def _hidden_refusal(site: Site) -> None:
    site.gateway.remove(UNPROMISED)
    site.gateway.renumber()


def _hidden_answer(site: Site) -> None:
    site.gateway.remove(UNKEPT)
    site.gateway.renumber()


def _never_logged_answer(site: Site) -> None:
    site.use("x-never")


def _past_the_guard(site: Site) -> None:
    site.attempt("x-past")
    site.permit("x-past")
    site.end("x-past", "completed", Verdict.PERMIT, "none", 400)


def _reordered(site: Site) -> None:
    attempt, passed, *_ = site.gateway.of(UNKEPT)
    records = site.gateway.records
    records[attempt], records[passed] = records[passed], records[attempt]
    site.gateway.renumber()


def _fabricated(site: Site) -> None:
    for number in range(20):
        site.refused(f"x-made-up-{number}")


def _backdated(site: Site) -> None:
    site.refused("x-inserted")
    attempt, outcome = site.gateway.records[-2:]
    at = site.gateway.of(UNPROMISED)[0]
    for record in (attempt, outcome):
        record.value["time"] = site.gateway.records[at].value["time"]
    site.gateway.records[at:at] = [attempt, outcome]
    del site.gateway.records[-2:]
    site.gateway.renumber()


def _late(site: Site) -> None:
    when = site.gateway.records[10].value["time"]
    site.refused("x-late")
    for record in site.gateway.records[-2:]:
        record.value["time"] = when


def _forked(site: Site) -> None:
    for index in site.gateway.of(UNPROMISED):
        site.gateway.records[index].value["exchange"] = "x-other"


def _rolled_back(site: Site) -> None:
    site.shown = lambda ledger: ledger.published(ledger.of("x-050")[0])


def _rolled_back_wholly(site: Site) -> None:
    _rolled_back(site)
    site.cosigned = b""


def _withheld(site: Site) -> None:
    def shown(ledger: Ledger) -> Files:
        files = ledger.published()
        del files.files[entries_path(0)]
        return files

    site.shown = shown


def _swapped_release_once(site: Site) -> None:
    for index in site.gateway.of(UNKEPT, RecordKind.PASS):
        site.gateway.records[index].value["release"] = "sha256:" + "66" * 32


def _swapped_release(site: Site) -> None:
    for index in [i for number in range(110, 120) for i in site.gateway.of(f"x-{number:03d}")]:
        site.gateway.records[index].value["release"] = "sha256:" + "66" * 32
    site.receipts[-1] = site.gateway.promise(site.gateway.of("x-110", RecordKind.OUTCOME)[0])


def _altered(site: Site) -> None:
    for index in site.gateway.of(ANSWERED, RecordKind.OUTCOME):
        site.gateway.records[index].value["released_bytes"] = 4


def _forged_verdict(site: Site) -> None:
    site.attempt("x-forged")
    site.permit("x-forged", Verdict.DENY)
    site.use("x-forged")
    site.end("x-forged", "completed", Verdict.PERMIT, "none", 400)


def _false_facts(site: Site) -> None:
    site.answered("x-facts")


def _changed_disclosures(site: Site) -> None:
    records = site.gateway.records
    at, other = site.gateway.of("x-110", RecordKind.OUTCOME)[0], site.gateway.of("x-111", RecordKind.OUTCOME)[0]
    records[at].disclosures = records[other].disclosures


def _without_pass(site: Site) -> None:
    site.attempt("x-without")
    site.end("x-without", "completed", Verdict.PERMIT, "none", 400)


def _left_open(site: Site) -> None:
    site.attempt("x-open")
    site.permit("x-open")
    site.use("x-open")
    site.gateway.epoch += 1
    site.attested()
    site.answered("x-after")


def _without_lease(site: Site) -> None:
    before = len(site.gateway.records)
    site.answered("x-unleased")
    for number, record in enumerate(site.gateway.records[before:]):
        record.value["time"] = f"2026-11-25T20:00:0{number}.000Z"


def _lease_of_another(site: Site) -> None:
    site.attested()
    site.gateway.records[-1].value["keys"] = ["66" * 32]


def _revoked(site: Site) -> None:
    public: dict[str, JsonValue] = {"what": "measurement", "revocation": "56" * 16, "name": MEASURED}
    site.registry.say(RecordKind.ATTESTATION, "", public, {"statement": "what somebody signed"})


def _used_twice(site: Site) -> None:
    site.use(UNKEPT)


def _other_key(site: Site) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seeded(0, "another key"))
    signer = NoteSigner(site.gateway.signer.verifier.name, key)
    site.shown = lambda ledger: ledger.published(signer=signer)


def _tampered(site: Site) -> None:
    def shown(ledger: Ledger) -> Files:
        files = ledger.published()
        path = entries_path(0)
        data = bytearray(files.files[path])
        data[700] ^= 1
        files.files[path] = bytes(data)
        return files

    site.shown = shown


def _period_lies(site: Site) -> None:
    def lie(period: Period) -> Period:
        denied = period.counts.outcome | {"refused": 0}
        return msgspec.structs.replace(period, counts=msgspec.structs.replace(period.counts, outcome=denied))

    site.gateway.lie = lie


def _guard_unnamed(site: Site) -> None:
    site.gateway.upstreams = (StatedUpstream("default", ""),)


def _another_model(site: Site) -> None:
    site.guard.records[-1].value["admitted"] = "sha256:" + "5d" * 32


def _taken_out(site: Site) -> None:
    site.admission("not_admitted", MODEL)
    for number in range(3):  # a record every two seconds
        site.answered(f"x-after-{number}")


def _admits_nothing(site: Site) -> None:
    for record in site.guard.records:
        if record.value["kind"] == RecordKind.CONSUMED:
            record.value["admitted"] = "nothing"


def _never_decided(site: Site) -> None:
    site.held("x-undecided")
    site.give("x-undecided", "x-undecided-given")


def _too_few(site: Site) -> None:
    site.held("x-too-few")
    site.decide("x-too-few", persons=1)
    site.give("x-too-few", "x-too-few-given")


def _given_twice(site: Site) -> None:
    site.give(RELEASED[0], "x-twice", used=False)


def _used_again(site: Site) -> None:
    site.give(RELEASED[0], "x-again")


def _not_used(site: Site) -> None:
    site.held("x-not-used")
    site.decide("x-not-used")
    site.give("x-not-used", "x-not-used-given", used=False)


def _late_decision(site: Site) -> None:
    site.held("x-expired")
    for index in site.gateway.of("x-expired", RecordKind.HOLD):
        site.gateway.records[index].value["expires"] = int(BEGAN.timestamp()) + 1
    site.decide("x-expired")
    site.give("x-expired", "x-expired-given")


def _stray_decision(site: Site) -> None:
    site.decide("x-nowhere")


def _without_parts(site: Site) -> None:
    site.held("x-in-part", parts=3)


# ---- the table --------------------------------------------------------------------------------------------------

_NO, _UNSHOWN = Status.CONTRADICTED, Status.NOT_SHOWN
_FORK: Final[tuple[_Effect, ...]] = (
    (Means.WITNESSES, Topic.WITNESSED, _NO),
    (Means.EARLIER, Topic.WITNESSED, _NO),
)

_NOT_THE_SIGNED: Final = (
    (Means.LOG, Topic.LOG, _NO),
    (Means.LOG, Topic.RECORDS, _UNSHOWN),
    (Means.LOG, Topic.BOOKS, _UNSHOWN),
    (Means.LOG, Topic.PASSED, _UNSHOWN),
)
_UNCOUNTED: Final[tuple[_Effect, ...]] = tuple(
    (Means.LOG, topic, _UNSHOWN) for topic in (Topic.PERIODS, Topic.LOST, Topic.UPSTREAMS, Topic.LEASED)
)

FRAUDS: Final = (
    Fraud(
        "deleted",
        "delete or skip a logged record",
        "A refusal is taken out of the log; the log is signed again.",
        _deleted,
        ((Means.LOG, Topic.RECORDS, _NO), (Means.RECEIPTS, Topic.RECEIPTS, _NO), *_FORK),
    ),
    Fraud(
        "hidden-refusal",
        "delete or skip a logged record",
        "The same, of a caller who kept no receipt, and all are numbered anew: no gap shows, others' receipts miss.",
        _hidden_refusal,
        ((Means.RECEIPTS, Topic.RECEIPTS, _NO), *_FORK),
    ),
    Fraud(
        "hidden-answer",
        "delete or skip a logged record",
        "An answer is taken out, and all records are numbered anew.",
        _hidden_answer,
        ((Means.RECEIPTS, Topic.RECEIPTS, _NO), (Means.GUARD, Topic.GUARDED, _NO), *_FORK),
    ),
    Fraud(
        "reordered",
        "reorder",
        "PASS is put before the ATTEMPT that it belongs to.",
        _reordered,
        ((Means.LOG, Topic.BOOKS, _NO), (Means.LOG, Topic.PASSED, _NO), *_FORK),
    ),
    Fraud(
        "answer-never-logged",
        "never log the attempt",
        "A pass token is made without a PASS, and the model answers; the gateway writes nothing.",
        _never_logged_answer,
        ((Means.GUARD, Topic.GUARDED, _NO),),
    ),
    Fraud(
        "refusal-never-logged",
        "never log the attempt",
        "A request is turned away without ATTEMPT, OUTCOME or receipt.",
        _nothing,
        (),
        "sealed test requests that the auditor sends and looks for; callers who note that they got no receipt",
    ),
    Fraud(
        "past-the-guard",
        "bypass the gateway",
        "An answer is logged as ever, but the model was reached past its guard.",
        _past_the_guard,
        ((Means.GUARD, Topic.GUARDED, _NO),),
    ),
    Fraud(
        "without-pass",
        "bypass the gateway",
        "An answer is logged that no PASS permitted.",
        _without_pass,
        ((Means.LOG, Topic.PASSED, _NO),),
    ),
    Fraud(
        "token-used-twice",
        "bypass the gateway",
        "One pass token is used for two requests, and the guard lets both through.",
        _used_twice,
        ((Means.GUARD, Topic.GUARDED, _NO),),
    ),
    Fraud(
        "without-a-lease",
        "serve where nobody attests",
        "An exchange is let through hours after the last lease ended.",
        _without_lease,
        ((Means.LOG, Topic.LEASED, _NO),),
    ),
    Fraud(
        "lease-of-another",
        "serve where nobody attests",
        "What another machine showed, for its own keys, is logged as if this one had shown it.",
        _lease_of_another,
        ((Means.LOG, Topic.LEASED, _NO),),
        "with the keys forged too, whoever may open the record: the evidence answers another challenge",
    ),
    Fraud(
        "lease-revoked",
        "serve where nobody attests",
        "What runs on the node was revoked, and it goes on serving under its leases.",
        _revoked,
        ((Means.REGISTRY, Topic.LEASED, _NO),),
    ),
    Fraud(
        "colluding",
        "operator and model server collude",
        "Gateway and guard both leave an exchange out.",
        _nothing,
        (),
        "callers with receipts, sealed test requests, attestation of the nodes; the two logs balance",
    ),
    Fraud(
        "fabricated-refusals",
        "fabricate blocks",
        "Twenty refusals are written of requests that nobody sent.",
        _fabricated,
        (),
        "callers, whose own counts differ; more refused test requests than the auditor sent",
    ),
    Fraud(
        "forked",
        "split view",
        "The auditor is shown another history than the witness and earlier visitors were.",
        _forked,
        _FORK,
        "anybody who holds a checkpoint (`--seen`)",
    ),
    Fraud(
        "rolled-back",
        "disk rollback",
        "An old state of the disk is shown; the cosigned checkpoint beside it is the newest.",
        _rolled_back,
        (
            (Means.RECEIPTS, Topic.RECEIPTS, _UNSHOWN),
            (Means.GUARD, Topic.GUARDED, _NO),
            (Means.WITNESSES, Topic.WITNESSED, _NO),
            (Means.EARLIER, Topic.WITNESSED, _NO),
        ),
    ),
    Fraud(
        "rolled-back-wholly",
        "disk rollback",
        "The same, and what witnesses said is not shown either.",
        _rolled_back_wholly,
        (
            (Means.RECEIPTS, Topic.RECEIPTS, _UNSHOWN),
            (Means.GUARD, Topic.GUARDED, _NO),
            (Means.WITNESSES, Topic.WITNESSED, _UNSHOWN),
            (Means.EARLIER, Topic.WITNESSED, _NO),
        ),
        "the witness itself, who says what it cosigned last",
    ),
    Fraud(
        "withheld",
        "withhold contents",
        "A bundle of entries is not given out.",
        _withheld,
        (*_NOT_THE_SIGNED, *_UNCOUNTED),
        "mirrors, which hold the contents",
    ),
    Fraud(
        "release-swapped-once",
        "swap the release",
        "A PASS names another classifier release than its ATTEMPT.",
        _swapped_release_once,
        ((Means.LOG, Topic.BOOKS, _NO), *_FORK),
    ),
    Fraud(
        "release-swapped",
        "swap the release",
        "Ten exchanges are judged by a release that nobody approved, and say so.",
        _swapped_release,
        ((Means.REGISTRY, Topic.VERSIONS, _NO),),
        "without the registry, whoever knows the approved releases: the recount names the other one, with its count",
    ),
    Fraud(
        "outcome-altered",
        "alter a record",
        "An OUTCOME is changed after its receipt was given.",
        _altered,
        ((Means.RECEIPTS, Topic.RECEIPTS, _NO), *_FORK),
    ),
    Fraud(
        "verdict-forged",
        "alter a verdict",
        "A request is permitted although its facts deny it.",
        _forged_verdict,
        ((Means.DISCLOSURES, Topic.REPLAYS, _NO),),
    ),
    Fraud(
        "disclosures-changed",
        "alter a verdict",
        "What is disclosed of a record opens another one.",
        _changed_disclosures,
        ((Means.DISCLOSURES, Topic.REPLAYS, _NO),),
    ),
    Fraud(
        "facts-invented",
        "alter a verdict",
        "A detector found something, and the record says that it found nothing.",
        _false_facts,
        (),
        "a cleared auditor who opens the content and asks the same release again; attestation of the node",
    ),
    Fraud(
        "released-undecided",
        "release what people must decide",
        "An answer that was held is given out, and nobody had decided.",
        _never_decided,
        ((Means.REGISTRY, Topic.HELD, _NO),),
    ),
    Fraud(
        "released-by-too-few",
        "release what people must decide",
        "The same, after one of two persons had decided.",
        _too_few,
        ((Means.REGISTRY, Topic.HELD, _NO),),
        "whoever may open the registry, if one person signed as two",
    ),
    Fraud(
        "decided-too-late",
        "release what people must decide",
        "The same, after two had decided a hold that had expired.",
        _late_decision,
        ((Means.REGISTRY, Topic.HELD, _NO),),
    ),
    Fraud(
        "given-out-twice",
        "release what people must decide",
        "A kept answer is given out a second time, and the registry says nothing of it.",
        _given_twice,
        ((Means.LOG, Topic.HELD, _NO),),
    ),
    Fraud(
        "used-twice",
        "release what people must decide",
        "A kept answer is given out a second time, and the registry says so a second time.",
        _used_again,
        ((Means.LOG, Topic.HELD, _NO),),
    ),
    Fraud(
        "used-unsaid",
        "release what people must decide",
        "A kept answer is given out, and no USED is written.",
        _not_used,
        ((Means.REGISTRY, Topic.HELD, _NO),),
    ),
    Fraud(
        "decided-for-no-case",
        "release what people must decide",
        "The registry holds decisions about a case that no log has.",
        _stray_decision,
        ((Means.REGISTRY, Topic.HELD, _UNSHOWN),),
        "with the combined heads, which name every log, it is contradicted",
    ),
    Fraud(
        "held-in-part",
        "release what people must decide",
        "An exchange is held, and two of the three parts that people are to look at are not there.",
        _without_parts,
        ((Means.LOG, Topic.HELD, _NO),),
    ),
    Fraud(
        "left-open",
        "hide how an exchange ended",
        "A crash leaves an exchange open, and no later boot says so.",
        _left_open,
        ((Means.LOG, Topic.BOOKS, _NO),),
    ),
    Fraud(
        "backdated",
        "backdate",
        "A refusal is put among older records as if it had been there, and all are numbered anew.",
        _backdated,
        ((Means.RECEIPTS, Topic.RECEIPTS, _NO), *_FORK),
    ),
    Fraud(
        "dated-earlier",
        "backdate",
        "A new record says an earlier time.",
        _late,
        (),
        "nobody: order is the index, and a time is what the gateway's clock said; witnesses bound it from above",
    ),
    Fraud(
        "period-lies",
        "lie in a statement",
        "The signed statements of what happened count no refusals.",
        _period_lies,
        ((Means.LOG, Topic.PERIODS, _NO), *_FORK),
    ),
    Fraud(
        "guard-unnamed",
        "lie in a statement",
        "The statements name no guard before the model server.",
        _guard_unnamed,
        ((Means.LOG, Topic.UPSTREAMS, _UNSHOWN), *_FORK),
    ),
    Fraud(
        "another-model",
        "serve another model",
        "The guard lets a request through to a model that it had not admitted.",
        _another_model,
        ((Means.GUARD, Topic.ADMITTED, _NO),),
        "with the digest forged too, the probes, perhaps: files that were hashed are not files that were loaded",
    ),
    Fraud(
        "model-taken-out",
        "serve another model",
        "The guard took its model out, and lets requests through.",
        _taken_out,
        ((Means.GUARD, Topic.ADMITTED, _NO),),
    ),
    Fraud(
        "nothing-admitted",
        "serve another model",
        "The guard asks for no model's papers at all.",
        _admits_nothing,
        ((Means.GUARD, Topic.ADMITTED, _UNSHOWN),),
    ),
    Fraud(
        "other-key",
        "take another key",
        "The log is signed with a key that the auditor was not given.",
        _other_key,
        _NOT_THE_SIGNED,
    ),
    Fraud(
        "tampered",
        "change bytes without the key",
        "Somebody without the key changes one bit of an entry.",
        _tampered,
        (*_NOT_THE_SIGNED, *_UNCOUNTED),
    ),
)

HONEST: Final = Fraud("honest", "", "Nothing: everything holds.", _nothing, ())
