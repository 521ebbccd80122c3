# SPDX-License-Identifier: Apache-2.0
"""A proof as a folder that a stranger can check: the scripts, what each solver said of them, and how to ask again.

    <script>.smt2 …   what was asked
    proof.json        digests of the agreements and of each script, expected and given answers, solvers and versions
    README.txt        how to run it again

To verify a folder takes no solver: digests fit, nothing is missing, each answer is the one that proves. That says what
was claimed to have been proved; whoever wants to know it himself runs the scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.smtlib import DENIES, PERMITS, Expected, Script
from brightline.core.errors import ConfigError, TrustError
from brightline.shell.prove.proof import Outcome, Proof
from brightline.shell.prove.solvers import SolverName, SolverVerdict

FORMAT: Final = "brightline-proof/1"
INDEX: Final = "proof.json"
README: Final = "README.txt"
INDEX_BYTES_MAX: Final = 4 * 1024 * 1024
SCRIPT_BYTES_MAX: Final = 64 * 1024 * 1024
# What every proof has; without them a folder that proves nothing would have nothing wrong with it.
_ALWAYS: Final = ("T1-crossed", "T1-holding", "T2-", "T3-", "T4-", "T5-", "LIVE-", "examples")


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one solver said of one script."""

    solver: SolverName
    version: str
    verdict: SolverVerdict
    seconds: float


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One script: its file, the SHA-256 of its bytes, and the answers."""

    file: str
    sha256: str
    claim: str
    expected: Expected
    answers: tuple[Given, ...]


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``proof.json``. ``baseline`` is empty where nothing was compared."""

    format: str
    candidate: str
    baseline: str
    scripts: tuple[Entry, ...]


class ProofSummary(msgspec.Struct, frozen=True):
    """A folder that was verified: how many claims, by which solvers (name, version)."""

    candidate: str
    baseline: str
    claims: int
    solvers: tuple[tuple[str, str], ...]


def bundle_files(proof: Proof) -> dict[str, bytes]:
    """Return the files of the folder, by name."""
    index = Index(FORMAT, proof.candidate, proof.baseline, tuple(_entry(outcome) for outcome in proof.outcomes))
    scripts = {outcome.script.file: outcome.script.text.encode() for outcome in proof.outcomes}
    return {
        **scripts,
        INDEX: msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n",
        README: _readme(proof).encode(),
    }


def pins(files: dict[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each file, as an update names them."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}


def write_bundle(folder: Path, proof: Proof) -> dict[str, str]:
    """Write the folder and return the pins. Raises ``ConfigError``: nothing of anybody's is written over."""
    files = bundle_files(proof)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with (folder / name).open("xb") as file:
                file.write(data)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    return pins(files)


def verify_bundle(
    folder: Path, candidate_digest: str, baseline_digest: str, scripts: Sequence[Script] | None = None
) -> ProofSummary:
    """Check that a folder proves the candidate and, unless its digest is empty, that it is no weaker.

    ``scripts`` are those that the agreements give (``scripts_for``) where both are at hand: then each file must be the
    same bytes, and none may be missing. Runs no solver. Raises ``TrustError``.
    """
    index = _index(folder)
    if (index.candidate, index.baseline) != (candidate_digest, baseline_digest):
        raise TrustError(
            f"the proof in {folder} is about {index.candidate[:80]} over {index.baseline[:80] or 'no baseline'}; "
            f"asked for was {candidate_digest} over {baseline_digest or 'no baseline'}"
        )
    _complete(index, scripts)
    for entry in index.scripts:
        _proves(entry)
        _unchanged(folder, entry)
    given = {(answer.solver.value, answer.version) for entry in index.scripts for answer in entry.answers}
    return ProofSummary(index.candidate, index.baseline, len(index.scripts), tuple(sorted(given)))


def _index(folder: Path) -> Index:
    try:
        index = msgspec.json.decode(_read(folder / INDEX, INDEX_BYTES_MAX), type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustError(f"{folder / INDEX} is no record of a proof: {error}") from error
    if index.format != FORMAT:
        raise TrustError(f"proof format {index.format[:40]!r}; expected {FORMAT!r}")
    return index


def _complete(index: Index, scripts: Sequence[Script] | None) -> None:
    files = [entry.file for entry in index.scripts]
    if len(set(files)) != len(files):
        raise TrustError("the proof names a script twice")
    compared = (PERMITS, DENIES) if index.baseline else ()
    missing = [start for start in (*_ALWAYS, *compared) if not any(file.startswith(start) for file in files)]
    if missing:
        raise TrustError(f"the proof lacks {', '.join(missing)}")
    if scripts is None:
        return
    said = {entry.file: (entry.sha256, entry.expected, entry.claim) for entry in index.scripts}
    wanted = {script.file: (script.sha256, script.expected, script.claim) for script in scripts}
    if said != wanted:
        odd = sorted(file for file in {*said, *wanted} if said.get(file) != wanted.get(file))
        raise TrustError(f"the agreements give other scripts than the proof: {', '.join(odd)[:200]}")


def _proves(entry: Entry) -> None:
    if {answer.solver for answer in entry.answers} != set(SolverName) or len(entry.answers) != len(SolverName):
        raise TrustError(f"{entry.file}: a proof has one answer of each of {', '.join(SolverName)}")
    for answer in entry.answers:
        if answer.verdict.value != entry.expected.value:
            raise TrustError(f"{entry.file}: {answer.solver} said {answer.verdict}, which does not prove it")


def _unchanged(folder: Path, entry: Entry) -> None:
    if Path(entry.file).name != entry.file or not entry.file.endswith(".smt2"):
        raise TrustError(f"{entry.file[:80]!r} is no name of a script")
    found = hashlib.sha256(_read(folder / entry.file, SCRIPT_BYTES_MAX)).hexdigest()
    if found != entry.sha256:
        raise TrustError(f"{folder / entry.file} has SHA-256 {found}; proved was {entry.sha256[:80]}")


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise TrustError(f"{path} exceeds {most} bytes")
    return data


def _entry(outcome: Outcome) -> Entry:
    script = outcome.script
    given = tuple(Given(a.solver, a.version, a.verdict, round(a.seconds, 3)) for a in outcome.answers)
    return Entry(script.file, script.sha256, script.claim, script.expected, given)


def _readme(proof: Proof) -> str:
    versions = sorted({f"{a.solver} {a.version}" for o in proof.outcomes for a in o.answers if a.version})
    over = f"baseline:  {proof.baseline}\n" if proof.baseline else ""
    rows = "".join(f"  {o.script.file:<45} {o.script.expected:<6} {o.script.claim}\n" for o in proof.outcomes)
    return (
        "What this folder proves about an agreement, for all facts and all numbers of approvals.\n\n"
        f"candidate: {proof.candidate}\n{over}"
        f"answered by {' and '.join(versions)}; proof.json says what each said, and the SHA-256 of each file.\n\n"
        "To run it again, take any solver that reads SMT-LIB 2.6, such as z3 or cvc5:\n\n"
        "  for script in *.smt2; do echo $script; z3 $script; cvc5 $script; done\n\n"
        "and compare with the answer that proves the claim:\n\n"
        f"{rows}\n"
        "To see that the scripts say what the agreement says, write them again from its text and compare:\n\n"
        "  brightline agreement prove CANDIDATE --baseline BASELINE --out AGAIN\n"
        "  diff --recursive --exclude proof.json --exclude README.txt . AGAIN\n"
    )
