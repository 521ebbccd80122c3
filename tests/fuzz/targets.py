# SPDX-License-Identifier: Apache-2.0
"""What is fuzzed, and what must hold of any bytes: a value or an error of ours, nothing else, and no two readings.

Each target raises ``AssertionError`` for a second reading; whatever else it raises is a crash.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
from collections.abc import Callable
from typing import Any

import httptools
import msgspec

from brightline.core.admission.form import read_form
from brightline.core.admission.training import open_training
from brightline.core.attestation.claims import Claims
from brightline.core.attestation.development import verify_development
from brightline.core.attestation.event_log import read_log
from brightline.core.attestation.handing import read_asked, read_handed
from brightline.core.attestation.policy import read_policy
from brightline.core.attestation.tpm import read_public, read_quote
from brightline.core.errors import (
    CallerError,
    ConfigError,
    EvidenceRefused,
    KeysRefused,
    ReleaseError,
    ScreeningUnavailable,
    TrustError,
    UpstreamFailed,
)
from brightline.core.exchange import chat_server, strict_json
from brightline.core.exchange.api import chat
from brightline.core.exchange.api.table import APIS
from brightline.core.exchange.coverage import cover_reply, cover_request
from brightline.core.exchange.framing import Framing
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice
from brightline.core.exchange.sse import SseEvent, SseParser
from brightline.core.halt import HALT_FORMAT, HALT_TYPE, HaltOrder, Scope
from brightline.core.patterns.asked import FIELD, Asked
from brightline.core.patterns.asked import read_asked as read_how_asked
from brightline.core.patterns.masks import masks_in
from brightline.core.patterns.minimise import minimised
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.touched import persons_in
from brightline.core.review.decision import open_made
from brightline.core.review.halting import Signers, add_assertion, open_halt_by_people, statement_challenge
from brightline.core.review.passkey import (
    RelyingParty,
    check_public_key,
    decision_bytes,
    decision_challenge,
    read_response,
    verify,
    write_assertion,
)
from brightline.core.review.registering import verify_registration
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson, ReviewTerms
from brightline.core.review.together import put_together
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.gate import FORMAT as OUTCOMES_FORMAT
from brightline.core.screening.gate import Case, Outcomes, read_outcomes
from brightline.core.screening.oms import check_files, read_public_key
from brightline.core.screening.parcel import (
    APPROVAL_FORMAT,
    OFFER_FORMAT,
    Approval,
    Offer,
    read_approval,
    read_offer,
)
from brightline.core.screening.rules import RuleSet, load_rules
from brightline.core.screening.update import UPDATE_TYPE, ReleaseUpdate
from brightline.core.screening.views import views
from brightline.core.statement import TrustRoots, sign_statement, unverified_payload
from brightline.shell import shipped
from brightline.shell.trust.asking import read_printed
from tests.authenticator import ORIGIN, RP_ID, Passkey
from tests.core.attestation.samples import SAMPLES
from tests.core.review.test_docket import OPENED, said
from tests.core.screening.test_oms import REFERENCE, REFERENCE_KEY
from tests.fuzz import mutate

ASKED = chat.read_request(b'{"model": "m", "n": 2, "messages": [{"role": "user", "content": "a"}]}')


class Target(msgspec.Struct, frozen=True):
    """A reader of strangers' bytes."""

    name: str
    seeds: list[bytes]
    run: Callable[[bytes, random.Random], None]
    share: int
    """Of a thousand inputs: those that cost fifty times as much get fewer."""


def _pieces(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _framed(pieces: list[bytes]) -> bytes | str:
    framing = Framing()
    out = b""
    try:
        for piece in pieces:
            out += framing.feed(piece)
    except CallerError as error:
        return str(error)
    return out


class _Second:
    def on_url(self, url: bytes) -> None:
        assert url.startswith(b"/")


def framing(data: bytes, chance: random.Random) -> None:
    """A cut changes nothing, and another parser never refuses what passed."""
    whole = _framed([data])
    cut = _framed(_pieces(data, chance))
    assert type(cut) is type(whole)  # which of two faults is met first may differ
    assert cut == whole or isinstance(whole, str)
    if isinstance(whole, bytes) and whole:
        parser = httptools.HttpRequestParser(_Second())
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        parser.feed_data(whole)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict) and ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours)
        )
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, float):
        return isinstance(theirs, float) and (ours == theirs or math.isclose(ours, theirs, rel_tol=1e-15))
    return type(ours) is type(theirs) and bool(ours == theirs)


def strict(data: bytes, chance: random.Random) -> None:
    """What is accepted, the standard library reads as the same value, and our own bytes of it read back."""
    try:
        value = strict_json.parse(data, strict_json.Limits())
    except CallerError:
        return
    assert _same(value, json.loads(data))
    assert _same(strict_json.parse(strict_json.encode(value), strict_json.Limits()), value)


def request(data: bytes, chance: random.Random) -> None:
    """What an API reads, it sends as strict JSON of our own that its coverage reads back."""
    for api in APIS:
        try:
            exchange = api.read_request(data)
        except CallerError:
            continue
        sent = api.SERVER.write_request(exchange, "upstream-m")
        try:
            cover_request(sent.body, exchange, api.SERVER.NAMES)
        except CallerError:
            continue


def _events(pieces: list[bytes]) -> list[SseEvent] | str:
    parser = SseParser(event_bytes_max=4_096, data_lines_max=20)
    out: list[SseEvent] = []
    try:
        for piece in pieces:
            out += parser.feed(piece)
    except UpstreamFailed as error:
        return str(error)
    return out


def stream(data: bytes, chance: random.Random) -> None:
    """A cut changes no event; each event is a part of an answer or a failure of the model server."""
    whole, cut = _events([data]), _events(_pieces(data, chance))
    assert type(whole) is type(cut)  # which of two faults is met first may differ
    if isinstance(whole, str):
        return
    assert whole == cut
    for event in whole:
        try:
            chat_server.read_part(event.data, ASKED)
        except UpstreamFailed:
            return


def reply(data: bytes, chance: random.Random) -> None:
    """An answer, all of which is covered, or a failure of the model server."""
    try:
        answer = chat_server.read_reply(data, ASKED)
        cover_reply(answer, ASKED)
    except (UpstreamFailed, CallerError):
        return


def normaliser(data: bytes, chance: random.Random) -> None:
    """Every text has its views, or is said to have too many; the folded one is first, and none stands twice."""
    text = data.decode("utf-8", "replace")
    try:
        seen = views(text)
    except ScreeningUnavailable:
        return
    assert seen[0].name == "folded"
    assert len({view.text for view in seen}) == len(seen)


def _shipped_rules() -> RuleSet:
    read = shipped.folder_reader(shipped.shipped_release())
    return load_rules(read("rules.toml"), "rules.toml")


_RULES: list[RuleSet] = []


def rules(data: bytes, chance: random.Random) -> None:
    """The shipped rules search every text to its end."""
    if not _RULES:
        _RULES.append(_shipped_rules())
    try:
        _RULES[0].match([Segment("x", Surface.INPUT, data.decode("utf-8", "replace"))])
    except ScreeningUnavailable:
        return


def delivered(data: bytes, chance: random.Random) -> None:
    """Whatever travels with a release is read, or refused in words of ours; what reads twice reads the same."""
    readers: tuple[Callable[[bytes], object], ...] = (
        read_offer,
        read_approval,
        read_outcomes,
        _signed_files,
        _update,
        _training,
    )
    for read in readers:
        try:
            first = read(data)
        except (TrustError, ReleaseError):
            continue
        assert read(data) == first


def _signed_files(data: bytes) -> object:
    check_files(data, read_public_key(REFERENCE_KEY.encode()), {"a": "0" * 64})
    return ()


def _training(data: bytes) -> object:
    return open_training(data, f"sha256:{'0' * 64}", {"safety": bytes(32)}, 0)


def _update(data: bytes) -> object:
    return unverified_payload(data, UPDATE_TYPE, ReleaseUpdate)


DELIVERED = [
    msgspec.json.encode(Offer(OFFER_FORMAT, "r-v1", 1, f"sha256:{'0' * 64}", ("release.toml",))),
    msgspec.json.encode(Approval(APPROVAL_FORMAT, "r-v1", f"sha256:{'0' * 64}", f"sha256:{'1' * 64}")),
    msgspec.json.encode(
        Outcomes(OUTCOMES_FORMAT, "c", "a", "b", (Case("0" * 32, "n", "c", {"f": "yes"}, {"f": "no"}, {"f": "yes"}),))
    ),
    REFERENCE.encode(),
    b'{"payload":"e30=","payloadType":"' + UPDATE_TYPE.encode() + b'","signatures":[{"keyid":"00","sig":"00"}]}',
]


_EVIDENCE = [data for each in SAMPLES for data in (each.evidence.main, *each.evidence.parts.values())]
_SAID: dict[str, Claims] = {}


def _but_for_secure_boot(claims: Claims) -> Claims:
    """An event's data is believed only where it is what was measured: changed data is unknown, and that is all."""
    kept = tuple((name, value) for name, value in claims.conditions if name != "secure_boot")
    return msgspec.structs.replace(claims, conditions=kept)


def evidence(data: bytes, chance: random.Random) -> None:
    """In the place of a part of real evidence, any bytes are refused, or change nothing of what it says."""
    if not _SAID:
        _SAID.update((each.name, each.verify()) for each in SAMPLES)
    sample = chance.choice(SAMPLES)
    for part in ("", *sample.evidence.parts):
        try:
            said = sample.verify(main=None if part else data, parts={part: data} if part else None)
        except EvidenceRefused:
            continue
        assert _but_for_secure_boot(said) == _but_for_secure_boot(_SAID[sample.name])
    for read in (read_log, read_quote, read_public, verify_development, read_printed):
        try:
            read(data)
        except EvidenceRefused:
            continue
    with contextlib.suppress(KeysRefused):
        read_asked(data).pieces()
    with contextlib.suppress(KeysRefused):
        read_handed(data, bytes(32), bytes(32), "sha256:" + "00" * 32, 0.0)
    for read_text in (read_policy, read_form):
        try:
            read_text(data, "it")
        except ConfigError:
            continue


_PASSKEY = Passkey(1, "EdDSA", counter=None)
_WHO = ClearedPerson("a", "provider_cleared", 10_000, credentials=(_PASSKEY.credential,))
_TERMS = ReviewTerms(RelyingParty(RP_ID, (ORIGIN,)))
_DECIDED = said("a")
_CHALLENGE = decision_challenge(_DECIDED)
_HALT_ORDER = HaltOrder(HALT_FORMAT, "0" * 32, Scope.INSTALLATION, "", "a drill", 1)
_HALT = sign_statement(_HALT_ORDER, HALT_TYPE, ())
_SENIOR = msgspec.structs.replace(_WHO, id="s", roles=(Role.SENIOR_REVIEWER,))
_SIGNERS = Signers(TrustRoots("production", {}), {"s": _SENIOR}, RelyingParty(RP_ID, (ORIGIN,)))
_MANY = put_together([decision_bytes(_DECIDED), b"another"])
_PASSKEYS = [
    write_assertion(_DECIDED, _PASSKEY.get(_CHALLENGE)),
    _PASSKEY.get(_CHALLENGE),
    _PASSKEY.create(_CHALLENGE),
    write_assertion(_DECIDED, _PASSKEY.get(_MANY.challenge), _MANY.places[0]),
    add_assertion(_HALT, "s", _PASSKEY.get(statement_challenge(_HALT, HALT_TYPE))),
]


def passkey(data: bytes, chance: random.Random) -> None:
    """What a browser or a log gives is the decision or halt that was signed, the passkey that was made, or nothing."""
    with contextlib.suppress(TrustError):
        assert open_halt_by_people(data, _SIGNERS, at=OPENED).value == _HALT_ORDER
    relying = _TERMS.passkeys
    assert relying is not None
    for envelope in (data, b'{"format":"brightline-assertion/1",' + data[1:]):
        with contextlib.suppress(TrustError):
            assert open_made(envelope, {"a": _WHO}, OPENED, _TERMS).decision == _DECIDED
    with contextlib.suppress(TrustError):
        assert verify(read_response(data), _PASSKEY.cose.hex(), _CHALLENGE, relying) == 0
    with contextlib.suppress(TrustError):
        check_public_key(verify_registration(data, _CHALLENGE, relying).public)


def _sketch() -> bytes:
    sketch = Sketch(0)
    for token in (1, 2**63, 5):
        sketch.add(token, token % 100, 3)
    return sketch.write()


_SKETCHES = [
    _sketch(),
    b"name,city\nmaria jensen,Oslo\n",
    b'{"subjects": ["maria jensen"]}',
    b"Where is Maria Jensen?",
    b"Maria Jensen, a U.S. person, SSN 078-05-1120, maria@example.org, (415) 555-0132.",
    "1. 王志强先生\n2. محمد أحمد\nWhere does subject 2 live?".encode(),
]
_ASKED = Exchange("chat", "m", ())


def persons(data: bytes, chance: random.Random) -> None:
    """A person has one spelling; masks lie in the text, in order, and leave no number; a sketch is what it writes."""
    text = data.decode(errors="replace")
    end = 0
    for mask in masks_in(text, ("jensen maria",)):
        assert end <= mask.start < mask.end <= len(text)
        end = mask.end
    left = minimised(_ASKED, Reply((ReplyChoice(0, text),))).reply.choices[0].text
    assert not [mask for mask in masks_in(left, ()) if mask.kind in {"SSN", "e-mail"}]
    for person in persons_in(text):
        kind, _, value = person.partition(" ")
        assert kind in {"name", "email", "phone", "ssn", "iban", "imei"}
        assert value
        assert value == value.strip()
    with contextlib.suppress(ValueError):
        assert Sketch.read(data).write() == data


_HOW_ASKED = [
    json.dumps(each.fields()).encode()
    for each in (
        Asked(1 << 63, (1 << 64) - 1, 3, 4),
        Asked(step=True, acts=True),
        Asked(step=True, force=True, rows=12, case=(1 << 63) + 7, again=True),
    )
]


def how_asked(data: bytes, chance: random.Random) -> None:
    """What an ATTEMPT commits to of how a request asks reads to what is written again as the same, or is none."""
    try:
        committed = json.loads(data)
    except (ValueError, RecursionError):
        return
    for fields in (committed, {FIELD: committed}):
        if not isinstance(fields, dict):
            continue
        try:
            asked = read_how_asked(fields)
        except ValueError:
            continue
        assert asked.fields().get(FIELD, {}) == fields.get(FIELD, {})
        assert read_how_asked(asked.fields()) == asked


TARGETS = (
    Target("framing", mutate.FRAMES, framing, 190),
    Target("passkey", _PASSKEYS, passkey, 10),
    Target("delivered", DELIVERED, delivered, 10),
    Target("evidence", _EVIDENCE, evidence, 10),
    Target("strict_json", mutate.REQUESTS, strict, 180),
    Target("request", mutate.REQUESTS, request, 200),
    Target("stream", mutate.STREAMS, stream, 180),
    Target("reply", mutate.REPLIES, reply, 140),
    Target("normaliser", mutate.TEXTS, normaliser, 35),
    Target("rules", mutate.TEXTS, rules, 5),
    Target("how_asked", _HOW_ASKED, how_asked, 20),
    Target("persons", [*mutate.TEXTS, *_SKETCHES], persons, 20),
)
