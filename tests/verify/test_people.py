# SPDX-License-Identifier: Apache-2.0
"""What people signed, verified offline from published logs, disclosures, the installation and the parties' keys."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import Subject
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.audit import PEOPLE
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.halt import HALT_FORMAT, HALT_TYPE, HaltOrder, Scope
from brightline.core.review.auditing import RosterAudit
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.decision import ReviewerDecision, sign_decision
from brightline.core.review.halting import add_assertion, statement_challenge
from brightline.core.review.passkey import decision_bytes, decision_challenge, write_assertion
from brightline.core.review.together import put_together
from brightline.core.statement import sign_statement
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.registry.decisions import draft_of
from brightline.shell.registry.log import append_to_registry
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from brightline.verify.arguments import read_people
from tests.authenticator import Passkey
from tests.core.evidence.leaves import leaf
from tests.core.review.test_docket import CASE, said
from tests.harness import read_records
from tests.playbooks.playbook import AGREEMENT
from tests.shell.cli.in_process import run

WHO: Final = "r-1"
SOFTWARE: Final = "provider-cleared-reviewer-1"
AT: Final = 1_790_000_000
WHY: Final = ("--reason", "a drill", "--yes", "--json")


class Site:
    """An installation with somebody on its roster, and an auditor who was given everything."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = Passkey(1)
        run("init", root, "--model", "m=upstream-m", "--upstream", "http://127.0.0.1:9", "--port", "0")
        new = ("--office", "provider_cleared", "--days", "30", "--invite")
        code = json.loads(run("review", "enrol", root, WHO, *new, *WHY).stdout)["code"]
        made = {"format": "brightline-passkey/1", "person": WHO, "code": code, "made": 1}
        file = root / "made"
        file.write_bytes(json.dumps(made | {"credential": msgspec.to_builtins(self.key.credential)}).encode())
        run("review", "enrol", root, WHO, "--passkey", file, *WHY)

    def decision(self, hold: str, who: str = WHO) -> ReviewerDecision:
        """A decision about a case that was opened now."""
        case = msgspec.structs.replace(CASE, hold=hold, expires=2**40)
        return said(who, case=case)

    def log(
        self, decision: ReviewerDecision, envelope: bytes, change: Callable[[Draft], Draft] = lambda it: it
    ) -> None:
        """Write a decision into the registry, past every command, as whoever can write there may."""
        draft = change(draft_of(decision, "provider_cleared", envelope))
        append_to_registry(self.root, load_settings(self.root), "development", SystemClock(), draft)

    def signed(self, hold: str, **how: Any) -> tuple[ReviewerDecision, bytes]:
        """A decision by passkey."""
        decision = self.decision(hold)
        return decision, write_assertion(decision, self.key.get(decision_challenge(decision), **how))

    def verified(self, *more: str | Path, code: int = 0) -> tuple[str, str, list[str]]:
        """Status and proof of the claim, and what contradicts it."""
        out = self.root / "opened"
        out.unlink(missing_ok=True)
        run("disclose", self.root, out)
        given = ("--disclosures", out, "--installation", self.root / "installation.json")
        parties = ("--parties", self.root / "trust.json")
        said = run("verify", self.root / "evidence", *given, *parties, *more, "--json", code=code).stdout
        (report,) = [each for each in json.loads(said) if each["shard"] == "registry"]
        (claim,) = [each for each in report["claims"] if each["name"] == PEOPLE]
        wrong = [each["message"] for each in report["contradictions"]]
        return claim["status"], claim["detail"], wrong


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("people") / "state")


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A site of the test's own, made once and copied."""
    copy = Site.__new__(Site)
    copy.root, copy.key = tmp_path / "state", Passkey(1)
    shutil.copytree(made.root, copy.root)
    return copy


def test_decisions_by_passkey_and_by_key_and_enrolments_are_verified_offline(site: Site) -> None:
    site.log(*site.signed("hold_1"))
    by_key = site.decision("hold_2", SOFTWARE)
    site.log(by_key, sign_decision(by_key, load_key(StateFolder(site.root).key(SOFTWARE))))
    status, proof, wrong = site.verified()
    assert (status, wrong) == ("PROVEN", [])
    assert proof == "2 decisions by people on the roster; 2 enrolments by both parties"


def test_denials_under_one_signature_are_verified_one_by_one(site: Site) -> None:
    decisions = [site.decision(f"hold_{n}") for n in range(3)]
    many = put_together([decision_bytes(each) for each in decisions])
    given = site.key.get(many.challenge)
    for decision, among in zip(decisions, many.places, strict=True):
        site.log(decision, write_assertion(decision, given, among))
    status, proof, wrong = site.verified()
    assert (status, wrong) == ("PROVEN", [])
    assert proof.startswith("3 decisions by people on the roster;")
    other = site.decision("hold_4")
    site.log(other, write_assertion(other, given, many.places[0]))
    status, _, wrong = site.verified(code=1)
    assert (status, len(wrong)) == ("CONTRADICTED", 1)


def test_a_decision_that_a_passkey_signed_elsewhere_or_unverified_contradicts_the_log(site: Site) -> None:
    for how in ({"origin": "https://evil.example"}, {"flags": 1}, {"rp_id": "evil.example"}):
        site.log(*site.signed("hold_1", **how))
    status, _, wrong = site.verified(code=1)
    assert (status, len(wrong)) == ("CONTRADICTED", 3)
    assert all(each.startswith("nobody signed this decision") for each in wrong)


def test_a_decision_under_somebody_elses_signature_or_changed_contradicts_the_log(site: Site) -> None:
    decision, envelope = site.signed("hold_1")
    other = site.decision("hold_2")
    site.log(other, write_assertion(other, site.key.get(decision_challenge(decision))))
    changed = json.loads(envelope)
    changed["signature"] = base64.b64encode(base64.b64decode(changed["signature"])[:-1] + b"x").decode()
    site.log(decision, json.dumps(changed).encode())
    site.log(decision, envelope, lambda draft: msgspec.structs.replace(draft, committed={"statement": "{}"}))
    status, _, wrong = site.verified(code=1)
    assert (status, len(wrong)) == ("CONTRADICTED", 3)


def test_halts_by_key_and_by_passkey_are_verified_offline(site: Site) -> None:
    run("review", "enrol", site.root, WHO, "--role", "senior-reviewer", *WHY)

    def log(statement: bytes, **public: JsonValue) -> None:
        draft = Draft(RecordKind.HALT, "", public, {"statement": statement.decode(), "name": ""})
        append_to_registry(site.root, load_settings(site.root), "development", SystemClock(), draft)

    run("halt", site.root, "--reason", "a drill")
    run("resume", site.root, "--reason", "over")
    order = HaltOrder(HALT_FORMAT, "0" * 32, Scope.INSTALLATION, "", "a drill", 1)
    unsigned = sign_statement(order, HALT_TYPE, ())
    given = site.key.get(statement_challenge(unsigned, HALT_TYPE))
    signed = add_assertion(unsigned, WHO, given)
    log(signed, halt=order.id, scope="installation")
    status, proof, wrong = site.verified()
    assert (status, wrong) == ("PROVEN", [])
    assert proof.endswith("; 3 halts and ends of halts by those who may")
    log(signed, halt="1" * 32, scope="installation")
    log(add_assertion(unsigned, SOFTWARE, given), halt=order.id, scope="installation")
    log(unsigned, halt=order.id, scope="installation")
    status, _, wrong = site.verified(code=1)
    assert (status, len(wrong)) == ("CONTRADICTED", 3)
    assert wrong[0].startswith("what was signed is another halt")
    assert all(each.startswith("nobody who may signed this halt") for each in wrong[1:])


def test_a_record_that_says_otherwise_than_what_was_signed_contradicts_the_log(site: Site) -> None:
    def saying(name: str) -> Callable[[Draft], Draft]:
        return lambda draft: msgspec.structs.replace(draft, public={**draft.public, name: "another"})

    for name in ("hold", "case", "agreement", "release"):
        site.log(*site.signed("hold_1"), saying(name))
    status, _, wrong = site.verified(code=1)
    assert (status, len(wrong)) == ("CONTRADICTED", 4)
    assert all("another hold, case, agreement or release" in each for each in wrong)


def test_what_was_signed_and_counts_for_nothing_speaks_against_nobody(site: Site) -> None:
    decision, envelope = site.signed("hold_1")
    site.log(decision, envelope)
    site.log(decision, envelope)  # shown again: the counter does not grow
    run("review", "withdraw", site.root, WHO, *WHY)
    site.log(*site.signed("hold_2"))
    status, proof, wrong = site.verified()
    assert (status, wrong) == ("PROVEN", [])
    assert proof.startswith("3 decisions by people on the roster, 2 of which count for nothing; 3 enrolments")


def test_a_second_visit_goes_on_with_the_roster_of_the_first(site: Site, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    site.log(*site.signed("hold_1"))
    assert site.verified("--memory", memory)[0] == "PROVEN"
    site.log(*site.signed("hold_2"))
    status, proof, _ = site.verified("--memory", memory)
    assert (status, proof.split(";")[0]) == ("PROVEN", "2 decisions by people on the roster")
    site.log(*site.signed("hold_3", flags=1))
    assert site.verified("--memory", memory, code=1)[0] == "CONTRADICTED"


def counted_again(
    site: Site, *who: str, at: int = AT, agreements: Sequence[Agreement] = (), **changes: Any
) -> tuple[RosterAudit, Case]:
    """An auditor who has read what these people answered about a case, each with the key of development."""
    people = read_people(site.root / "installation.json", site.root / "trust.json", agreements)
    assert people is not None
    asked = (CaseQuestion(Subject.FACT, "mass_domestic", (("provider_cleared", 2),)),)
    case = msgspec.structs.replace(CASE, **{"questions": asked, "opened": AT, "expires": AT + 100, **changes})
    for person in who:
        answered(people, site, person, case, at)
    return people, case


def answered(people: RosterAudit, site: Site, person: str, case: Case, at: int) -> None:
    """The auditor reads one more answer."""
    decision = said(person, case=case)
    envelope = sign_decision(decision, load_key(StateFolder(site.root).key(person)))
    public = draft_of(decision, "provider_cleared", envelope).public
    named: dict[str, Any] = {name: public[name] for name in ("agreement", "release", "hold", "case", "office")}
    assert people.enter(logged(RecordKind.DECISION, at, **named), {"statement": envelope.decode()}) == ""


def logged(kind: RecordKind, at: int, **public: Any) -> Leaf:
    """A leaf of that second."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return msgspec.structs.replace(leaf(0, kind, **public), time=moment)


REVIEWERS: Final = tuple(f"provider-cleared-reviewer-{n}" for n in (1, 2, 3))
SENIORS: Final = tuple(f"provider-cleared-senior-{n}" for n in (1, 2))


@pytest.mark.parametrize(
    ("who", "changes", "enough"),
    [
        (REVIEWERS[:2], {}, True),
        (REVIEWERS[:1], {}, False),
        ((REVIEWERS[0], REVIEWERS[0]), {}, False),
        (REVIEWERS[:2], {"recused": (REVIEWERS[0],)}, False),
        (REVIEWERS[:2], {"organisations": (("provider_cleared", 2),)}, True),
        ((REVIEWERS[0], REVIEWERS[2]), {"organisations": (("provider_cleared", 2),)}, False),
        (REVIEWERS, {"organisations": (("provider_cleared", 2),)}, True),
        (REVIEWERS, {"appeal": "a" * 32}, False),
        (SENIORS, {"appeal": "a" * 32}, True),
        (REVIEWERS[:2], {"at": AT + 100}, False),
    ],
)
def test_what_settles_a_case_is_counted_again_from_what_was_signed(
    made: Site, who: tuple[str, ...], changes: dict[str, Any], enough: bool
) -> None:
    people, case = counted_again(made, *who, **changes)
    assert people.enough(case.digest, AT + 200, whole=True) is enough
    assert people.enough(case.digest, AT + 200, whole=False) is enough
    assert not people.enough(case.digest, AT - 1, whole=False)  # nobody had said anything
    again = read_people(made.root / "installation.json", made.root / "trust.json")
    assert again is not None
    again.resume(people.memory())
    assert again.enough(case.digest, AT + 200, whole=True) is enough


def test_a_case_that_asks_fewer_people_than_its_agreement_is_settled_by_nobody(made: Site) -> None:
    """A gateway could open such a case, and one person sign what it asks."""
    one = (CaseQuestion(Subject.FACT, "mass_domestic", (("provider_cleared", 1),)),)
    weak: dict[str, Any] = {"questions": one}
    for known, asked, enough in (((), weak, True), ((AGREEMENT,), weak, False), ((AGREEMENT,), {}, True)):
        people, case = counted_again(made, *REVIEWERS[:2], agreements=known, agreement=AGREEMENT.digest, **asked)
        assert people.enough(case.digest, AT + 200, whole=True) is enough


def test_who_was_withdrawn_before_a_question_was_answered_is_not_counted_and_who_was_later_is(site: Site) -> None:
    run("review", "withdraw", site.root, REVIEWERS[0], *WHY)
    statement = [each for each in read_records(site.root, "registry") if each["kind"] == "ENROLMENT"][-1]["committed"]
    now = int(time.time()) + 10
    people, case = counted_again(site, REVIEWERS[0], at=now, opened=now, expires=now + 100)
    before = msgspec.structs.replace(case, hold="hold_before")
    for person in REVIEWERS[:2]:
        answered(people, site, person, before, now)
    assert people.enter(logged(RecordKind.ENROLMENT, now + 10), {"statement": statement["statement"]}) == ""
    answered(people, site, REVIEWERS[1], case, now + 20)
    again = read_people(site.root / "installation.json", site.root / "trust.json")
    assert again is not None
    again.resume(people.memory())
    for audit in (people, again):
        assert not audit.enough(case.digest, now + 30, whole=True)
        assert audit.enough(before.digest, now + 30, whole=True)  # what was decided stays decided
        answered(audit, site, REVIEWERS[2], case, now + 30)
        assert audit.enough(case.digest, now + 30, whole=True)


def test_what_is_not_disclosed_may_be_enough(made: Site) -> None:
    people, case = counted_again(made, REVIEWERS[0])
    assert not people.enough(case.digest, AT + 200, whole=True)
    people.enter(leaf(0, RecordKind.DECISION), {})
    assert people.enough(case.digest, AT + 200, whole=True)


def test_without_installation_keys_or_disclosures_nothing_is_shown(site: Site) -> None:
    site.log(*site.signed("hold_1"))
    plain = json.loads(run("verify", site.root / "evidence", "--json").stdout)
    assert "who is on the roster is not known" in json.dumps(plain)
    given = ("--installation", site.root / "installation.json", "--parties", site.root / "trust.json")
    closed = run("verify", site.root / "evidence", *given, "--json").stdout
    assert "3 records of people's were not disclosed" in closed
    with pytest.raises(ConfigError, match="takes both"):
        read_people(site.root / "installation.json", None)
    with pytest.raises(ConfigError, match="does not hold the keys"):
        read_people(site.root / "installation.json", site.root / "installation.json")
    keys = json.loads((site.root / "trust.json").read_text())
    keys["roles"]["customer-official"]["keys"] = keys["roles"]["field-engineer"]["keys"]
    keys["roles"]["field-engineer"]["keys"] = []
    (site.root / "other").write_text(json.dumps(keys))
    with pytest.raises(TrustError, match="customer-official"):
        read_people(site.root / "installation.json", site.root / "other")
