# SPDX-License-Identifier: Apache-2.0
"""The technical controls that this product has: what a clause may be bound to, and nothing else.

A promise that only stands in a text is kept by whoever reads it. So every clause names the controls that carry it, and
the catalogue is closed: a control is a module that is here and a test that breaks it and looks. What is planned, or is
done by people alone, is no control. ``lint`` refuses a clause that names something else, and a test of the project
refuses an entry here whose module or test is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class Control(msgspec.Struct, frozen=True):
    """One control: what it does, the module that does it, and the test that looks (``tests/….py::test_…``)."""

    id: str
    says: str
    module: str
    test: str


_CATALOGUE: Final = (
    # ---- what is seen ----------------------------------------------------------------------------------------
    Control(
        "coverage",
        "Everything in a request or an answer that can carry text is screened, or the exchange is refused.",
        "brightline.core.exchange.coverage",
        "tests/core/exchange/test_coverage.py::test_a_mark_in_any_string_is_screened_or_refused",
    ),
    Control(
        "own_serialisation",
        "The model is sent what was screened, written anew by the gateway, and never the caller's bytes.",
        "brightline.core.exchange.chat_server",
        "tests/conformance/test_sdk.py::test_what_the_model_is_sent_is_our_own_serialisation",
    ),
    Control(
        "input_screening",
        "A request is screened before anything of it reaches a model.",
        "brightline.core.enforcement.machine",
        "tests/faults/test_invariants.py::test_a_red_line_in_the_prompt_never_reaches_the_model",
    ),
    Control(
        "output_screening",
        "An answer is held back until it is judged, and cut in mid-stream where it may not go on.",
        "brightline.core.enforcement.output",
        "tests/playbooks/test_stream.py::test_a_deny_in_mid_sentence_cuts_and_nothing_leaves_after_it",
    ),
    Control(
        "tool_call_screening",
        "A tool call is judged by its name and arguments, and leaves whole or not at all.",
        "brightline.core.screening.rules",
        "tests/conformance/test_sdk.py::test_a_tool_call_that_assigns_a_weapon_is_refused",
    ),
    Control(
        "disguise_views",
        "A text is also judged as it reads once disguises and encodings are undone.",
        "brightline.core.screening.views",
        "tests/core/screening/test_rules_release.py::test_a_disguised_order_is_found_in_another_view",
    ),
    Control(
        "no_verdict_unjudged",
        "A detector that fails, is late or is missing leaves no verdict: nothing is sent, and nobody is blamed.",
        "brightline.core.screening.release",
        "tests/faults/test_invariants.py::test_a_detector_that_does_not_judge_leaves_no_verdict_and_sends_nothing",
    ),
    Control(
        "shed_whole",
        "Overload refuses whole requests; no request is screened less.",
        "brightline.shell.inference.pool",
        "tests/faults/test_invariants.py::test_a_full_queue_sheds_and_does_not_skip",
    ),
    # ---- what is decided -------------------------------------------------------------------------------------
    Control(
        "default_deny",
        "Nothing is permitted by silence: a permit needs a grant that holds.",
        "brightline.core.agreement.decide",
        "tests/core/agreement/test_decide.py::test_nothing_is_permitted_by_silence",
    ),
    Control(
        "monotone_decision",
        "Knowing less or worse never loosens a verdict; an agreement of which this does not hold does not load.",
        "brightline.core.agreement.polarity",
        "tests/core/agreement/test_decide.py::test_a_worse_fact_never_loosens",
    ),
    Control(
        "approvals",
        "Approvals are counted for each office; none lifts a deny or a red line.",
        "brightline.core.agreement.clause",
        "tests/core/agreement/test_decide.py::test_more_approvals_never_tighten_and_never_release_a_deny",
    ),
    Control(
        "holds",
        "What only people can settle is held under an id, and nothing of it leaves meanwhile.",
        "brightline.core.review.case",
        "tests/playbooks/test_way_in.py::test_a_held_request_is_refused_with_a_hold_id",
    ),
    # ---- what the agreement itself may be --------------------------------------------------------------------
    Control(
        "standing_theorems",
        "An agreement of which a standing theorem does not hold is not served.",
        "brightline.core.agreement.theorems",
        "tests/core/agreement/test_theorems.py::test_what_fails_is_refused_with_words_and_a_mend",
    ),
    Control(
        "ratchet",
        "A later version that is weaker than the signed baseline, in what or in who, is never in force.",
        "brightline.core.agreement.ratchet",
        "tests/conformance/test_update.py::test_a_loosening_is_not_in_force_whoever_signed_and_logged_it",
    ),
    Control(
        "standing_ladder",
        "A unit that is denied more than our own error explains is held, and people decide what follows.",
        "brightline.core.standing",
        "tests/conformance/test_standing.py::test_what_is_denied_again_and_again_is_a_pattern_and_the_unit_waits_for_people",
    ),
    Control(
        "drift_watch",
        "A law that has moved away from its pin is reported, and followed by nothing.",
        "brightline.core.agreement.drift",
        "tests/core/agreement/test_drift.py::test_each_way_in_which_a_law_moves",
    ),
    # ---- who and where ---------------------------------------------------------------------------------------
    Control(
        "pass_token",
        "The model is reached with a token alone that is minted from a durable PASS record.",
        "brightline.core.enforcement.pass_token",
        "tests/core/enforcement/test_pass_token.py::test_nobody_but_the_mint_makes_a_token",
    ),
    Control(
        "attestation_lease",
        "Where the stack runs, and that it runs, is stated by a lease; once it lapses there is no service.",
        "brightline.shell.trust.lease",
        "tests/faults/test_invariants.py::test_a_lease_that_lapses_leaves_no_verdict",
    ),
    Control(
        "model_admission",
        "A model that both parties did not admit is not served.",
        "brightline.shell.trust.installation",
        "tests/shell/trust/test_attestation.py::test_a_model_that_is_not_admitted_is_not_stated_trained",
    ),
    Control(
        "roster",
        "Cleared people stand on a roster that both parties signed; one that is empty or expired stops service.",
        "brightline.shell.trust.attestation",
        "tests/shell/trust/test_attestation.py::test_an_empty_or_expired_roster_states_nobody",
    ),
    Control(
        "registration",
        "What a workload is for is signed by both parties and expires; nothing is inferred from what it asks.",
        "brightline.core.workload",
        "tests/playbooks/test_way_in.py::test_an_expired_registration_states_nothing_and_is_denied",
    ),
    Control(
        "registers",
        "What a registration rests on (purpose, protocol, tests) is registered, in date and not retired, or not good.",
        "brightline.core.register",
        "tests/core/test_register.py::test_a_retired_entry_holds_no_more_whatever_it_says_of_its_expiry",
    ),
    Control(
        "workload_bounds",
        "An endpoint, tool or size that the workload is not registered for is refused before anything is screened.",
        "brightline.core.enforcement.bounds",
        "tests/core/enforcement/test_bounds.py::test_an_endpoint_that_is_not_listed_is_outside",
    ),
    # ---- what is left behind ---------------------------------------------------------------------------------
    Control(
        "records",
        "An exchange whose record cannot be made durable stops there.",
        "brightline.core.evidence.record",
        "tests/faults/test_invariants.py::test_a_record_that_cannot_be_written_stops_the_exchange_there",
    ),
    Control(
        "verification",
        "Anybody can recount the records and make each decision again, from the published bytes alone.",
        "brightline.core.evidence.audit",
        "tests/core/evidence/test_audit.py::test_a_deleted_record_leaves_a_gap",
    ),
    # ---- what keeps the agreement itself ---------------------------------------------------------------------
    Control(
        "signed_agreement",
        "An agreement of which a byte is not as it was signed does not start.",
        "brightline.core.statement",
        "tests/faults/test_invariants.py::test_a_byte_more_in_the_agreement_is_another_agreement_and_does_not_start",
    ),
    Control(
        "signed_changes",
        "A change counts only if those signed it whom the signed baseline names.",
        "brightline.core.agreement.update",
        "tests/core/agreement/test_update.py::test_nobody_else_changes_it_alone_or_together",
    ),
)

CONTROLS: Final[Mapping[str, Control]] = MappingProxyType({control.id: control for control in _CATALOGUE})
