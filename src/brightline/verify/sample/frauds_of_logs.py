# SPDX-License-Identifier: Apache-2.0
"""Frauds on the gateway's log: what is left out, put in, ordered, forked or changed, and what the guard hears."""

from __future__ import annotations

from typing import Final

from brightline.core.agreement.clause import Verdict
from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import entries_path
from brightline.verify.sample.fraud import FORK, NO, NOT_THE_SIGNED, UNCOUNTED, UNSHOWN, Fraud, Means
from brightline.verify.sample.ledger import Files, Ledger
from brightline.verify.sample.site import ANSWERED, MEASURED, REFUSED, UNKEPT, UNPROMISED, Site


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


# ---- the table --------------------------------------------------------------------------------------------------

OF_LOGS: Final = (
    Fraud(
        "deleted",
        "delete or skip a logged record",
        "A refusal is taken out of the log; the log is signed again.",
        _deleted,
        ((Means.LOG, Topic.RECORDS, NO), (Means.RECEIPTS, Topic.RECEIPTS, NO), *FORK),
    ),
    Fraud(
        "hidden-refusal",
        "delete or skip a logged record",
        "The same, of a caller who kept no receipt, and all are numbered anew: no gap shows, others' receipts miss.",
        _hidden_refusal,
        ((Means.RECEIPTS, Topic.RECEIPTS, NO), *FORK),
    ),
    Fraud(
        "hidden-answer",
        "delete or skip a logged record",
        "An answer is taken out, and all records are numbered anew.",
        _hidden_answer,
        ((Means.RECEIPTS, Topic.RECEIPTS, NO), (Means.GUARD, Topic.GUARDED, NO), *FORK),
    ),
    Fraud(
        "reordered",
        "reorder",
        "PASS is put before the ATTEMPT that it belongs to.",
        _reordered,
        ((Means.LOG, Topic.BOOKS, NO), (Means.LOG, Topic.PASSED, NO), *FORK),
    ),
    Fraud(
        "answer-never-logged",
        "never log the attempt",
        "A pass token is made without a PASS, and the model answers; the gateway writes nothing.",
        _never_logged_answer,
        ((Means.GUARD, Topic.GUARDED, NO),),
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
        ((Means.GUARD, Topic.GUARDED, NO),),
    ),
    Fraud(
        "without-pass",
        "bypass the gateway",
        "An answer is logged that no PASS permitted.",
        _without_pass,
        ((Means.LOG, Topic.PASSED, NO),),
    ),
    Fraud(
        "token-used-twice",
        "bypass the gateway",
        "One pass token is used for two requests, and the guard lets both through.",
        _used_twice,
        ((Means.GUARD, Topic.GUARDED, NO),),
    ),
    Fraud(
        "without-a-lease",
        "serve where nobody attests",
        "An exchange is let through hours after the last lease ended.",
        _without_lease,
        ((Means.LOG, Topic.LEASED, NO),),
    ),
    Fraud(
        "lease-of-another",
        "serve where nobody attests",
        "What another machine showed, for its own keys, is logged as if this one had shown it.",
        _lease_of_another,
        ((Means.LOG, Topic.LEASED, NO),),
        "with the keys forged too, whoever may open the record: the evidence answers another challenge",
    ),
    Fraud(
        "lease-revoked",
        "serve where nobody attests",
        "What runs on the node was revoked, and it goes on serving under its leases.",
        _revoked,
        ((Means.REGISTRY, Topic.LEASED, NO),),
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
        FORK,
        "anybody who holds a checkpoint (`--seen`)",
    ),
    Fraud(
        "rolled-back",
        "disk rollback",
        "An old state of the disk is shown; the cosigned checkpoint beside it is the newest.",
        _rolled_back,
        (
            (Means.RECEIPTS, Topic.RECEIPTS, UNSHOWN),
            (Means.GUARD, Topic.GUARDED, NO),
            (Means.WITNESSES, Topic.WITNESSED, NO),
            (Means.EARLIER, Topic.WITNESSED, NO),
        ),
    ),
    Fraud(
        "rolled-back-wholly",
        "disk rollback",
        "The same, and what witnesses said is not shown either.",
        _rolled_back_wholly,
        (
            (Means.RECEIPTS, Topic.RECEIPTS, UNSHOWN),
            (Means.GUARD, Topic.GUARDED, NO),
            (Means.WITNESSES, Topic.WITNESSED, UNSHOWN),
            (Means.EARLIER, Topic.WITNESSED, NO),
        ),
        "the witness itself, who says what it cosigned last",
    ),
    Fraud(
        "withheld",
        "withhold contents",
        "A bundle of entries is not given out.",
        _withheld,
        (*NOT_THE_SIGNED, *UNCOUNTED),
        "mirrors, which hold the contents",
    ),
    Fraud(
        "release-swapped-once",
        "swap the release",
        "A PASS names another classifier release than its ATTEMPT.",
        _swapped_release_once,
        ((Means.LOG, Topic.BOOKS, NO), *FORK),
    ),
    Fraud(
        "release-swapped",
        "swap the release",
        "Ten exchanges are judged by a release that nobody approved, and say so.",
        _swapped_release,
        ((Means.REGISTRY, Topic.VERSIONS, NO),),
        "without the registry, whoever knows the approved releases: the recount names the other one, with its count",
    ),
    Fraud(
        "outcome-altered",
        "alter a record",
        "An OUTCOME is changed after its receipt was given.",
        _altered,
        ((Means.RECEIPTS, Topic.RECEIPTS, NO), *FORK),
    ),
    Fraud(
        "verdict-forged",
        "alter a verdict",
        "A request is permitted although its facts deny it.",
        _forged_verdict,
        ((Means.DISCLOSURES, Topic.REPLAYS, NO),),
    ),
    Fraud(
        "disclosures-changed",
        "alter a verdict",
        "What is disclosed of a record opens another one.",
        _changed_disclosures,
        ((Means.DISCLOSURES, Topic.REPLAYS, NO),),
    ),
    Fraud(
        "facts-invented",
        "alter a verdict",
        "A detector found something, and the record says that it found nothing.",
        _false_facts,
        (),
        "a cleared auditor who opens the content and asks the same release again; attestation of the node",
    ),
)
