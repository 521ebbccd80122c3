# SPDX-License-Identifier: Apache-2.0
"""Frauds on what is stated: ends, times, periods, models and keys."""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.period import Period, StatedUpstream
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import entries_path
from brightline.verify.sample.fraud import FORK, NO, NOT_THE_SIGNED, UNCOUNTED, UNSHOWN, Fraud, Means
from brightline.verify.sample.ledger import Files, Ledger, seeded
from brightline.verify.sample.site import MODEL, UNPROMISED, Site


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


def _left_open(site: Site) -> None:
    site.attempt("x-open")
    site.permit("x-open")
    site.use("x-open")
    site.gateway.epoch += 1
    site.attested()
    site.answered("x-after")


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


# ---- the table --------------------------------------------------------------------------------------------------

OF_STATEMENTS: Final = (
    Fraud(
        "left-open",
        "hide how an exchange ended",
        "A crash leaves an exchange open, and no later boot says so.",
        _left_open,
        ((Means.LOG, Topic.BOOKS, NO),),
    ),
    Fraud(
        "backdated",
        "backdate",
        "A refusal is put among older records as if it had been there, and all are numbered anew.",
        _backdated,
        ((Means.RECEIPTS, Topic.RECEIPTS, NO), *FORK),
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
        ((Means.LOG, Topic.PERIODS, NO), *FORK),
    ),
    Fraud(
        "guard-unnamed",
        "lie in a statement",
        "The statements name no guard before the model server.",
        _guard_unnamed,
        ((Means.LOG, Topic.UPSTREAMS, UNSHOWN), *FORK),
    ),
    Fraud(
        "another-model",
        "serve another model",
        "The guard lets a request through to a model that it had not admitted.",
        _another_model,
        ((Means.GUARD, Topic.ADMITTED, NO),),
        "with the digest forged too, the probes, perhaps: files that were hashed are not files that were loaded",
    ),
    Fraud(
        "model-taken-out",
        "serve another model",
        "The guard took its model out, and lets requests through.",
        _taken_out,
        ((Means.GUARD, Topic.ADMITTED, NO),),
    ),
    Fraud(
        "nothing-admitted",
        "serve another model",
        "The guard asks for no model's papers at all.",
        _admits_nothing,
        ((Means.GUARD, Topic.ADMITTED, UNSHOWN),),
    ),
    Fraud(
        "other-key",
        "take another key",
        "The log is signed with a key that the auditor was not given.",
        _other_key,
        NOT_THE_SIGNED,
    ),
    Fraud(
        "tampered",
        "change bytes without the key",
        "Somebody without the key changes one bit of an entry.",
        _tampered,
        (*NOT_THE_SIGNED, *UNCOUNTED),
    ),
)
