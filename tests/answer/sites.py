# SPDX-License-Identifier: Apache-2.0
"""A whole installation as somebody meets who asks: the sample site, its heads, its registry, signed formulas.

Everything that this version can show is shown at it, so that a test can take one piece away and look.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.answer.gather import Asking, gather
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.review import REVIEW_TYPE, encoding_review
from brightline.core.answer.model import Dossier, Found, Status
from brightline.core.answer.questions import QUESTIONS
from brightline.core.canonical import JsonValue
from brightline.core.evidence.canary import Canary, CanarySet, Expected, Sent, Told
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.evidence.tile import COSIGNED
from brightline.core.halt import LAG_SECONDS
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case
from brightline.core.review.decision import FORMAT as DECISION_FORMAT
from brightline.core.review.decision import Answer, ReviewerDecision, sign_decision
from brightline.core.review.draw import commitment, is_drawn
from brightline.core.review.sampling import questions_of
from brightline.core.statement import Party, SigningRole, sign_statement
from brightline.folders import read_agreement, shipped_agreements
from brightline.verify.arguments import read_receipt_argument
from brightline.verify.examine import Question
from brightline.verify.sample.frauds import HONEST
from brightline.verify.sample.ledger import Ledger, seeded
from brightline.verify.sample.site import ANSWERED, REFUSED, Site, honest_site
from tests.core.agreement.test_review import KEYS, ROOTS

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SHIPPED = shipped_agreements()["dow-2026-02-27"]
MONTH = "2026-11"  # in which the sample site was
PER_MILLION = 150_000
LOOKED = MappingProxyType({"r-1": "no", "r-2": "no"})
Deed = Callable[[Site], None]
Edit = Callable[[str], str]
SIGNERS = {Party.PROVIDER: SigningRole.PROVIDER_SAFETY, Party.CUSTOMER: SigningRole.CUSTOMER_OFFICIAL}


def _nothing(_ledger: Ledger) -> None:
    pass


def whole_site(
    folder: Path, commit: Deed = HONEST.commit, edit: Edit = str, says: Callable[[Ledger], None] = _nothing
) -> Path:
    """Write the sample site after a deed, and what an installation has beside it. What is beside it stays honest.

    ``edit`` changes the agreement's file before both parties sign for it; ``says`` writes more into the registry.
    """
    agreement = signed_agreement(folder / "agreement", edit)
    site = honest_site(1, agreement)
    sample(site, agreement)
    honest = site.gateway.head()
    commit(site)
    site.write(folder)
    logs = {"heads": Ledger(1, "heads"), "registry": site.registry}
    logs["registry"].say(RecordKind.DEMAND, "", {})
    says(logs["registry"])
    for head in (honest, logs["registry"].head()):
        logs["heads"].say(RecordKind.HEAD, "", {"log": head.origin, "size": head.size, "root": head.root.hex()})
    for name, ledger in logs.items():
        _write_log(folder / "evidence" / name, ledger)
        (folder / f"{name}.vkey").write_text(ledger.signer.verifier.vkey() + "\n", "utf-8")
    with (folder / "disclosures.jsonl").open("ab") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in site.registry.disclosed())
    (folder / "trust.json").write_bytes(msgspec.json.encode(ROOTS))
    _write_canaries(folder)
    return folder


def sample(site: Site, agreement: Agreement, said: Mapping[str, str] = LOOKED) -> None:
    """Draw permitted exchanges by a key that the registry names, and have people answer all that is asked of them.

    ``said`` is what each person answers to everything.
    """
    key = seeded(1, "the month's key")
    site.registry.say(
        RecordKind.REVIEW,
        "",
        {"what": "sampling", "month": MONTH, "commitment": commitment(key), "per_million": PER_MILLION},
    )
    since = unix_of(str(site.registry.records[-1].value["time"])) + LAG_SECONDS
    for at, record in enumerate(list(site.gateway.records)):
        value = record.value
        if value.get("outcome") != "completed" or unix_of(str(value["time"])) < since:
            continue
        if is_drawn(key, leaf_hash(site.gateway.leaf(at)), PER_MILLION):
            _ask_people(site, str(value["exchange"]), agreement, said)
    site.registry.say(RecordKind.REVIEW, "", {"what": "revealed", "month": MONTH, "key": key.hex()})


def _ask_people(site: Site, exchange: str, agreement: Agreement, said: Mapping[str, str]) -> None:
    questions = questions_of(agreement)
    case = Case(
        format=CASE_FORMAT,
        hold=f"hold_{exchange}",
        workload="a workload",
        unit="planning office",
        exchange_digest="sha256:" + "00" * 32,
        clauses=("RL-1",),
        questions=questions,
        recused=(),
        content="sha256:" + "00" * 32,
        opened=0,
        expires=2**40,
        agreement=str(site.terms["agreement"]),
        release=str(site.terms["release"]),
    )
    public: dict[str, JsonValue] = {**site.terms, "hold": case.hold, "case": case.digest}
    opened: dict[str, JsonValue] = {"clauses": ["RL-1"], "expires": case.expires, "part": 0, "parts": 1}
    site.gateway.say(RecordKind.CASE, exchange, public | opened | {"wanted": {"provider_cleared": 2}})
    for number, (person, value) in enumerate(said.items()):
        answers = tuple(Answer(one.subject, one.name, value, "I looked.") for one in questions)
        decision = ReviewerDecision(DECISION_FORMAT, case, person, answers, f"{number:032x}", 0)
        statement = sign_decision(decision, KEYS[SigningRole.PROVIDER_SAFETY]).decode()
        office: dict[str, JsonValue] = {"office": "provider_cleared", "signed_with": "key"}
        site.registry.say(RecordKind.DECISION, "", public | office, {"statement": statement})


def _write_log(folder: Path, ledger: Ledger) -> None:
    """Publish a log, cosigned by the sample's witness as it stands."""
    files = ledger.published().files
    key = Ed25519PrivateKey.from_private_bytes(seeded(1, "the witness's key"))
    line = Ed25519Cosigner("witness.example/w1", key).cosignature_line(ledger.head().text(), int(NOW.timestamp()))
    for path, data in (files | {COSIGNED: add_lines(files["checkpoint"], [line])}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def signed_agreement(folder: Path, edit: Edit) -> Agreement:
    """The shipped agreement, edited, with reviews of both parties beside it."""
    shutil.copytree(SHIPPED, folder)
    file = folder / "agreement.toml"
    names = ", ".join(f'"{party}.review"' for party in SIGNERS)
    text = file.read_text("utf-8").replace("encoding_review = []", f"encoding_review = [{names}]")
    file.write_text(edit(text), "utf-8")
    agreement = read_agreement(folder)
    for party, role in SIGNERS.items():
        review = encoding_review(agreement, party, "an office", (), int(NOW.timestamp()))
        (folder / f"{party}.review").write_bytes(sign_statement(review, REVIEW_TYPE, [KEYS[role]]))
    return agreement


def _write_canaries(folder: Path) -> None:
    """Two of the requests on record were the asker's own."""
    ids = {"c-1": (ANSWERED, Told.ANSWERED), "c-2": (REFUSED, Told.REFUSED)}
    canaries = tuple(Canary(name, "a prompt", Expected.ANY) for name in ids)
    made = CanarySet("brightline-canaries/1", "00" * 32, canaries)
    (folder / "canaries").write_bytes(msgspec.json.encode(made))
    with (folder / "canaries.sent").open("wb") as file:
        for name, (exchange, told) in ids.items():
            receipt = json.loads((folder / "receipts" / f"{exchange}.json").read_bytes())
            row = Sent(name, "2026-11-25T12:00:00Z", told, 200, "", None)
            file.write(msgspec.json.encode(json.loads(msgspec.json.encode(row)) | {"receipt": receipt}) + b"\n")


def asking(folder: Path) -> Asking:
    """Everything in hand."""
    evidence = Question(
        evidence=(str(folder / "evidence"),),
        keys=tuple(str(folder / f"{name}.vkey") for name in ("gateway", "guard", "heads", "registry")),
        disclosures=folder / "disclosures.jsonl",
        guards=(str(folder / "guards"),),
        policy=folder / "policy",
        agreements=(folder / "agreement",),
        receipts=tuple(read_receipt_argument(str(path)) for path in sorted((folder / "receipts").iterdir())),
    )
    return Asking(
        questions=tuple(QUESTIONS), evidence=evidence, roots=folder / "trust.json", canaries=folder / "canaries"
    )


def asked(asking: Asking) -> Dossier:
    return gather(asking, NOW)


def found_in(dossier: Dossier) -> dict[str, Found]:
    """What was found of each kind of evidence."""
    return {one.evidence.id: one.found for made in dossier.answers for claim in made.claims for one in claim.weighed}


def statuses_in(dossier: Dossier) -> dict[tuple[str, str], Status]:
    """How each claim of each question stands."""
    return {(made.question.id, claim.claim.id): claim.status for made in dossier.answers for claim in made.claims}
