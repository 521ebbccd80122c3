# SPDX-License-Identifier: Apache-2.0
"""The model behind a guard: admitted, looked at all the time, and taken out when a condition ends.

    1. every file is hashed and compared with what was signed, once, and again when any of them was touched
    2. what is signed of the model is read and verified (``core/admission/admit.py``)
    3. the probes are asked of the model itself
    4. the admission is on record, and only then is a request let through
    5. twice a second: were the files or papers touched, has anything ended? On the schedule of the probes: again 3

A touched file takes the model out at once, before it is hashed. Hashing is one thread, one time after another, and
rests at least as long as it took. A model that failed its probes stays out until its files or papers change, or its
guard is started anew: a second try of the same model could only pass by luck.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.admission.admit import Admissible, Condition, Papers, admit, refuse
from brightline.core.admission.paper import PAPER_BYTES_MAX
from brightline.core.admission.probes import Probe, Probes, failed_too_often, passed
from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.enforcement.pass_token import PassClaims
from brightline.core.errors import ConfigError, EvidenceUnavailable, ModelNotAdmitted, TrustError
from brightline.core.evidence.record import MODEL_ADMITTED, NOTHING_ADMITTED
from brightline.files import read_within
from brightline.guard.settings import ModelSettings
from brightline.shell.storage.model_files import model_digests, model_marks, model_signature

LOOK_SECONDS: Final = 0.5
REST_SECONDS: Final = 2.0  # between two times of hashing, at least
UNANSWERED_SECONDS: Final = 5.0
PAPERS_SECONDS: Final = 60.0  # after which papers that did not hold are read again: one may have begun
NOTHING: Final = NOTHING_ADMITTED
NOT_ADMITTED: Final = "not_admitted"
CHAT_PATH: Final = "/v1/chat/completions"
log = logging.getLogger("brightline.guard")

Ask = Callable[[str, bytes, float], Awaitable[bytes]]
"""Path, body and seconds → the body of an answer with status 200. Raises ``OSError``."""


class Admits(Protocol):
    """Whether the model may answer now."""

    @property
    def fault(self) -> str:
        """The condition by which it is out; empty while it may answer."""
        ...

    def check(self, claims: PassClaims) -> str:
        """What is admitted: the model's digest, or ``nothing``. Raises ``ModelNotAdmitted``."""
        ...


class Tells(Protocol):
    """The guard's own log."""

    async def admission(self, said: Admission) -> None:
        """Record it, durably. Raises ``EvidenceUnavailable``."""
        ...


class Admission(msgspec.Struct, frozen=True):
    """What is recorded. ``what`` is ``admitted``, ``not_admitted`` or ``nothing``; ``until`` is in Unix seconds."""

    what: str
    condition: str = ""
    model: str = ""
    until: int = 0
    probes: str = ""
    asked: int = 0
    failed: tuple[str, ...] = ()
    why: str = ""


class AdmitsNothing:
    """The development profile without a model to look at: everything is let through, and each record says so."""

    fault = ""

    def check(self, claims: PassClaims) -> str:
        """Always ``nothing``."""
        return NOTHING


class _Seen(msgspec.Struct, frozen=True):
    """Files and papers as they lay there. Files that could not be looked at are words; a missing paper is empty."""

    files: Mapping[str, tuple[int, ...]] | str
    papers: Mapping[str, tuple[int, ...]]


class ModelAdmission:
    """One model's admission. ``run`` is for ever; ``check`` is asked at each request."""

    def __init__(
        self,
        settings: ModelSettings,
        home: Path,
        ask: Ask,
        book: Tells,
        unix: Callable[[], float],
        look_seconds: float = LOOK_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._look_seconds = look_seconds
        self._rest_seconds = rest_seconds
        self._settings = settings
        self._folder = home / settings.folder
        papers = {settings.key: Condition.FILES, settings.statement: Condition.TRAINING}
        papers |= dict.fromkeys(settings.forms, Condition.TESTING) | {settings.probes: Condition.PROBES}
        self._papers = {name: (home / name, condition) for name, condition in papers.items()}
        self._ask = ask
        self._book = book
        self._unix = unix
        self._admitted: Admissible | None = None
        self._why = ModelNotAdmitted(Condition.PENDING, "the model's files are being looked at")
        self._hashed: tuple[Mapping[str, tuple[int, ...]], Mapping[str, str]] = ({}, {})
        self._rest_until = 0.0
        self._failed: tuple[str, ...] = ()
        self.looked: Callable[[], None] = lambda: None
        """Called at each look: who let a request through asks ``check`` again of each that is under way."""

    def check(self, claims: PassClaims) -> str:
        """The digest of the model that may answer this token now. Raises ``ModelNotAdmitted``."""
        admitted = self._admitted
        if admitted is None:
            raise ModelNotAdmitted(self._why.fault, "the model is not admitted")
        if claims.model != self._settings.name:
            refuse(Condition.MODEL, f"this guard admits {self._settings.name[:80]!r} and no other model")
        admitted.check(self._unix(), claims.vvt)
        return admitted.digest

    @property
    def fault(self) -> str:
        """The condition by which it is out; empty while it is admitted."""
        return "" if self._admitted is not None else self._why.fault

    async def run(self) -> None:
        """Admit, watch, take out, and begin again. Whatever ends it, nothing is admitted from then on."""
        try:
            while True:
                self._failed = ()
                seen = await asyncio.to_thread(self._look)
                try:
                    found = await self._examine(seen)
                    await self._probe(found)
                    await self._take_in(found)
                    await self._while_it_holds(seen, found)
                except ModelNotAdmitted as error:
                    await self._take_out(error)
                    await self._until_changed(seen, _seconds_until_again(error))
        finally:
            self._admitted, self._why = None, ModelNotAdmitted(Condition.PENDING, "nobody looks at the model any more")
            self.looked()

    # ---- 1, 2: files and papers ----------------------------------------------------------------------------------

    def _look(self) -> _Seen:
        try:
            files: Mapping[str, tuple[int, ...]] | str = model_marks(self._folder)
        except TrustError as error:
            files = str(error)
        papers: dict[str, tuple[int, ...]] = {}
        for name, (path, _) in self._papers.items():
            try:
                seen = path.stat()
            except OSError:  # it is missed by name when it is read
                papers[name] = ()
                continue
            papers[name] = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        return _Seen(files, papers)

    async def _examine(self, seen: _Seen) -> Admissible:
        if isinstance(seen.files, str):
            refuse(Condition.FILES, seen.files)
        if self._hashed[0] != seen.files:
            await self._hash(seen.files)
        return await asyncio.to_thread(self._admit)

    async def _hash(self, marks: Mapping[str, tuple[int, ...]]) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._rest_until - clock()))
        began = clock()
        try:
            found = await asyncio.to_thread(model_digests, self._folder, lambda _read: None)
            after = await asyncio.to_thread(model_marks, self._folder)
        except TrustError as error:
            raise ModelNotAdmitted(Condition.FILES, str(error)) from error
        finally:
            self._rest_until = clock() + max(self._rest_seconds, clock() - began)
        if after != marks:
            refuse(Condition.FILES, "the files changed while they were hashed")
        self._hashed = (marks, found)

    def _admit(self) -> Admissible:
        signers = {name: bytes.fromhex(public) for name, public in self._settings.signers.items()}
        read = {}
        for name, (path, condition) in self._papers.items():
            try:
                read[name] = read_within(path, PAPER_BYTES_MAX)
            except ConfigError as error:
                raise ModelNotAdmitted(condition, str(error)) from error
        try:
            manifest = model_signature(self._folder)
        except TrustError as error:
            raise ModelNotAdmitted(Condition.FILES, str(error)) from error
        papers = Papers(
            manifest=manifest,
            key=read[self._settings.key],
            statement=read[self._settings.statement],
            forms=tuple(read[name] for name in self._settings.forms),
            probes=read[self._settings.probes],
            signers=signers,
        )
        return admit(papers, self._hashed[1], self._unix())

    # ---- 3: the canary -------------------------------------------------------------------------------------------

    async def _probe(self, found: Admissible) -> None:
        """Ask every probe. Raises ``ModelNotAdmitted``."""
        probes = found.probes
        failed = []
        for probe in probes.probe:
            if not passed(probe, probes, await self._answer(probe, probes)):
                failed.append(probe.id)
        self._failed = tuple(failed)
        if failed_too_often(probes, frozenset(failed)):
            refuse(Condition.CANARY, f"{len(failed)} of {len(probes.probe)} probes were not answered as they must be")

    async def _answer(self, probe: Probe, probes: Probes) -> str:
        asked: JsonValue = {
            "model": self._settings.name,
            "messages": [{"role": "user", "content": probe.prompt}],
            "max_tokens": probes.answer_tokens,
            "temperature": 0,
            "stream": False,
        }
        try:
            data = await self._ask(CHAT_PATH, canonical_bytes(asked), probes.answer_seconds)
            reply = msgspec.json.decode(data, type=_Reply)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelNotAdmitted(
                Condition.UNANSWERED, f"a probe was not answered: {type(error).__name__}"
            ) from error
        return "\n".join(
            text for choice in reply.choices for text in (choice.message.content, choice.message.refusal) if text
        )

    # ---- 4, 5: in, and out again -----------------------------------------------------------------------------------

    async def _take_in(self, found: Admissible) -> None:
        asked, until = len(found.probes.probe), int(found.until)
        said = Admission(MODEL_ADMITTED, "", found.digest, until, found.probes_digest, asked, self._failed)
        while True:
            try:
                await self._book.admission(said)
                break
            except EvidenceUnavailable as error:
                log.warning("the admission of the model is not on record, so it is not admitted: %s", error)
                await asyncio.sleep(self._look_seconds)
        self._admitted = found

    async def _while_it_holds(self, seen: _Seen, found: Admissible) -> None:
        """Returns never; raises ``ModelNotAdmitted`` with what ended."""
        clock = asyncio.get_running_loop().time
        due = clock() + found.probes.each_seconds
        probing: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(self._look_seconds)
                self.looked()
                now = await asyncio.to_thread(self._look)
                if now.files != seen.files:
                    refuse(Condition.FILES, "files of the model were touched")
                for name, (_, condition) in self._papers.items():
                    if now.papers[name] != seen.papers[name]:
                        refuse(condition, f"{name} was touched")
                found.check(self._unix(), ())
                if probing is not None and probing.done():
                    probing.result()
                    probing, due = None, clock() + found.probes.each_seconds
                elif probing is None and clock() >= due:
                    probing = asyncio.create_task(self._probe(found))
        finally:
            if probing is not None:
                probing.cancel()
                await asyncio.gather(probing, return_exceptions=True)

    async def _take_out(self, error: ModelNotAdmitted) -> None:
        known = self._admitted
        self._admitted, self._why = None, error
        self.looked()
        log.warning("the model is not admitted: %s", error)
        digest = known.digest if known is not None else ""
        said = Admission(NOT_ADMITTED, error.fault, digest, failed=self._failed, why=str(error)[:1_000])
        try:
            await self._book.admission(said)
        except EvidenceUnavailable as failure:  # then no token can be booked either, and nothing is let through
            log.warning("that the model is not admitted is not on record: %s", failure)

    async def _until_changed(self, seen: _Seen, at_most: float | None) -> None:
        """Wait until files or papers are others than those that were refused, or until it is time to try again."""
        clock = asyncio.get_running_loop().time
        again = None if at_most is None else clock() + at_most
        while again is None or clock() < again:
            await asyncio.sleep(self._look_seconds)
            if await asyncio.to_thread(self._look) != seen:
                return


def _seconds_until_again(error: ModelNotAdmitted) -> float | None:
    if error.fault == Condition.UNANSWERED:
        return UNANSWERED_SECONDS
    if error.fault in {Condition.TRAINING, Condition.TESTING, Condition.PROBES}:
        return PAPERS_SECONDS
    return None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Reply(msgspec.Struct):
    choices: tuple[_Choice, ...]
