# SPDX-License-Identifier: Apache-2.0
"""One exchange looked at: what the agreement would have said, by which clauses, and what a gateway would refuse first.

A field that a gateway would refuse is named and left out, and what remains is judged: so one learns both what a client
must stop to send, and what would become of its requests then. Nothing of the words is kept: not a word of a request or
answer, no name that a caller chose, no digest of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import Decision, decide
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, ScreeningUnavailable, UnsupportedField, UpstreamFailed
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange import strict_json
from brightline.core.exchange.api.not_carried import NOT_CARRIED
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.model import Exchange, Reply, exchange_digest
from brightline.core.review.case import hold_id
from brightline.observe.exchanges import Seen
from brightline.observe.streamed import whole
from brightline.shell.inference.screen import Judged, Screen

FIELDS_MAX: Final = 64
RULES_MAX: Final = 64
OTHER: Final = "(a name that no list here has)"
"""Stands for a name that a caller may have chosen: it could be content."""

# Names below the first level that other servers know; which they are says nothing of anybody.
_ELSEWHERE: Final = frozenset(
    {"image_url", "input_image", "input_audio", "input_file", "audio", "file", "video_url", "cache_control"}
    | {"annotations", "function_call", "index", "id", "thinking_blocks", "provider_specific_fields", "signature"}
)

_NO_DECISION: Final = Decision(Verdict.UNAVAILABLE, ())


class Looked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of an exchange beside verdict and clauses.

    ``stage`` says where it ended: ``unread``, ``request`` or ``answer``. ``answer`` says what became of the answer:
    ``absent``, ``unread``, or ``judged``. ``refused`` are fields that a gateway would refuse, ``error`` why it could
    not be read even without them. ``alone`` is the one rule without which a stop would be a permit. ``people`` are
    how many answers of people a hold asks for.
    """

    api: str
    source: str
    stage: str
    answer: str = "absent"
    refused: tuple[str, ...] = ()
    error: str = ""
    facts: dict[str, str] = {}
    rules: tuple[str, ...] = ()
    alone: str = ""
    hold: str = ""
    people: int = 0
    reference: str = ""
    unix: int = 0


class Look:
    """Looks at exchanges, one by one, in the thread of whoever asks."""

    def __init__(self, agreement: Agreement, screen: Screen, hold_key: bytes) -> None:
        self._agreement = agreement
        self._screen = screen
        self._hold_key = hold_key
        self._names: dict[str, frozenset[str]] = {}

    def at(self, seen: Seen) -> Draft:
        """Look at one exchange. Whatever it holds, there is a record of it."""
        refused, exchange, error = self._read(seen)
        looked = Looked(
            seen.api.NAME,
            seen.source,
            "unread",
            refused=refused,
            error=error,
            reference=seen.reference,
            unix=seen.unix,
        )
        if exchange is None:
            return self._draft("none", (), looked)
        judged: list[Judged] = []
        decision = _NO_DECISION
        try:
            judged.append(self._screen.request(seen.api, exchange))
            decision = self._decide(judged)
            answered = bool(seen.answer or seen.chunks)
            looked = msgspec.structs.replace(looked, stage="request", answer="unread" if answered else "absent")
            if decision.verdict is Verdict.PERMIT and answered:
                reply = _reply(seen, exchange)
                judged.append(self._screen.answer(exchange, reply))
                decision = self._decide(judged)
                looked = msgspec.structs.replace(looked, stage="answer", answer="judged")
        except ScreeningUnavailable:
            decision = _NO_DECISION
        except UpstreamFailed:
            pass  # an answer in another shape than Chat Completions: the request was judged, and this is said
        except CallerError as too_much:
            looked = msgspec.structs.replace(looked, error=looked.error or too_much.code)
            if not judged:
                return self._draft("none", (), looked)
        return self._decided(decision, judged, looked, exchange)

    def _decide(self, judged: list[Judged]) -> Decision:
        return decide(self._agreement, self._screen.facts(judged), {})

    def _decided(self, decision: Decision, judged: list[Judged], looked: Looked, exchange: Exchange) -> Draft:
        known: dict[str, str] = {}
        if decision.verdict is not Verdict.UNAVAILABLE:
            known = dict(self._screen.facts(judged).items())
        good = {spec.name: spec.good for spec in self._agreement.vocabulary.specs}
        rules = sorted({rule for each in judged for rule in each.rules})
        stopped = decision.verdict in (Verdict.HOLD, Verdict.DENY)
        hold, people = "", 0
        if decision.verdict is Verdict.HOLD:
            digest = exchange_digest(exchange)
            release = self._screen.release.digest
            hold = hold_id(self._hold_key, "observed", digest, self._agreement.digest, release)
            people = max((sum(number for _, number in each.quorum) for each in decision.questions), default=1)
        looked = msgspec.structs.replace(
            looked,
            facts={name: value for name, value in known.items() if value != good[name]},
            rules=tuple(rules[:RULES_MAX]),
            alone=self._alone(rules, judged) if stopped else "",
            hold=hold,
            people=people,
        )
        return self._draft(decision.verdict.value, decision.clauses, looked)

    def _alone(self, rules: list[str], judged: list[Judged]) -> str:
        """The one rule without which this would be permitted; nothing if there is none, or more than one."""
        found = [rule for rule in rules[:RULES_MAX] if self._permits([each.without(rule) for each in judged])]
        return found[0] if len(found) == 1 else ""

    def _permits(self, judged: list[Judged]) -> bool:
        return self._decide(judged).verdict is Verdict.PERMIT

    def _draft(self, verdict: str, clauses: tuple[str, ...], looked: Looked) -> Draft:
        public: dict[str, JsonValue] = {
            "agreement": self._agreement.digest,
            "release": self._screen.release.digest,
            "verdict": verdict,
            "clauses": list(clauses),
        }
        return Draft(RecordKind.OBSERVED, "", public, msgspec.to_builtins(looked))

    # ---- reading, as strictly as a gateway does ---------------------------------------------------------------

    def _read(self, seen: Seen) -> tuple[tuple[str, ...], Exchange | None, str]:
        """The fields that would be refused, and what is left once they are gone, or why it is still not read."""
        body, refused = seen.request, dict[str, None]()
        for _ in range(FIELDS_MAX):
            try:
                return tuple(refused), seen.api.read_request(body), ""
            except UnsupportedField as error:
                place, smaller = self._place(seen.api, error.param), _without(body, error.param)
                if smaller is None:
                    return tuple(refused), None, f"{error.code} {place}"
                refused.setdefault(place)
                body = smaller
            except CallerError as error:
                place = self._place(seen.api, error.param) if error.param else ""
                return tuple(refused), None, f"{error.code} {place}".strip()
        return tuple(refused), None, UnsupportedField.code

    def _place(self, api: Api, param: str) -> str:
        """A place in a request in words of ours: names that no list here has are not repeated, nor are numbers."""
        if api.NAME not in self._names:
            self._names[api.NAME] = frozenset(_names_in(api.REQUEST)) | NOT_CARRIED.keys() | _ELSEWHERE
        parts = [part.partition("[") for part in param.split(".")[:8]]
        known = self._names[api.NAME]
        return ".".join((name if name in known else OTHER) + ("[]" if more else "") for name, more, _ in parts)


def _reply(seen: Seen, exchange: Exchange) -> Reply:
    """The answer, whole. Raises ``UpstreamFailed``."""
    server = seen.api.SERVER
    return whole(seen.chunks, server, exchange) if seen.chunks else server.read_reply(seen.answer, exchange)


def _without(body: bytes, name: str) -> bytes | None:
    """The request without one of its first level's fields; ``None`` if that is not where it is."""
    value = strict_json.parse(body, strict_json.Limits())
    if not isinstance(value, dict) or name not in value:
        return None
    return strict_json.encode({field: child for field, child in value.items() if field != name})


def _names_in(type_: type[msgspec.Struct]) -> Iterator[str]:
    """Every name of a field in a request's type and the types below it."""
    _, components = msgspec.json.schema_components((type_,))
    for component in components.values():
        properties: dict[str, Any] = component.get("properties", {})
        yield from properties
