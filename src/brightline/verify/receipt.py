# SPDX-License-Identifier: Apache-2.0
"""``brightline receipt``: what a caller does with a receipt: have it upgraded to a witnessed proof, and check that.

A receipt is a promise, and its log must be looked up. A ``.tlog-proof`` (C2SP tlog-proof) is the fact that the promise
was kept, with the checkpoint that the log signed and witnesses cosigned: it needs no log any more. A receipt names its
leaf's hash, so the proof is checked against the receipt, without the record's bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.merkle import ProofError, leaf_hash
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.core.evidence.policy import NONE, Policy
from brightline.core.evidence.proof import (
    PROOF_BYTES_MAX,
    MalformedProof,
    TlogProof,
    WitnessedRecord,
    verify_proof_of_hash,
)
from brightline.core.evidence.proving import (
    CHECKPOINT,
    RETRY_SECONDS,
    NotCosigned,
    NotPublished,
    prove_record,
    read_heads,
)
from brightline.core.evidence.receipt import Receipt, is_signed
from brightline.core.evidence.record import LEAF_BYTES_MAX
from brightline.terminal import as_json, plain
from brightline.verify.arguments import KEY_CHARS_MAX, read_key, read_policy, read_receipt_argument
from brightline.verify.remote import is_url
from brightline.verify.sources import Log, logs_at

LOG_ALONE: Final = Policy((), (), (), NONE)
_CALENDAR_END: Final = 253_402_300_799  # the last second of the year 9999

_POLICY = click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A witness policy (tlog-policy) of your own: a quorum of it must have cosigned.",
)
_JSON = click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")


class Told(msgspec.Struct, frozen=True):
    """What a command found: whether it is ``shown``, a sentence, and of what was shown the numbers."""

    shown: bool
    sentence: str
    origin: str = ""
    index: int | None = None
    size: int | None = None
    witnesses: dict[str, int] = {}


@click.group()
def receipt() -> None:
    """Make of a receipt a proof that stands alone, and check it."""


@receipt.command()
@click.argument("receipt_", metavar="RECEIPT")
@click.argument("evidence")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .tlog-proof to write."
)
@click.option("--key", "keys", multiple=True, metavar="VKEY|FILE", help="Verifier key of the log; repeat for more.")
@_POLICY
@click.option("--log-alone", is_flag=True, help="Be content with the log's own signature where no witness is there.")
@_JSON
def upgrade(
    receipt_: str,
    evidence: str,
    out: Path,
    keys: tuple[str, ...],
    policy: Path | None,
    log_alone: bool,
    json_wanted: bool,
) -> None:
    """Fetch the proof that RECEIPT was kept, from the log at EVIDENCE, and write it.

    RECEIPT is the text of the header x-brightline-receipt, or a file with it. EVIDENCE is a published folder or an
    address (http, https), of the log or of all logs. What is written was checked: the receipt's signature, its leaf,
    the way to the root, and the signature on that. Without a policy no cosignature is.

    Exit codes: 0 written; 1 not now, or not what was promised; 2 bad usage, unreadable, or a server that does not
    answer.
    """
    held = read_receipt_argument(receipt_)
    believed = LOG_ALONE if policy is None else read_policy(policy)
    with opened_log(evidence, held.shard) as log:
        known = [read_key(key) for key in keys] or [_own_key(log.published)]
        try:
            proof, told = _upgrade(held, log.published, known, believed, log_alone)
        except UnreadableError as error:
            proof, told = None, Told(False, f"the log cannot be read: {error}")
    if proof is not None:
        write_proof(out, proof)
    _tell(told, json_wanted)
    if proof is not None and not keys and not json_wanted:
        click.echo("keys: taken from the log itself. This shows that it is whole, not whose it is; give --key.")


@receipt.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--receipt", "receipt_", metavar="TEXT|FILE", help="The receipt that it must be the proof of.")
@click.option(
    "--record", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Or the record itself: its leaf."
)
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="VKEY|FILE", help="Verifier key of a log; repeat for more."
)
@_POLICY
@_JSON
def check(
    file: Path,
    receipt_: str | None,
    record: Path | None,
    keys: tuple[str, ...],
    policy: Path | None,
    json_wanted: bool,
) -> None:
    """Check FILE, a .tlog-proof, against the receipt or the record that it is said to be the proof of, offline.

    Exit codes: 0 it proves it; 1 it does not; 2 bad usage or unreadable.
    """
    if (receipt_ is None) == (record is None):
        raise ConfigError("give what it must be the proof of: --receipt or --record, one of them")
    proof = _read_proof(file)
    known = [read_key(key) for key in keys]
    believed = LOG_ALONE if policy is None else read_policy(policy)
    if receipt_ is not None:
        _tell(check_against(proof, read_receipt_argument(receipt_), known, believed), json_wanted)
    elif record is not None:
        _tell(_check(proof, leaf_hash(_read_file(record, LEAF_BYTES_MAX)), known, believed), json_wanted)


def check_against(proof: TlogProof, held: Receipt, keys: Sequence[VerifierKey], policy: Policy) -> Told:
    """Whether a proof shows that a receipt was kept."""
    if not any(is_signed(held, key.public_key) for key in keys):
        return Told(False, "the log's key did not sign this receipt")
    if proof.index != held.seq:
        return Told(False, f"this is a proof of record {proof.index}; the receipt is of record {held.seq}")
    return _check(proof, _promised(held), keys, policy)


@contextmanager
def opened_log(evidence: str, shard: str) -> Iterator[Log]:
    """The log of a shard at a place: its own folder or address, or that of all logs. Raises ``ConfigError``."""
    logs = _logs_of(evidence, shard)
    try:
        named = [log for log in logs if log.name == shard] or (logs if len(logs) == 1 else [])
        if not named:
            raise ConfigError(f"{evidence} holds no log {shard!r}: found {', '.join(log.name for log in logs)}")
        yield named[0]
    finally:
        for log in logs:
            log.published.close()


def write_proof(path: Path, proof: TlogProof) -> None:
    """Write a ``.tlog-proof``. Raises ``ConfigError``."""
    try:
        path.write_bytes(proof.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _logs_of(evidence: str, shard: str) -> list[Log]:
    logs = logs_at(evidence)
    if not is_url(evidence) or logs[0].name == shard:
        return logs
    try:
        logs[0].published.read(CHECKPOINT, NOTE_BYTES_MAX)
    except UnreadableError:  # the address of all logs, then
        logs[0].published.close()
        if not shard.isascii() or not all(char.isalnum() or char in "._-" for char in shard):
            raise ConfigError(f"no address has a log of the name {shard[:80]!r}") from None
        return logs_at(f"{evidence.rstrip('/')}/{shard}")
    return logs


def _upgrade(
    held: Receipt, published: Published, keys: Sequence[VerifierKey], policy: Policy, log_alone: bool
) -> tuple[TlogProof | None, Told]:
    """The proof, if there is one and it shows what was promised. Raises ``UnreadableError``."""
    heads = read_heads(published)
    try:
        head = heads.covering(held.seq) if log_alone else heads.witnessed(held.seq)
        proof = prove_record(published, heads, head, held.seq)
    except NotCosigned as error:
        again = f"try again in {RETRY_SECONDS} seconds" if heads.cosigned else "--log-alone does without"
        return None, Told(False, f"{error}; {again}")
    except NotPublished as error:
        return None, Told(False, f"{error}; try again in {RETRY_SECONDS} seconds")
    except ProofError as error:
        return None, Told(False, f"the tiles of this log do not lead to what it signed: {error}")
    told = check_against(proof, held, keys, policy)
    return (proof if told.shown else None), told


def _check(proof: TlogProof, hash_: bytes, keys: Sequence[VerifierKey], policy: Policy) -> Told:
    try:
        found = verify_proof_of_hash(proof, hash_, keys, policy)
    except NoteError as error:
        return Told(False, f"its checkpoint is not believed: {error}")
    except ProofError as error:
        return Told(
            False,
            f"what was promised does not stand at record {proof.index} of what was signed: {error}. "
            "`brightline verify --receipt … --misbehaviour …` writes down what convicts the log",
        )
    head = found.checkpoint.checkpoint
    return Told(True, _sentence(found), head.origin, found.index, head.size, found.checkpoint.times)


def _sentence(found: WitnessedRecord) -> str:
    head, times = found.checkpoint.checkpoint, found.checkpoint.times
    begin = f"record {found.index} stands among the first {head.size} of {head.origin}"
    if not times:
        return f"{begin}, as the log alone signed: without a policy no cosignature was looked at"
    seen = [
        f"{name} at {datetime.fromtimestamp(min(time, _CALENDAR_END), UTC):%F %T} UTC" for name, time in times.items()
    ]
    return f"{begin}, cosigned by {', '.join(seen)}"


def _tell(told: Told, json_wanted: bool) -> None:
    click.echo(as_json(msgspec.to_builtins(told)) if json_wanted else plain(told.sentence))
    if not told.shown:
        raise SystemExit(1)


def _promised(held: Receipt) -> bytes:
    try:
        return bytes.fromhex(held.leaf)
    except ValueError as error:
        raise ConfigError("--receipt: its leaf hash is not hex") from error


def _own_key(published: Published) -> VerifierKey:
    try:
        return VerifierKey.parse(published.read("log.vkey", KEY_CHARS_MAX).decode("utf-8", "replace"))
    except (UnreadableError, NoteError) as error:
        raise TrustError(f"the log shows no key of its own ({error}); give --key") from error


def _read_proof(path: Path) -> TlogProof:
    try:
        return TlogProof.parse(_read_file(path, PROOF_BYTES_MAX))
    except MalformedProof as error:
        raise ConfigError(f"{path} is no .tlog-proof: {error}") from error


def _read_file(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise ConfigError(f"{path} has more than {bytes_max} bytes")
    return data
