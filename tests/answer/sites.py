# SPDX-License-Identifier: Apache-2.0
"""A whole installation as somebody meets who asks: the sample site, its heads, its registry, signed formulas.

Everything that this version can show is shown at it, so that a test can take one piece away and look.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.answer.gather import Asking, gather
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.review import REVIEW_TYPE, encoding_review
from brightline.core.answer.model import Dossier, Found, Status
from brightline.core.answer.questions import QUESTIONS
from brightline.core.evidence.canary import Canary, CanarySet, Expected, Sent, Told
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import COSIGNED
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
    (folder / "trust.json").write_bytes(msgspec.json.encode(ROOTS))
    _write_canaries(folder)
    return folder


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
