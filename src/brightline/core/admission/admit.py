# SPDX-License-Identifier: Apache-2.0
"""Whether a model may be served: its files, the word on its training, the records of its testing, its probes.

    1. the files on the disk are those of the signed manifest, every one, and no other
    2. an accepted signer states the safety training of these very files, in date
    3. a signed VV&T form without fault is of this model, in date; a workload that names records needs each of them
    4. the probes are signed by an accepted signer, and in date; asking them is for whoever reaches the model

Everything ends: what is found here is asked again at each request, with the time of then.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NoReturn

import msgspec

from brightline.core.admission.form import Form, lint, read_form
from brightline.core.admission.paper import FORM_TYPE, PAPER_BYTES_MAX, PROBES_TYPE, open_paper
from brightline.core.admission.probes import Probes, read_probes
from brightline.core.admission.training import DAYS_MAX, open_training
from brightline.core.admission.weights import check_weights
from brightline.core.errors import ConfigError, ModelNotAdmitted, TrustError
from brightline.core.screening.oms import read_public_key

FORMS_MAX: Final = 256


class Condition(enum.StrEnum):
    """What a model is refused for."""

    PENDING = "not_looked_at"
    FILES = "files"
    TRAINING = "safety_training"
    TESTING = "testing"
    PROBES = "probes"
    CANARY = "canary"
    UNANSWERED = "canary_not_answered"
    MODEL = "another_model"


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed about a model, as bytes. ``key`` is the manifest's in PEM, ``signers`` are raw Ed25519 keys."""

    manifest: bytes
    key: bytes
    statement: bytes
    forms: tuple[bytes, ...]
    probes: bytes
    signers: Mapping[str, bytes]


class Covered(msgspec.Struct, frozen=True):
    """A record of verification, validation and testing: of which system, for use where, until when (Unix seconds)."""

    system: str
    environment: str
    until: float


class Admissible(msgspec.Struct, frozen=True, kw_only=True):
    """A model of which everything that is signed holds. ``tested`` is by the id of the record."""

    digest: str
    files: int
    trained_until: float
    tested: Mapping[str, Covered]
    probes: Probes
    probes_digest: str

    @property
    def until(self) -> float:
        """When the last of it ends, in Unix seconds."""
        tested = max(each.until for each in self.tested.values())
        return min(self.trained_until, self.probes.until, tested)

    def check(self, at: float, records: tuple[str, ...]) -> None:
        """Whether it may answer a workload that names these VV&T records. Raises ``ModelNotAdmitted``."""
        if at >= self.trained_until:
            refuse(Condition.TRAINING, "the statement of training has ended")
        if at >= self.probes.until:
            refuse(Condition.PROBES, "the probes have ended")
        for record in records:
            if record not in self.tested:
                refuse(Condition.TESTING, f"no VV&T form {record[:64]!r} of this model was given to the guard")
            if at >= self.tested[record].until:
                refuse(Condition.TESTING, f"the VV&T form {record[:64]!r} has ended")
        if not any(at < each.until for each in self.tested.values()):
            refuse(Condition.TESTING, "every VV&T form of this model has ended")


def refuse(condition: Condition, message: str) -> NoReturn:
    """Raises ``ModelNotAdmitted``."""
    raise ModelNotAdmitted(condition, message)


def admit(papers: Papers, found: Mapping[str, str], at: float) -> Admissible:
    """Everything but the canary, of files (SHA-256 in hex by relative name) at ``at``, Unix seconds.

    Raises ``ModelNotAdmitted`` for the first condition that does not hold.
    """
    condition = Condition.FILES
    try:
        signed = check_weights(papers.manifest, read_public_key(papers.key), found)
        condition = Condition.TRAINING
        training, _ = open_training(papers.statement, signed.digest, papers.signers, at)
        condition = Condition.TESTING
        tested = _tested(papers, signed.digest, at)
        condition = Condition.PROBES
        text, _ = open_paper(papers.probes, PROBES_TYPE, papers.signers, PAPER_BYTES_MAX)
        probes = read_probes(text)
        if at >= probes.until:
            refuse(condition, f"the probes ended on {probes.expires}")
    except ModelNotAdmitted:
        raise
    except (TrustError, ConfigError) as error:
        raise ModelNotAdmitted(condition, str(error)) from error
    return Admissible(
        digest=signed.digest,
        files=len(signed.files),
        trained_until=datetime.fromisoformat(training.expires).timestamp(),
        tested=tested,
        probes=probes,
        probes_digest="sha256:" + hashlib.sha256(text).hexdigest(),
    )


def _tested(papers: Papers, digest: str, at: float) -> dict[str, Covered]:
    """The records that cover this model now. A form that is wrong refuses; one that has ended does not count."""
    if len(papers.forms) > FORMS_MAX:
        refuse(Condition.TESTING, f"{len(papers.forms)} VV&T forms were given; at most {FORMS_MAX}")
    covered: dict[str, Covered] = {}
    for envelope in papers.forms:
        text, _ = open_paper(envelope, FORM_TYPE, papers.signers, PAPER_BYTES_MAX)
        form = read_form(text, "a signed VV&T form")
        until = _end_of(form)
        if form.model != digest:
            refuse(Condition.TESTING, f"the VV&T form {form.id[:64]!r} is of another model")
        if form.id in covered:
            refuse(Condition.TESTING, f"two VV&T forms have the id {form.id[:64]!r}")
        if at < until:
            wrong = lint(form, datetime.fromtimestamp(at, UTC).date(), DAYS_MAX)
            if wrong:
                refuse(Condition.TESTING, f"{form.id[:64]!r} is wrong in {wrong[0].field}: {wrong[0].found}")
            covered[form.id] = Covered(form.system, form.environment_of_use, until)
    if not covered:
        refuse(Condition.TESTING, "no VV&T form of this model is in date")
    return covered


def _end_of(form: Form) -> float:
    return datetime(form.expires.year, form.expires.month, form.expires.day, tzinfo=UTC).timestamp()
