# SPDX-License-Identifier: Apache-2.0
"""Every refusal and failure, in one place, each with what the person who meets it needs.

Each type carries its HTTP status, its OpenAI ``type`` and ``code``, and a next step. The gateway maps them to
HTTP once, at its edge; the CLI prints them on stderr and exits with 2. The tree tells three blames apart:

    BrightlineError
    ├── CallerError                  you erred: change the request
    │   ├── MalformedRequest         400  bytes or fields that are not understood, with the place
    │   ├── UnsupportedField         400  a field of the API that this gateway does not carry
    │   ├── Unauthenticated          401
    │   ├── HoldNotReleased          403  what a named hold keeps cannot be had, or not again
    │   ├── OutsideRegistration      403  a tool, endpoint or size that the workload is not registered for
    │   ├── UnknownRoute             404
    │   ├── ModelNotFound            404
    │   ├── MethodNotAllowed         405
    │   ├── TooSlow                  408
    │   ├── RequestTooLarge          413
    │   ├── UnsupportedMediaType     415
    │   ├── ExpectationRefused       417
    │   ├── QuotaReached             429  later, not never
    │   └── HeadTooLarge             431
    ├── Refusal                      the agreement decided: the SDK must not retry
    │   ├── DeniedByAgreement        403
    │   ├── HeldForReview            403
    │   ├── Suspended                403
    │   ├── UnitHeld                 403
    │   └── Terminated               403
    ├── Unavailable                  no verdict could be reached: retry later, nothing is counted against you
    │   ├── ScreeningUnavailable     503
    │   ├── EvidenceUnavailable      503
    │   │   └── DiskFull             503  until there is room again
    │   ├── LeaseStale               503
    │   ├── Halted                   503  people stopped it: the SDK must not retry
    │   ├── ModelLost                503  until a server of the model is found again
    │   └── Overloaded               503
    ├── ReviewRefused                the queue of cases: a reviewer cannot have, or go on with, a case
    │   ├── LeaseLost                409  the claim ended, or another has it
    │   ├── ClaimRefused             409
    │   └── BreakDue                 429  enough hard content for now
    ├── UpstreamFailed               502  the model server erred
    ├── UnentitledStatement          500  our own mistake: a source stated what it may not
    └── OperatorError                exit 2; the installation is wrong and does not start
        ├── ConfigError
        ├── AgreementError           with file, line, column and the mend
        ├── ReleaseError
        ├── TrustError
        │   ├── NotSigned           a decision that the person did not sign
        │   └── ModelNotAdmitted    a model that is not served, with the condition by name
        ├── EvidenceRefused         what a machine says about itself, with the fault by name
        ├── ShardSealed             a peer ended this shard while its writer was away
        ├── WriterPresent            another process writes here at this moment
        ├── Unreachable              a log at an address that does not answer
        └── EvidenceDamaged          with the place
"""

from __future__ import annotations

import math
from typing import ClassVar


class BrightlineError(Exception):
    """The root. ``str(error)`` says what was found and what was expected; ``next_step`` says what to do."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"
    next_step: ClassVar[str] = "Report this with the request id: it is a fault of the gateway."


# ---- you erred --------------------------------------------------------------------------------------


class CallerError(BrightlineError):
    """The request cannot be served as it is. ``param`` is the place (``messages[0].content``), or empty."""

    status = 400
    type = "invalid_request_error"
    code = "malformed_request"
    next_step = "Correct the request; nothing was sent to the model."

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param


class MalformedRequest(CallerError):
    """Bytes or values that are not understood, and therefore not guessed at."""


class UnsupportedField(CallerError):
    """A field or value of the API that cannot be carried, because it could not be screened."""

    code = "unsupported_parameter"
    next_step = "Remove the field; docs/for-application-developers.md lists what is carried."


class Unauthenticated(CallerError):
    """No valid workload key. One message for every cause, so that nothing can be probed."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    next_step = "Send `Authorization: Bearer <workload key>`; `brightline workload add` makes one."


class OutsideRegistration(CallerError):
    """What the workload is not registered for; ``param`` names the place. Never counted against its unit."""

    status = 403
    type = "permission_error"
    code = "outside_registration"
    next_step = "Stay inside the registration, or have it registered: `brightline workload add` with what is missing."


class UnknownRoute(CallerError):
    """A path that this gateway does not serve; it is never passed through."""

    status = 404
    code = "unknown_route"
    next_step = "Use a path that docs/for-application-developers.md lists."


class ModelNotFound(CallerError):
    """A model that is not admitted here."""

    status = 404
    code = "model_not_found"
    next_step = "GET /v1/models lists the admitted models."


class MethodNotAllowed(CallerError):
    """A served path with another method."""

    status = 405
    code = "method_not_allowed"
    next_step = "Use the method that the API documents for this path."


class TooSlow(CallerError):
    """A request that did not arrive whole in its time."""

    status = 408
    code = "request_timeout"
    next_step = "Send the request at once; nothing was sent to the model."


class RequestTooLarge(CallerError):
    """More bytes than one exchange may have."""

    status = 413
    code = "request_too_large"
    next_step = "Send less in one request."


class UnsupportedMediaType(CallerError):
    """A content type or encoding other than plain JSON in UTF-8."""

    status = 415
    code = "unsupported_media_type"
    next_step = "Send `Content-Type: application/json` without a content encoding."


class ExpectationRefused(CallerError):
    """An ``Expect`` header: nothing here is promised before the request was read."""

    status = 417
    code = "expectation_failed"
    next_step = "Send the body at once, without `Expect`."


class UnknownHold(CallerError):
    """No such hold of this workload."""

    status = 404
    code = "hold_not_found"
    next_step = "Use the hold id that came with the refusal, and the key of the workload that asked."


class HoldNotReleased(CallerError):
    """A hold that is named and cannot be had: it is open, was denied, has expired, or was used."""

    status = 403
    type = "invalid_request_error"
    code = "hold_not_released"
    next_step = "Ask how the hold stands. Without naming it, the request is decided anew."


class NothingToAppeal(CallerError):
    """What is named was not denied by people, or is not an exchange that can be appealed with this request."""

    status = 403
    type = "invalid_request_error"
    code = "nothing_to_appeal"
    next_step = "Appeal a hold that people denied, or an exchange that the agreement refused, with its request again."


class QuotaReached(CallerError):
    """More in this time than a workload is registered for, or than its unit may have or write to this node's disk."""

    status = 429
    type = "rate_limit_error"
    code = "quota_reached"
    next_step = "Retry after the time in Retry-After, or have more registered."

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = max(1, math.ceil(wait_seconds))


class HeadTooLarge(CallerError):
    """A request line and header fields that are more than any client needs."""

    status = 431
    code = "head_too_large"
    next_step = "Send fewer and shorter header fields."


# ---- the agreement decided -----------------------------------------------------------------------------


class Refusal(BrightlineError):
    """The agreement does not permit this exchange. The same request gives the same answer: do not retry."""

    status = 403
    type = "policy_error"
    code = "denied_by_agreement"
    next_step = "Do not resend. Use a purpose and wording that the agreement permits."


class DeniedByAgreement(Refusal):
    """Denied: nobody can release it."""


class HeldForReview(Refusal):
    """Held: cleared people must answer first."""

    code = "held_for_review"
    next_step = "Ask hold_url until people have settled what is unknown; then send the same request again."


class Suspended(Refusal):
    """The unit's standing under the agreement does not permit service."""

    code = "unit_suspended"
    next_step = "Ask the accountable official of your unit; service returns when the standing is active."


class UnitHeld(Refusal):
    """A pattern was found in what the unit asks for; cleared people look before anything more is served."""

    code = "unit_held"
    next_step = "Ask the accountable official of your unit; cleared people are looking at what was denied."


class Terminated(Refusal):
    """The unit's use, or the whole agreement, was ended by two officers."""

    code = "unit_terminated"
    next_step = "Ask the accountable official of your unit; this cannot be undone here."


# ---- no verdict -------------------------------------------------------------------------------------------


class Unavailable(BrightlineError):
    """No verdict could be reached, so nothing was sent and nothing is counted against the caller."""

    status = 503
    type = "service_unavailable"
    code = "unavailable"
    next_step = "Retry after the time in Retry-After."
    retry_after_seconds: ClassVar[int] = 2


class ScreeningUnavailable(Unavailable):
    """A detector that the release requires failed, was late, or answered something that is no answer."""

    code = "screening_unavailable"


class EvidenceUnavailable(Unavailable):
    """A record could not be made durable."""

    code = "evidence_unavailable"
    retry_after_seconds = 5


class DiskFull(EvidenceUnavailable):
    """There is no room for evidence, so nothing new is served until there is. What runs can still be booked."""


class LeaseStale(Unavailable):
    """The attestation lease, the roster or the models' admission is missing or out of date."""

    code = "lease_stale"
    retry_after_seconds = 5


class Halted(Unavailable):
    """People stopped service, as a whole, of this unit, or of this model; people of both parties start it again."""

    code = "halted"
    next_step = "Do not resend by yourself. Ask the accountable official of your unit; both parties resume service."
    retry_after_seconds = 60


class ModelLost(Unavailable):
    """No server of this model can be found. It is looked for all the time, and service goes on once one is there."""

    code = "model_lost"
    retry_after_seconds = 5


class Overloaded(Unavailable):
    """The gateway sheds this request whole rather than screen it less."""

    code = "overloaded"


# ---- people's work --------------------------------------------------------------------------------------


class ReviewRefused(BrightlineError):
    """A reviewer cannot have a case, or cannot go on with one. Nothing was decided by that."""

    status = 409
    type = "review_error"
    code = "review_refused"
    next_step = "`brightline review queue` shows what waits."


class LeaseLost(ReviewRefused):
    """The claim ended in the meantime, or somebody else was given the case. Nothing was signed or logged."""

    code = "lease_lost"
    next_step = "Claim again; you get the same case if it is free and still asks for your office."


class ClaimRefused(ReviewRefused):
    """A claim, skip or decision that the queue does not allow, with the reason."""

    code = "claim_refused"
    next_step = "`brightline review claim` gives you the case that is next for you."


class BreakDue(ReviewRefused):
    """Enough cases for now. ``until`` is when the break is over, in Unix seconds."""

    status = 429
    code = "break_due"
    next_step = "Rest; claim again after the time that is named."

    def __init__(self, message: str, until: int) -> None:
        super().__init__(message)
        self.until = until


# ---- the peer erred -------------------------------------------------------------------------------------


class UpstreamFailed(BrightlineError):
    """The model server did not answer, or answered what is not understood. It is never retried for you."""

    status = 502
    type = "upstream_error"
    code = "upstream_failed"
    next_step = "The request may have reached the model; send it again only if that is harmless."


# ---- we are broken ---------------------------------------------------------------------------------------


class UnentitledStatement(BrightlineError):
    """A statement about a fact, by a source or with a value that the agreement does not provide for.

    Sources are entitled when the installation starts, so meeting this while serving is a mistake in our code:
    the exchange stops, and the statement is never skipped as if it had not been made.
    """

    code = "unentitled_statement"


# ---- the installation is wrong --------------------------------------------------------------------------


class OperatorError(BrightlineError):
    """The process does not start, or the command stops with exit code 2."""

    code = "operator_error"
    next_step = "Mend what the message names and start again."


class ConfigError(OperatorError):
    """A deployment setting that is unknown, missing or out of range."""


class AgreementError(OperatorError):
    """An agreement that does not load: ``where`` is ``file:line:column`` as far as known, ``mend`` says how."""

    def __init__(self, message: str, where: str = "", mend: str = "") -> None:
        super().__init__(": ".join(part for part in (where, message) if part) + (f" ({mend})" if mend else ""))
        self.where = where
        self.mend = mend


class ReleaseError(OperatorError):
    """A classifier release that does not load or does not hold its own examples."""


class TrustError(OperatorError):
    """A signature, key or statement that does not verify against the pinned roots."""


class EvidenceRefused(OperatorError):
    """Attestation evidence that is not believed; ``fault`` names the first thing that is wrong with it."""

    next_step = "docs/attestation.md says what each fault means; evidence that is refused is never half believed."

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault = fault
        self.said = message


class KeysRefused(TrustError):
    """A key broker hands over no keys, or what it handed over is no answer; ``fault`` names the reason."""

    next_step = (
        "docs/key-broker.md says what each refusal means; a node without its keys signs nothing and serves nothing."
    )

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault = fault
        self.said = message


class NotSigned(TrustError):
    """A decision whose signature does not hold, whoever is on the roster."""

    next_step = "Nothing was decided. Sign again; if it was logged, tell an auditor, for nobody may log such a thing."


class ModelNotAdmitted(TrustError):
    """A model that may not be served; ``fault`` names the condition that does not hold."""

    next_step = "docs/model-admission.md says what each condition asks for; nothing is served until all of them hold."

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault = fault


class ShardSealed(OperatorError):
    """A shard that a peer sealed while its writer was away: nothing is ever written to it again."""

    next_step = "Start with a shard of another name; `brightline shard add` makes its key."


class WriterPresent(OperatorError):
    """Another process holds the lock of what can have one writer."""

    next_step = "Wait until the other process has finished, or stop it; there is never a second writer."


class WorkersFailed(OperatorError):
    """A worker process did not start, or ended again and again; all of them were stopped."""

    next_step = "The lines above say what the worker met; mend that and start again."


class HuntBroken(OperatorError):
    """A hunt whose results do not add up, or came out in two ways for the same records."""

    code = "hunt_broken"
    next_step = (
        "Nothing of it is signed. Plan and run it again in a new folder; if it differs again, a detector of the "
        "release does not always say the same, and no digest of it can be made again."
    )


class Unreachable(OperatorError):
    """A published log or a repository whose server does not answer, or sends elsewhere. It says nothing of either."""

    next_step = "Try again later, or take a copy in a folder; silence of a server is no evidence."


class EvidenceDamaged(OperatorError):
    """Evidence on disk that is not what was written; ``place`` names file and offset or record."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
