# SPDX-License-Identifier: Apache-2.0
"""THE CONDITIONS FOR SERVING: one list, which ``preflight`` goes through before, and ``/readyz`` while it serves.

Each condition has its mend, which is told where it fails. What is found is told twice: in words that everybody may
hear, and in full to operators, because it may name files, folders and servers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.facts import Source, Vocabulary
from brightline.core.halt import HaltBook, Scope
from brightline.core.standing import AGREEMENT_SCOPE


class Condition(enum.StrEnum):
    """What must hold before and while a gateway serves, in the order in which one rests on another."""

    mend: str

    def __new__(cls, value: str, mend: str = "") -> Condition:
        """A member is its name; how it is mended stands beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.mend = mend
        return member

    SETTINGS = "settings", "correct brightline.toml; docs/settings.md lists every setting"
    INSTALLATION = "installation", "bring trust.json, and installation.json signed by both parties and in date"
    KEYS = (
        "keys",
        "put the keys of this gateway in place, readable by its user alone (`brightline shard add` makes one); "
        "in production seal them: `brightline keys seal`, and let `brightline keys agent` run",
    )
    AGREEMENT = "agreement", "bring the agreement that both parties signed; `brightline agreement prove` shows why not"
    REGISTRY = "registry", "look at what the registry says is wrong; nobody serves who cannot see a suspension"
    RELEASE = "release", "bring the classifier release that both parties signed, and the weights that it names"
    DETECTORS = "detectors", "look at the log of the detector; one that misses its canaries judges nobody"
    HALT = "no halt", "both parties sign `brightline resume` once the reason is gone; `brightline halts` tells it"
    LEASE = (
        "lease",
        "`brightline attest verify` says what is wrong with evidence; docs/attestation.md lists the faults",
    )
    ADMISSION = "admission", "admit the model by what both parties sign; docs/model-admission.md"
    ROSTER = "roster", "enrol somebody who may decide and is cleared; `brightline review enrolment`"
    EVIDENCE = "evidence", "see that the disk can be written and nobody else writes this shard; then start again"
    DISK = "disk", "make room on the disk that holds the evidence"
    WITNESSES = "witnesses", "see that a quorum of the witnesses can be reached; a witness that objects needs people"
    UPSTREAM = "model server", "start the model server, or correct where it is under [upstream]"
    CLOCK = "clock", "set the clock by the network's time, and keep it so; then start again"


class Check(msgspec.Struct, frozen=True):
    """What was found of one condition. ``missing`` is for everybody, ``detail`` for operators; both empty: it holds.

    ``unlooked`` says which condition it rests on that does not hold, where nobody could look.
    """

    condition: Condition
    missing: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    unlooked: Condition | None = None

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return not self.missing and not self.detail and self.unlooked is None

    @property
    def why(self) -> tuple[str, ...]:
        """All that an operator is told; empty where it holds."""
        if self.unlooked is not None:
            return (f"not looked at: it rests on {self.unlooked}",)
        return tuple(dict.fromkeys((*self.missing, *self.detail)))


STATED_BY: Final[Mapping[Source, Condition]] = MappingProxyType(
    {
        Source.ATTESTATION: Condition.LEASE,
        Source.ADMISSION: Condition.ADMISSION,
        Source.ROSTER: Condition.ROSTER,
    }
)


def of_facts(vocabulary: Vocabulary, facts: Mapping[str, str]) -> dict[Condition, tuple[str, ...]]:
    """What is missing of the facts that the installation alone states, by the condition that states each."""
    found: dict[Condition, tuple[str, ...]] = {}
    for spec in vocabulary.specs:
        if spec.installation and facts[spec.name] != spec.good:
            for source in sorted(spec.set_by):
                condition = STATED_BY[source]
                found[condition] = (*found.get(condition, ()), f"{spec.name} is {facts[spec.name]}")
    return found


def halted(book: HaltBook, models: Iterable[str]) -> tuple[str, ...]:
    """What people have halted of all that is served, as everybody may hear it; empty while something is served."""
    scopes = {book.stopping(AGREEMENT_SCOPE, model) for model in models}
    if Scope.INSTALLATION in scopes:
        return ("people have halted this installation",)
    return ("people have halted every model",) if scopes == {Scope.MODEL} else ()


def missing(checks: Sequence[Check]) -> tuple[str, ...]:
    """What everybody may be told of what keeps a gateway from serving, each once."""
    return tuple(dict.fromkeys(said for check in checks for said in check.missing))
